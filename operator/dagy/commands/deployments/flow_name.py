"""Which module a flow's ZIP starts, where nobody says it. Pure."""

from __future__ import annotations

from dagy.client.files.artifacts import LocalArtifact
from dagy.commands.input_files import InputError
from dagy.model.rest.deployments import DeploymentResponse


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
