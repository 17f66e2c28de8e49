"""REST bodies of lists of packages and of flow deployments: what a row of a table shows."""

from typing import Annotated

from pydantic import Field

from dagy.model.flowdeployment import PackageReference, Sha256
from dagy.model.rest.base import RestModel
from dagy.model.rest.deployments import RestRun
from dagy.model.spec import SLUG_PATTERN
from dagy.model.status import Phase


class DepPackageSummary(RestModel):
    """A package in few words; `GET /dep-packages/{namespace}/{name}` has all of it."""

    id: str
    """UID of the Kubernetes object."""
    namespace: str
    """Kubernetes namespace."""
    name: str
    """Kubernetes name."""
    display_name: str | None = None
    """Name for people."""
    slug: str | None = None
    """Identifier to attach the package by; null for the moment until the operator has seen a new package."""
    python_version: str
    """Python version that it is for."""
    dependency_count: int
    """Requirements in its list."""
    build_status: Phase = Phase.PENDING
    """Where it stands."""
    message: str = ""
    """What is going on, or what went wrong: the beginning of it."""
    reason: str = ""
    """The cause in one CamelCase word (docs/reasons.md)."""
    settled: bool = False
    """Whether nothing more will happen by itself."""
    suspended: bool = False
    """Whether nothing is started for it."""
    queue_position: int | None = None
    """Place in the queue, from 1; null when it doesn't wait."""
    package_size: int | None = None
    """Size of the usable ZIP in bytes; null when there is none."""
    outdated: bool = False
    """Whether the usable ZIP is of an earlier list."""
    created_at: str
    """When the package was created (RFC 3339)."""
    updated_at: str
    """When its state changed last (RFC 3339)."""
    deleting: bool = False
    """Whether it is being deleted."""
    managed_by: str | None = None
    """The tool that decides about it, e.g. "Flux Kustomization flux-system/apps"; null for none."""
    deletion_blocked: bool = False
    """Whether something prevents its deletion; `message` says what."""
    etag: str
    """Send it as If-Match to update this very state of what users decide."""


class DepPackageSummaryPage(RestModel):
    """One page of a list of summaries."""

    items: list[DepPackageSummary]
    """The packages, sorted by namespace and name."""
    next_cursor: str | None = None
    """Where the next page begins; null on the last one."""
    resource_version: str
    """Of the list, the same on all its pages: where `GET /dep-packages:watch` goes on."""


class GonePackage(RestModel):
    """A package that is there no more: data of the event `gone`."""

    id: str
    """UID of the Kubernetes object."""
    namespace: str
    """Kubernetes namespace."""
    name: str
    """Kubernetes name."""


class DeploymentPin(RestModel):
    """A package of the revision that runs are made from, and its artifact."""

    slug: Annotated[str, Field(pattern=SLUG_PATTERN, max_length=8)]
    """Slug of the DepPackage."""
    namespace: str
    """Namespace of the DepPackage."""
    name: str
    """Name of the DepPackage."""
    sha256: Sha256
    """SHA-256 of the artifact, in hex."""


class DeploymentSummary(RestModel):
    """A flow deployment in few words; `GET /deployments/{namespace}/{name}` has all of it."""

    id: str
    """UID of the Kubernetes object."""
    namespace: str
    """Kubernetes namespace."""
    name: str
    """Name of the deployment."""
    flow_name: str
    """Name of the flow."""
    flow_version: str
    """Version of the flow, as its author counts."""
    dep_package_slugs: list[PackageReference]
    """Packages that it asks for, in the order of precedence."""
    schedule: str | None = None
    """When it runs, in Cron syntax; null when only on request."""
    suspended: bool = False
    """Whether its schedule is stopped."""
    revision: int | None = None
    """Number of the revision that runs are made from; null before the first one."""
    packages: list[DeploymentPin] = []
    """The packages of that revision, with their artifacts."""
    message: str = ""
    """What is going on, or what went wrong: the beginning of it."""
    reason: str = ""
    """The cause in one CamelCase word (docs/reasons.md)."""
    ready: bool = False
    """Whether this very version is deployed."""
    settled: bool = False
    """Whether nothing more will happen by itself."""
    last_run: RestRun | None = None
    """The run that was started last."""
    created_at: str
    """When the deployment was created (RFC 3339)."""
    updated_at: str
    """When its state changed last (RFC 3339)."""
    deleting: bool = False
    """Whether it is being deleted."""
    etag: str
    """Changes with everything that users decide."""


class DeploymentSummaryPage(RestModel):
    """One page of a list of summaries."""

    items: list[DeploymentSummary]
    """The deployments, sorted by namespace and name."""
    next_cursor: str | None = None
    """Where the next page begins; null on the last one."""
    resource_version: str
    """Of the list, the same on all its pages: where `GET /deployments:watch` goes on."""


class GoneDeployment(RestModel):
    """A deployment that is there no more: data of the event `gone`."""

    id: str
    """UID of the Kubernetes object."""
    namespace: str
    """Kubernetes namespace."""
    name: str
    """Name of the deployment."""
