"""REST bodies of dependency packages: fields, limits and descriptions of the DepPackage kind, in snake_case."""

from typing import Annotated, Any, Self

from pydantic import Field

from dagy.model.rest.base import Health, Problem, ProblemDetail, RestModel
from dagy.model.rest.parse import (
    ParsedDependency,
    ParsedLine,
    ParseRequest,
    ParseResponse,
    ParseSummary,
    Resolution,
)
from dagy.model.spec import (
    BuildOptions,
    CaBundle,
    DepPackageSpec,
    Index,
    KeyReference,
    Platform,
    Quantity,
    ResourceList,
    Resources,
)
from dagy.model.status import (
    ArtifactStatus,
    Attempt,
    BuildStatus,
    BuildStep,
    Condition,
    DroppedRequirement,
    ImageFailure,
    Phase,
    ReusedFrom,
)
from dagy.model.validation import Fix, Validation, ValidationError

__all__ = [
    "DepPackageBody",
    "DepPackageCreate",
    "DepPackagePage",
    "DepPackageResponse",
    "DownloadResponse",
    "Health",
    "ParseRequest",
    "ParseResponse",
    "ParseSummary",
    "ParsedDependency",
    "ParsedLine",
    "Problem",
    "ProblemDetail",
    "RequestResponse",
    "Resolution",
    "RestArtifact",
]

NAME_PATTERN = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"
NAMESPACE_PATTERN = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"

ObjectName = Annotated[str, Field(pattern=NAME_PATTERN, max_length=253)]
Namespace = Annotated[str, Field(pattern=NAMESPACE_PATTERN, max_length=63)]


class RestPlatform(Platform, RestModel):
    """Where the package will be imported."""


class RestCertificateKey(KeyReference, RestModel):
    """A key of a ConfigMap or Secret in the package's namespace."""


class RestCaBundle(CaBundle, RestModel):
    """Where certificates of authorities are kept, in PEM; exactly one place."""

    config_map_key_ref: RestCertificateKey | None = None
    """A key of a ConfigMap."""
    secret_key_ref: RestCertificateKey | None = None
    """A key of a Secret; only its certificates are used."""


class RestIndex(Index, RestModel):
    """Package indexes to use instead of PyPI."""

    ca_bundle: RestCaBundle | None = None
    """Certificate authorities that the indexes' certificates may be of, beside the public ones."""


class RestResourceList(ResourceList, RestModel):
    """Amounts of compute resources, as Kubernetes quantities."""

    ephemeral_storage: Quantity | None = None
    """Disk for the build, e.g. "10Gi"."""


class RestResources(Resources, RestModel):
    """Compute resources."""

    requests: RestResourceList | None = None
    """What a node must have free."""
    limits: RestResourceList | None = None
    """What may be used at most."""


class RestBuildOptions(BuildOptions, RestModel):
    """How the package is built."""

    resources: RestResources | None = None
    """Resources of the build's containers; the operator's defaults when absent."""


class DepPackageBody(DepPackageSpec, RestModel):
    """All that a user decides about a package: the body of PUT."""

    platform: RestPlatform | None = None
    """CPU and C library of the flows' images; linux on amd64 with glibc 2.28 when absent."""
    index: RestIndex | None = None
    """Package indexes instead of PyPI."""
    build: RestBuildOptions | None = None
    """Time, retries and resources of the build."""

    def to_spec(self) -> dict[str, Any]:
        """The DepPackage's spec. Defaults are left to the CRD, so that one decision has one form."""
        given = self.model_dump(include=set(DepPackageBody.model_fields), exclude_unset=True, exclude_none=True)
        return DepPackageSpec.model_validate(given).model_dump(
            mode="json", by_alias=True, exclude_defaults=True, exclude_none=True
        )


class DepPackageCreate(DepPackageBody):
    """A new package: the body of POST."""

    namespace: Namespace = "default"
    """Kubernetes namespace of the package."""
    name: ObjectName | None = None
    """Kubernetes name of the package; made from `display_name` when absent, e.g. ml-pipeline-deps."""


class RestImageFailure(ImageFailure, RestModel):
    """Why the artifact is not in the registry. The ZIP is whole all the same."""


class RestArtifact(ArtifactStatus, RestModel):
    """The ZIP in S3 that flows can use."""

    image_failure: RestImageFailure | None = None
    """Why it was not pushed; absent while it is under way, and where the installation has no registry."""


class RestCondition(Condition, RestModel):
    """One aspect of the state (metav1.Condition)."""


class RestDropped(DroppedRequirement, RestModel):
    """A requirement that was left out of the list, and why."""


class RestFix(Fix, RestModel):
    """A change of one requirement that solves what is wrong."""


class RestValidationError(ValidationError, RestModel):
    """One thing that is wrong with the requirements."""

    fixes: list[RestFix] = []  # type: ignore[assignment]  # frozen: invariance does not matter
    """Changes of which each solves it, the smallest first."""


