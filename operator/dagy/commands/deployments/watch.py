"""`dagy deployments watch`."""

from __future__ import annotations

from dagy.commands import terminal
from dagy.commands.connection import DONE, connected, namespace_of, with_exit_code
from dagy.commands.options import DEFAULT, AllNamespaces, Api
from dagy.model.rest.summaries import DeploymentSummary, GoneDeployment


@with_exit_code
def watch(*, all_namespaces: AllNamespaces = False, api: Api = DEFAULT) -> int:
    """Print one line for each deployment, and for each change; with --json one object a line."""
    namespace = None if all_namespaces else namespace_of(api)
    with connected(api) as client:
        for found in client.deployments.watch(namespace):
            terminal.lines([found.model_dump_json() if api.as_json else line(found)])
    return DONE


def line(found: DeploymentSummary | GoneDeployment) -> str:
    """One deployment, or its end."""
    name = f"{found.namespace}/{found.name}"
    if isinstance(found, GoneDeployment):
        return f"{name}: is gone"
    run = f", last run {found.last_run.phase}" if found.last_run else ""
    revision = f"revision {found.revision}" if found.revision else "no revision yet"
    told = f"{name} ({found.flow_name} {found.flow_version}): {revision}{run}"
    return told if found.ready or not found.message else f"{told}: {found.message}"
