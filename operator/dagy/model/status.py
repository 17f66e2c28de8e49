"""DepPackage's status: what the operator found. A cache: everything in it can be found again."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from dagy.model.base import ApiModel, Text, Time
from dagy.model.spec import SLUG_PATTERN, Bytecode, Compression
from dagy.model.validation import Validation

HISTORY_SHOWN = 100
"""Earlier artifacts that status lists at most: 20 of its own, and what flows have pinned."""
ARTIFACT_WARNINGS = 10
IMAGE_REFERENCE = 512
"""Characters of an image's reference: 255 of host and repository at most (OCI Distribution), and a digest."""


class Phase(StrEnum):
    """Where the package stands, in one word. An output only: nothing is ever decided by it."""

    PENDING = "PENDING"
    VALIDATING = "VALIDATING"
    VALID = "VALID"
    INVALID = "INVALID"
    QUEUED = "QUEUED"
    INSTALLING = "INSTALLING"
    PACKAGING = "PACKAGING"
    UPLOADING = "UPLOADING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class JobKind(StrEnum):
    """The two Jobs of a package."""

    VALIDATE = "validate"
    BUILD = "build"


class ConditionType(StrEnum):
    """The conditions, after the API conventions and kstatus."""

    READY = "Ready"
    VALIDATED = "Validated"
    SETTLED = "Settled"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    DELETION_BLOCKED = "DeletionBlocked"
    IMAGE_PUSHED = "ImagePushed"


class Condition(ApiModel):
    """One aspect of the package's state (metav1.Condition)."""

    type: Annotated[str, Field(max_length=64)]
    """Ready: an artifact of the present spec can be used; absent while none is asked for (Manual, suspended). Validated: the requirements resolve. Settled: nothing more will happen by itself, for better or worse. Reconciling: work is under way. Stalled: it failed and someone must act. DeletionBlocked: it is being deleted, and something prevents it. ImagePushed: the artifact is in the registry as well; absent where the installation has none (DAGY_OCI_REPOSITORY)."""  # noqa: E501
    status: Literal["True", "False", "Unknown"]
    """True, False or Unknown."""
    reason: Annotated[str, Field(max_length=128)]
    """The cause in one CamelCase word."""
    message: Annotated[str, Field(max_length=8192)] = ""
    """The cause in a sentence, with what to do next."""
    last_transition_time: Time
    """When status last changed."""
    observed_generation: int = 0
    """metadata.generation that this condition speaks of."""


class DroppedRequirement(ApiModel):
    """A requirement that was left out of the list, and why."""

    text: Text
    """The requirement as it was written."""
    why: Text
    """Why it is not part of status.dependencies."""


class ImageFailure(ApiModel):
    """Why the artifact is not in the registry. The ZIP is whole all the same."""

    reason: Annotated[str, Field(max_length=128)]
    """The cause in one CamelCase word."""
    message: Text
    """The cause in a sentence, with what to do next."""