class RestValidation(Validation, RestModel):
    """The last validation."""

    errors: list[RestValidationError] = []  # type: ignore[assignment]  # frozen: invariance does not matter
    """Everything that is wrong; empty when the requirements resolve."""


class RestReusedFrom(ReusedFrom, RestModel):
    """The package whose artifact was copied."""


class RestAttempt(Attempt, RestModel):
    """An attempt that failed."""


class RestBuildStep(BuildStep, RestModel):
    """One step of a build."""


class RestBuildStatus(BuildStatus, RestModel):
    """The build under way, or the last one."""

    reused_from: RestReusedFrom | None = None
    """Set when nothing was built, because another package of the namespace had an artifact of the same lock."""
    steps: list[RestBuildStep] = []  # type: ignore[assignment]  # frozen: invariance does not matter
    """The steps of the last attempt that have begun."""
    attempts: list[RestAttempt] = []  # type: ignore[assignment]  # frozen: invariance does not matter
    """The last attempts that failed, oldest first."""


class DepPackageResponse(DepPackageBody):
    """A package as it is: what the user decided, and what became of it."""

    id: str
    """UID of the Kubernetes object: it stays when the package is updated."""
    namespace: str
    """Kubernetes namespace of the package."""
    name: str
    """Kubernetes name of the package."""
    slug: str | None = None
    """Identifier to attach the package by; null for the moment until the operator has seen a new package."""
    normalized_dependencies: list[str] = []
    """The requirements as they are resolved: normalized, deduplicated, sorted."""
    dropped: list[RestDropped] = []
    """Requirements that are not used, and why."""
    warnings: list[str] = []
    """What should be looked at, although nothing failed."""
    build_status: Phase = Phase.PENDING
    """PENDING, VALIDATING, VALID, INVALID, QUEUED, INSTALLING, PACKAGING, UPLOADING, COMPLETED or FAILED."""
    message: str = ""
    """What is going on, or what went wrong and what to do next."""
    reason: str = ""
    """The cause in one CamelCase word (docs/reasons.md)."""
    settled: bool = False
    """Whether nothing more will happen by itself; build_status is the outcome then."""
    conditions: list[RestCondition] = []
    """Ready, Validated, Settled, Reconciling and Stalled."""
    package_size: int | None = None
    """Size of the usable ZIP in bytes; null when there is none."""
    s3_uri: str | None = None
    """The usable ZIP in S3; null when there is none."""
    artifact: RestArtifact | None = None
    """The usable ZIP: the last good one, also while a newer build runs or fails."""
    validation: RestValidation | None = None
    """The last validation, with all that is wrong."""
    last_build: RestBuildStatus | None = None
    """The build under way, or the last one."""
    history: list[RestArtifact] = []
    """Earlier ZIPs that are still in S3, newest first."""
    created_at: str
    """When the package was created (RFC 3339)."""
    updated_at: str
    """When its state changed last (RFC 3339)."""
    deleting: bool = False
    """Whether the package is being deleted."""
    generation: int = 0
    """Number of the present state of what the user decided; it grows with each change."""
    observed_generation: int = -1
    """Number of the state that build_status and all the rest speak of; -1 before the operator's first look."""
    spec_hash: str | None = None
    """SHA-256 over all that decides what is built, as observed: validation.spec_hash says what was validated."""
    lock_hash: str | None = None
    """SHA-256 of the present lock: artifact.lock_hash says what the usable ZIP was made from."""
    managed_by: str | None = None
    """The tool that decides about the package, e.g. "Flux Kustomization flux-system/apps"; null for none."""
    etag: str
    """What the header ETag says: send it as If-Match to update this very state of what users decide."""

    @classmethod
    def from_object(cls, package: dict[str, Any], **computed: Any) -> Self:
        """From a DepPackage as the API server gives it, and the fields that are computed from it."""
        spec = DepPackageSpec.model_validate(package["spec"]).model_dump()
        return cls.model_validate({**spec, **computed}, extra="ignore")


class RequestResponse(DepPackageResponse):
    """The package, and the token of the request that was accepted."""

    token: str
    """Value of the request's annotation; status shows it once the operator has acted upon it."""


class DepPackagePage(RestModel):
    """One page of a list."""

    items: list[DepPackageResponse]
    """The packages, sorted by namespace and name."""
    next_cursor: str | None = None
    """Where the next page begins; null on the last one. A page may be short, or empty, and not be the last."""


class DownloadResponse(RestModel):
    """Where the ZIP can be had."""

    url: str
    """A URL that needs no credentials and works for a short time."""
    expires_at: str
    """Until when it works (RFC 3339)."""
    sha256: str
    """SHA-256 of the ZIP, in hex."""
    size_bytes: int
    """Size of the ZIP in bytes."""
    filename: str
    """A name for the file."""
