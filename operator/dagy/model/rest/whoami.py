"""REST bodies about the caller: who it is, what it may do, and what this server can."""

from typing import Literal

from dagy.model.constants import MAX_DEPENDENCIES, MAX_REQUIREMENT_LENGTH
from dagy.model.rest.base import RestModel


class NamespaceRights(RestModel):
    """What the caller may do in one namespace: verbs of Kubernetes, sorted."""

    dep_packages: list[str] = []
    """With packages."""
    deployments: list[str] = []
    """With deployments, which start pods."""


class Limits(RestModel):
    """The largest that the server takes."""

    dependencies: int = MAX_DEPENDENCIES
    """Requirements of one package."""
    requirement: int = MAX_REQUIREMENT_LENGTH
    """Characters of one requirement."""
    description: int = 2000
    """Characters of a description."""
    display_name: int = 120
    """Characters of a name for people."""
    name: int = 253
    """Characters of a Kubernetes name."""


class ServerInfo(RestModel):
    """What answers."""

    version: str
    """Version of DAGY."""
    storage: bool
    """Whether it has the settings of S3; without them it serves no file and no log that is kept."""
    local: bool
    """Whether it runs inside a command, with the rights of a kubeconfig."""
    context: str | None = None
    """The kubeconfig's context, where it is local."""
    search: Literal["on", "off"] = "off"
    """Whether names of packages can be searched."""
    default_index: str
    """The index of packages that name none."""
    python_versions: list[str]
    """Python versions that packages can be for."""
    limits: Limits = Limits()
    """The largest that it takes."""


class WhoAmI(RestModel):
    """Who the caller is to the cluster, and what it may do."""

    username: str
    """The user's name in Kubernetes."""
    groups: list[str] = []
    """The user's groups."""
    expires_at: str | None = None
    """When the token says that it ends (RFC 3339), for people to see; null when it doesn't say."""
    namespace: str | None = None
    """The namespace that was asked about."""
    rights: NamespaceRights | None = None
    """What the caller may do there; null when no namespace was named."""
    server: ServerInfo
    """What answers."""


class NamespaceItem(RestModel):
    """A namespace."""

    name: str
    """Its name."""


class NamespaceList(RestModel):
    """The namespaces whose packages the caller may list."""

    items: list[NamespaceItem]
    """Sorted by name."""
    complete: bool
    """Whether these are all; if not, the caller may know of others."""