class ArtifactStatus(ApiModel):
    """The ZIP in S3 that flows can use: the last good one, also while a newer build runs or fails."""

    uri: Text
    """s3://bucket/key of the ZIP; the object never changes."""
    sha256: Annotated[str, Field(max_length=64)]
    """SHA-256 of the ZIP, in hex."""
    content_sha256: Annotated[str, Field(max_length=64)]
    """SHA-256 over the sorted list of mode, hash and path of each file inside."""
    size_bytes: Annotated[int, Field(json_schema_extra={"format": "int64"})]
    """Size of the ZIP in bytes."""
    size: Annotated[str, Field(max_length=16)] = ""
    """Size of the ZIP for people."""
    uncompressed_bytes: Annotated[int, Field(json_schema_extra={"format": "int64"})]
    """Size of all files when extracted, in bytes."""
    file_count: int
    """Number of files in the ZIP."""
    package_count: int
    """Number of Python distributions in the ZIP, dependencies of dependencies included."""
    python_version: Annotated[str, Field(max_length=8)]
    """Python minor version that it was built for."""
    architecture: Annotated[str, Field(max_length=16)]
    """CPU architecture that it was built for."""
    glibc: Annotated[str, Field(max_length=8)]
    """Oldest glibc that it runs with."""
    zip_importable: bool
    """True when the ZIP itself can stand on sys.path; false when it must be extracted (native modules, or zip64 before Python 3.13)."""  # noqa: E501
    lock_hash: Annotated[str, Field(max_length=64)]
    """SHA-256 of the lock that it was installed from."""
    lock_uri: Text
    """The lock (pylock.toml, PEP 751) in S3."""
    compression: Compression = Compression.FAST
    """spec.build.compression that it was built with."""
    bytecode: Bytecode | None = None
    """Whether it holds bytecode (.pyc files). When absent, it was built by a version that knew none, and has none."""
    contents_uri: Text | None = None
    """Mode, SHA-256 and path of each file inside, the lines that contentSha256 hashes, gzip'd, in S3."""
    sbom_uri: Text | None = None
    """The bill of materials (CycloneDX 1.6 in JSON) in S3."""
    record_uri: Text | None = None
    """The build's record (build.json) in S3: what it was built with, and how long each step took."""
    log_uri: Text | None = None
    """The build's log in S3."""
    image: Annotated[str | None, Field(max_length=IMAGE_REFERENCE)] = None
    """REPOSITORY@sha256:DIGEST: an OCI image of the very files of the ZIP, to be mounted read-only. Absent where none was pushed; the condition ImagePushed says why."""  # noqa: E501
    image_failure: ImageFailure | None = None
    """Why it was not pushed; absent while it is under way, and where the installation has no registry."""
    built_at: Time
    """When it was built."""
    warnings: Annotated[list[Text], Field(max_length=ARTIFACT_WARNINGS)] = []
    """What to know before it is used, e.g. that a package brings a module that Python has itself."""

    @property
    def has_bytecode(self) -> bool:
        """True when it holds bytecode."""
        return self.bytecode is Bytecode.INCLUDE

    @property
    def uris(self) -> dict[str, str]:
        """The URIs that it names, by their names in JSON: of the ZIP, and of what lies beside it."""
        return {name: value for name, value in self.to_json().items() if name.lower().endswith("uri")}


class LostArtifact(ApiModel):
    """An artifact of the present lock whose ZIP was not in S3 any more."""

    uri: Text
    """s3://bucket/key of the ZIP."""
    sha256: Annotated[str, Field(max_length=64)]
    """SHA-256 that the ZIP had, in hex."""
    lock_hash: Annotated[str, Field(max_length=64)]
    """SHA-256 of the lock that it was installed from."""
    size_bytes: Annotated[int, Field(json_schema_extra={"format": "int64"})]
    """Size that the ZIP had, in bytes."""
    found_bytes: Annotated[int | None, Field(json_schema_extra={"format": "int64"})] = None
    """Size of the object that was there instead; absent when there was none."""
    noticed_at: Time
    """When it was found out."""
    rebuild: bool
    """Whether it is built again by itself: once, and then not again within 24 hours."""
    rebuilt_at: Time | None = None
    """When there was an artifact again; absent until then."""


class ReusedFrom(ApiModel):
    """The package whose artifact was copied."""

    namespace: Text
    """Its namespace, which is this package's own."""
    name: Text
    """Its name."""
    slug: Annotated[str, Field(max_length=8)]
    """Its slug."""


class Attempt(ApiModel):
    """An attempt that failed."""

    job: JobKind
    """What was attempted."""
    number: int
    """Number of the attempt, from 1."""
    job_name: Text
    """Its Job in the operator's build namespace."""
    reason: Annotated[str, Field(max_length=128)]
    """The cause in one CamelCase word."""
    message: Text
    """The cause in a sentence."""
    ended_at: Time | None = None
    """When it ended."""
    log_uri: Text | None = None
    """Its log in S3; absent when the pod was gone before it could be read."""


