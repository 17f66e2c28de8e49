"""`dagy deployments` and `dagy run`: flows that are deployed, and their runs."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from dagy.client import Client, DeploymentRefusedError, NotFoundError
from dagy.commands import output, terminal
from dagy.commands.connection import DONE, FAILED, connected, namespace_of, with_exit_code
from dagy.commands.deployments.text import HEADINGS, outcome, page, row
from dagy.commands.options import ALL_OPTIONS, DEFAULT, AllNamespaces, Api, Deployment, Follow, Timeout
from dagy.model.flowstatus import RunPhase
from dagy.model.rest.deployments import DeploymentResponse

app = App(name="deployments", default_parameter=ALL_OPTIONS)
# Its help stands here, because a command that isn't run isn't imported.
app.command(
    "dagy.commands.deployments.watch:watch",
    name="watch",
    help="Print deployments as they are, then whatever becomes of them, until it is interrupted.",
)


@app.command(name="list")
@with_exit_code
def list_deployments(
    *,
    dep_package: Annotated[
        str | None, Parameter(name="--dep-package", help="Only those that attach the package with this slug.")
    ] = None,
    all_namespaces: AllNamespaces = False,
    api: Api = DEFAULT,
) -> int:
    """List deployments."""
    namespace = None if all_namespaces else namespace_of(api)
    with connected(api) as client:
        found = list(client.deployments.list(namespace, dep_package=dep_package))
    if api.as_json:
        output.as_json(found)
    else:
        where = "in any namespace" if namespace is None else f"in namespace {namespace}"
        output.listing(
            found, HEADINGS, row, f"There is no deployment {where}. `dagy deploy --help` says how to make one."
        )
    return DONE


@app.command
@with_exit_code
def show(deployment: Deployment, /, *, api: Api = DEFAULT) -> int:
    """Show all about a deployment: its packages, revisions and runs."""
    with connected(api) as client:
        found = client.deployments.get(deployment)
        if api.as_json:
            output.as_json(found)
        else:
            output.fields(page(found, list(client.deployments.runs(deployment))))
    return DONE


@app.command
@with_exit_code
def rollback(
    deployment: Deployment,
    /,
    *,
    revision: Annotated[
        int | None, Parameter(help="Revision to deploy again; the one before the present one when absent.")
    ] = None,
    timeout: Timeout = 300.0,
    api: Api = DEFAULT,
) -> int:
    """Deploy an earlier revision again, with the code and the packages that it had. What runs goes on."""
    with connected(api) as client:
        wanted = revision or _before(client.deployments.get(deployment))
        client.deployments.rollback(deployment, wanted)
        return settled(client, api, deployment, timeout)


@app.command
@with_exit_code
def delete(deployment: Deployment, /, *, api: Api = DEFAULT) -> int:
    """Delete a deployment, its schedule and its runs."""
    with connected(api) as client:
        client.deployments.delete(deployment)
    if api.as_json:
        output.as_json({"deleted": [deployment]})
    else:
        terminal.note(f"{deployment}: is being deleted")
    return DONE


@app.command
@with_exit_code
def logs(
    deployment: Deployment,
    run: Annotated[str | None, Parameter(name="RUN", help="Name of the run; the latest when absent.")] = None,
    /,
    *,
    follow: Follow = False,
    api: Api = DEFAULT,
) -> int:
    """Print the log of a run."""
    with connected(api) as client:
        found = client.deployments.run_logs(deployment, run or _latest(client, deployment), follow=follow)
        if api.as_json:
            output.as_json({"lines": list(found)})
        else:
            terminal.lines(found)
    return DONE


@with_exit_code
def run(
    deployment: Deployment,
    /,
    *,
    wait: Annotated[
        bool,
        Parameter(
            name=["--wait", "-w"], negative="", help="Print the run's log and end with the exit code of the flow."
        ),
    ] = False,
    api: Api = DEFAULT,
) -> int:
    """Start a run and, with --wait, stay with it; `dagy.cli` has the help."""
    with connected(api) as client:
        started = client.deployments.run(deployment)
        where = f"{started.namespace}/{started.job_name}"
        if not wait:
            if api.as_json:
                output.as_json(started)
            else:
                terminal.say(started.job_name)
                terminal.note(
                    f"{where}: started. See it with `dagy deployments logs --follow {deployment} {started.job_name}`."
                )
            return DONE
        terminal.note(f"{where}: started")
        found = client.deployments.run_logs(deployment, started.job_name, follow=True)
        lines = list(found) if api.as_json else None
        if lines is None:
            terminal.lines(found)
        ended = client.deployments.wait_for_run(deployment, started.job_name)
    if api.as_json:
        output.as_json({**ended.model_dump(mode="json"), "lines": lines})
    if ended.phase is RunPhase.SUCCEEDED:
        return DONE
    why = f": {ended.message}" if ended.message else ""
    terminal.note(f"{where}: {ended.phase}" + (f", exit code {ended.exit_code}" if ended.exit_code else why))
    return ended.exit_code or FAILED


def settled(client: Client, api: Api, deployment: str, timeout: float) -> int:
    """Wait until a deployment is ready or refused, and tell it. Raises DeploymentRefusedError."""
    found = client.deployments.wait(deployment, timeout=timeout)
    if not found.ready:
        raise DeploymentRefusedError(outcome(found))
    if api.as_json:
        output.as_json(found)
    else:
        terminal.say(outcome(found))
    return DONE


def _before(deployment: DeploymentResponse) -> int:
    earlier = [one.revision for one in deployment.history if one.revision != deployment.revision]
    if not earlier:
        raise DeploymentRefusedError(
            f"Deployment {deployment.namespace}/{deployment.name} has no earlier revision that is kept, so there is "
            "nothing to roll back to."
        )
    return max(earlier)


def _latest(client: Client, deployment: str) -> str:
    runs = client.deployments.runs(deployment)
    if not runs:
        raise NotFoundError(
            404, f"Deployment {deployment} has no run that is kept. Start one with `dagy run {deployment}`."
        )
    return runs[0].job_name
