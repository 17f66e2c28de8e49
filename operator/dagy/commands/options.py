"""What options have in common, and those that all commands share which speak to the API."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter


def _shown_default(value: Any) -> str | None:
    """A default as the help shows it; nothing where it says no more than that an option may be left out."""
    if value is None or value is False or value == ():
        return None
    return f"{value:g}" if isinstance(value, float) else str(value)


ALL_OPTIONS = Parameter(show_default=_shown_default)
"""Of each App: cyclopts hands it down where it runs a command, not where it writes documentation."""

_API = Group("API", help="Where the packages are.", sort_key=100)

PYTHON_HELP = "Python version of the flows."


@Parameter(name="*")
@dataclass(frozen=True)
class Api:
    """Which API, whose namespace, and how to answer."""

    namespace: Annotated[
        str | None,
        Parameter(
            name=["--namespace", "-n"],
            group=_API,
            help="Kubernetes namespace; that of the kubeconfig's context, or default, when absent.",
        ),
    ] = None
    url: Annotated[
        str | None,
        Parameter(
            name="--url",
            group=_API,
            env_var="DAGY_API_URL",
            help="URL of the API. Without one the kubeconfig is enough: the API runs inside this command with its "
            "rights, and what needs the object store goes to the API of its cluster.",
        ),
    ] = None
    ca_file: Annotated[
        Path | None,
        Parameter(
            name="--ca-file", group=_API, env_var="DAGY_CA_FILE", help="Certificates to trust beside the usual ones."
        ),
    ] = None
    as_json: Annotated[
        bool, Parameter(name="--json", negative="", group=_API, help="Print the whole result as JSON.")
    ] = False


DEFAULT = Api()

Package = Annotated[str, Parameter(name="PACKAGE", help="Slug, name, or namespace/name.")]
Packages = Annotated[str, Parameter(name="PACKAGE", help="Slugs, names, or namespace/names.")]
Deployment = Annotated[str, Parameter(name="DEPLOYMENT", help="Name, or namespace/name.")]
AllNamespaces = Annotated[
    bool, Parameter(name=["--all-namespaces", "-A"], negative="", help="Those of all namespaces that you may list.")
]
Wait = Annotated[
    bool, Parameter(name=["--wait", "-w"], negative="", help="Wait until it is done; exit code 1 when it fails.")
]
Timeout = Annotated[float, Parameter(name="--timeout", help="Seconds to wait at most.")]
Follow = Annotated[
    bool, Parameter(name=["--follow", "-f"], negative="", help="Print lines as they come, until the end.")
]


def api_of(given: Api | None) -> Api:
    """The options, also where none of them was given."""
    return given or DEFAULT