class BuildStep(ApiModel):
    """One step of a build: a container of its pod."""

    name: Annotated[str, Field(max_length=63)]
    """install, package or upload."""
    started_at: Time | None = None
    """When it began, or the one before it had ended."""
    ended_at: Time | None = None
    """When it ended."""
    seconds: Annotated[float | None, Field(ge=0)] = None
    """How long it worked, as it says itself."""
    exit_code: int | None = None
    """Its exit code; absent while it runs."""


class BuildStatus(ApiModel):
    """The build under way, or the last one."""

    attempt: int | None = None
    """Number of the attempt, from 1."""
    job_name: Text | None = None
    """The Job in the operator's build namespace."""
    queued_at: Time | None = None
    """When the build took its place in the queue."""
    started_at: Time | None = None
    """When the attempt began."""
    queue_position: int | None = None
    """Place in the queue, from 1, while the phase is QUEUED."""
    log_uri: Text | None = None
    """The last attempt's log in S3."""
    steps: Annotated[list[BuildStep], Field(max_length=4)] = []
    """The steps of the last attempt that have begun."""
    reused_from: ReusedFrom | None = None
    """Set when nothing was built, because another package of the namespace had an artifact of the same lock."""
    attempts: Annotated[list[Attempt], Field(max_length=10)] = []
    """The last attempts for the present spec that failed, oldest first. Erasing status forgets them once they are over; their logs stay in S3."""  # noqa: E501


class DepPackageStatus(ApiModel):
    """What the operator found and did. It can be deleted: the operator finds it all again."""

    observed_generation: Annotated[int, Field(json_schema_extra={"format": "int64"})] = -1
    """metadata.generation that this status speaks of; -1 before the first look."""
    slug: Annotated[str | None, Field(pattern=SLUG_PATTERN, max_length=8)] = None
    """Identifier of the package: 8 characters of A-Z and 0-9, assigned once, never reused. What its SlugClaim says."""
    phase: Phase | None = None
    """Summary for people: PENDING, VALIDATING, VALID, INVALID, QUEUED, INSTALLING, PACKAGING, UPLOADING, COMPLETED or FAILED. Programs use the conditions."""  # noqa: E501
    message: Annotated[str, Field(max_length=8192)] = ""
    """What is going on, or what went wrong and what to do next."""
    s3_uri: Text | None = None
    """The usable artifact, the same as artifact.uri."""
    dependency_count: int | None = None
    """Number of requirements after normalizing and deduplicating."""
    dependencies: Annotated[list[Text], Field(max_length=200)] = []
    """The requirements, normalized, deduplicated and sorted."""
    dropped: Annotated[list[DroppedRequirement], Field(max_length=1000)] = []
    """Requirements of the spec that are not used, and why."""
    spec_hash: Annotated[str | None, Field(max_length=64)] = None
    """SHA-256 over everything in the spec that decides what is built."""
    lock_hash: Annotated[str | None, Field(max_length=64)] = None
    """SHA-256 of the present lock."""
    artifact: ArtifactStatus | None = None
    """The usable artifact."""
    lost: LostArtifact | None = None
    """The last artifact of the present lock that was found to be gone from S3, if one was."""
    validation: Validation | None = None
    """The last validation."""
    build: BuildStatus | None = None
    """The build under way, or the last one."""
    history: Annotated[list[ArtifactStatus], Field(max_length=HISTORY_SHOWN)] = []
    """Earlier artifacts that are still in S3, newest first: as many as spec.revisionHistoryLimit says, and those that deployed flows use."""  # noqa: E501
    conditions: Annotated[
        list[Condition],
        Field(
            max_length=16,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
        ),
    ] = []
    """Ready, Validated, Settled, Reconciling and Stalled; ImagePushed where there is a registry, and DeletionBlocked while a deletion waits."""  # noqa: E501
    last_handled_validate: Text | None = None
    """Value of the annotation dagy.io/validate that was acted upon last."""
    last_handled_build: Text | None = None
    """Value of the annotation dagy.io/build that was acted upon last."""
    last_handled_refresh: Text | None = None
    """Value of the annotation dagy.io/refresh that was acted upon last."""
    last_handled_cancel: Text | None = None
    """Value of the annotation dagy.io/cancel that was acted upon last."""
