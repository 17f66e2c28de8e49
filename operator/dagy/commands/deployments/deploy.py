"""`dagy deploy`: a flow's ZIP, the packages it needs, and when it runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from dagy.client import Client, NotFoundError
from dagy.client.files.artifacts import LocalArtifact, read_artifact
from dagy.client.references import object_key
from dagy.commands import output, terminal
from dagy.commands.connection import DONE, UsageError, connected, namespace_of, with_exit_code
from dagy.commands.deployments.commands import settled
from dagy.commands.input_files import InputError
from dagy.commands.options import DEFAULT, Api, Timeout
from dagy.commands.packages.compatible import slug_of
from dagy.deploy import deploy_with
from dagy.model.base import NamespacedName
from dagy.model.rest.deployments import DeploymentResponse
from dagy_builder.platforms import PythonVersion

_SHORT_HASH = 12


@Parameter(name="*")
@dataclass(frozen=True)
class Flow:
    """What is deployed, beside its code and its packages; what is left out stays as it is."""

    flow_name: Annotated[
        str | None,
        Parameter(help="Module that a run starts; that of the deployment, or the only one in the ZIP, when absent."),
    ] = None
    flow_version: Annotated[
        str | None, Parameter(help="Version of the flow; the first digits of the ZIP's SHA-256 when absent.")
    ] = None
    schedule: Annotated[str | None, Parameter(help='When it runs, in Cron syntax, e.g. "0 3 * * *".')] = None
    time_zone: Annotated[str | None, Parameter(help='Time zone of the schedule, e.g. "Europe/Berlin".')] = None
    image: Annotated[str | None, Parameter(help="Image to run in; one with the packages' Python when absent.")] = None
    python: Annotated[PythonVersion | None, Parameter(help="Python version of the flow and of its image.")] = None
    env: Annotated[
        tuple[str, ...],
        Parameter(consume_multiple=True, negative="", help="NAME=VALUE of the runs' environment, for all to read."),
    ] = ()
    packages_from: Annotated[
        tuple[str, ...],
        Parameter(consume_multiple=True, negative="", help="Other namespaces whose packages the slugs may mean."),
    ] = ()
    service_account: Annotated[str | None, Parameter(help="Service account of the runs.")] = None

    def options(self) -> dict[str, Any]:
        """As fields of the API; those that were left out are None. Raises UsageError."""
        return {
            "schedule": self.schedule,
            "time_zone": self.time_zone,
            "image": self.image,
            "python_version": self.python,
            "env": _environment(self.env) or None,
            "packages_from": list(self.packages_from) or None,
            "service_account_name": self.service_account,
        }


_AS_IT_IS = Flow()


@with_exit_code
def deploy(
    artifact: Annotated[Path, Parameter(name="ARTIFACT", help="The flow's code, as a ZIP.")],
    /,
    *,
    deployment: Annotated[str, Parameter(name="--deployment", help="Name, or namespace/name, of the deployment.")],
    dep_packages: Annotated[
        tuple[str, ...],
        Parameter(
            name="--dep-packages",
            consume_multiple=True,
            negative="",
            help="Packages to attach: slugs, names, namespace/names, or SLUG@SHA256 for an earlier ZIP. The first "
            "takes precedence.",
        ),
    ] = (),
    flow: Flow = _AS_IT_IS,
    wait: Annotated[bool, Parameter(name="--wait", negative="--no-wait", help="Wait until it is ready to run.")] = True,
    timeout: Timeout = 300.0,
    api: Api = DEFAULT,
) -> int:
    """Upload, deploy, and wait; `dagy.cli` has the help."""
    key = object_key(deployment, namespace_of(api))
    local = read_artifact(artifact)
    options = flow.options()
    with connected(api) as client:
        options["dep_package_slugs"] = [slug_of(client, one) for one in dep_packages]
        options["flow_name"] = flow.flow_name or flow_name_of(local, _present(client, key), key.name)
        options["flow_version"] = flow.flow_version or local.sha256[:_SHORT_HASH]
        deployed = _sent(client, local, key, options)
        if wait:
            return settled(client, api, str(key), timeout)
    if api.as_json:
        output.as_json(deployed)
    else:
        terminal.say(f"{key}: {deployed.flow_name} {deployed.flow_version} is being deployed")
    return DONE


def _sent(client: Client, local: LocalArtifact, key: NamespacedName, options: dict[str, Any]) -> DeploymentResponse:
    with output.progress_bar(local.path.name) as progress:
        return deploy_with(client, local, key.name, namespace=key.namespace, progress=progress, **options)


def _present(client: Client, key: NamespacedName) -> DeploymentResponse | None:
    try:
        return client.deployments.get(str(key))
    except NotFoundError:
        return None


def _environment(given: tuple[str, ...]) -> dict[str, str]:
    """Names and values. Raises UsageError."""
    values = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not name or not equals:
            raise UsageError(f'--env takes NAME=VALUE, which "{name}" is not.')
        values[name] = value
    return values


def flow_name_of(artifact: LocalArtifact, present: DeploymentResponse | None, deployment: str) -> str:
    """The flow of the deployment as it is, else the only module in the ZIP, else the one called like the deployment.

    Raises InputError when that names none.
    """
    modules = artifact.modules
    if present is not None and (present.flow_name.partition(".")[0] in modules or present.command):
        return present.flow_name
    if len(modules) == 1:
        return next(iter(modules))
    if (namesake := deployment.replace("-", "_")) in modules:
        return namesake
    if not modules:
        raise InputError(
            f"{artifact.path}: nothing at the top of this ZIP can be run: neither a module (flow.py) nor a package "
            "with a __main__.py. Name the flow with --flow-name, or put one there."
        )
    listed = ", ".join(sorted(modules)[:5]) + (", ..." if len(modules) > 5 else "")
    raise InputError(f"{artifact.path}: which module is the flow ({listed})? Name it with --flow-name.")
