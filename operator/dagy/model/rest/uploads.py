"""REST bodies of uploads (flow artifacts in parts, straight to S3) and of signed URLs for pods."""

from typing import Annotated

from pydantic import Field

from dagy.model.rest.base import RestModel
from dagy.model.rest.packages import Namespace
from dagy.model.spec import SLUG_PATTERN

MIN_PART_BYTES = 5 << 20
MAX_PART_BYTES = 1 << 30
MAX_PARTS = 10_000
DEPLOYMENT_PATTERN = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"
UPLOAD_ID_PATTERN = "^[A-Za-z0-9._~=+-]{1,1024}$"

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Slug = Annotated[str, Field(pattern=SLUG_PATTERN)]
DeploymentName = Annotated[str, Field(pattern=DEPLOYMENT_PATTERN, max_length=52)]
UploadId = Annotated[str, Field(pattern=UPLOAD_ID_PATTERN)]
ArtifactKey = Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^[A-Za-z0-9!_.*'()/-]+$")]
PartNumber = Annotated[int, Field(ge=1, le=MAX_PARTS)]


class UploadStart(RestModel):
    """A flow artifact that is going to be uploaded in parts."""

    namespace: Namespace = "default"
    """Kubernetes namespace of the deployment."""
    deployment_name: DeploymentName
    """Name of the deployment that it is for."""
    filename: Annotated[str, Field(min_length=1, max_length=255)] = "artifact.zip"
    """Name of the file, for people."""
    size_bytes: Annotated[int, Field(ge=1)]
    """Size of the file in bytes."""
    sha256: Sha256
    """SHA-256 of the file, in hex."""
    part_size: Annotated[int | None, Field(ge=MIN_PART_BYTES, le=MAX_PART_BYTES)] = None
    """Wished size of each part but the last, in bytes; the server decides when absent."""


class PartUrl(RestModel):
    """Where one part goes."""

    part_number: PartNumber
    """Number of the part, from 1."""
    url: str
    """PUT the part's bytes here, as many as it has; the answer's header ETag belongs into the completion."""


class UploadResponse(RestModel):
    """An upload under way."""

    upload_id: str
    """Identifier of the upload."""
    artifact_key: str
    """Where the artifact will lie in the bucket."""
    part_size: int
    """Size of each part but the last, in bytes."""
    parts: list[PartUrl]
    """One URL for each part."""
    expires_at: str
    """Until when the URLs work (RFC 3339); fresh ones can be had at any time."""


class UploadedPart(RestModel):
    """A part that S3 has."""

    part_number: PartNumber
    """Number of the part, from 1."""
    etag: Annotated[str, Field(min_length=1, max_length=256)]
    """ETag that S3 gave it: the MD5 (hex) of what arrived. A part whose MD5 is another was cut: send it again."""
    size: int
    """Its size in bytes."""


class UploadedParts(RestModel):
    """How far an upload has got."""

    upload_id: str
    """Identifier of the upload."""
    artifact_key: str
    """Where the artifact will lie in the bucket."""
    parts: list[UploadedPart]
    """The parts that S3 has."""
    completed: bool = False
    """Whether the upload was completed: the artifact lies at its key, and no part need be sent again."""


class PartUrlsRequest(RestModel):
    """Which parts need a fresh URL."""

    artifact_key: ArtifactKey
    """As the start of the upload gave it."""
    size_bytes: Annotated[int, Field(ge=1)]
    """Size of the file in bytes, as at the start of the upload: each URL holds for a part of one length."""
    part_size: Annotated[int, Field(ge=MIN_PART_BYTES, le=MAX_PART_BYTES)]
    """Size of each part but the last, in bytes, as the start of the upload gave it."""
    part_numbers: Annotated[list[PartNumber], Field(min_length=1, max_length=MAX_PARTS)]
    """Numbers of the parts."""


class PartUrls(RestModel):
    """Fresh URLs."""

    parts: list[PartUrl]
    """One URL for each part that was asked for."""
    expires_at: str
    """Until when the URLs work (RFC 3339)."""


class CompletedPart(RestModel):
    """A part as the client sent it."""

    part_number: PartNumber
    """Number of the part, from 1."""
    etag: Annotated[str, Field(min_length=1, max_length=256)]
    """Header ETag of S3's answer to the part's PUT."""


class ArtifactToSign(RestModel):
    """A package's artifact that a pod needs."""

    slug: Slug
    """Slug of the package."""
    sha256: Sha256
    """SHA-256 of the artifact."""


class FlowArtifactToSign(RestModel):
    """A flow's own code that a pod needs."""

    namespace: Namespace
    """Namespace of the deployment, which is the pod's own."""
    deployment: DeploymentName
    """Name of the deployment."""
    sha256: Sha256
    """SHA-256 of the artifact."""


class SignRequest(RestModel):
    """What a pod needs, all at once."""

    artifacts: Annotated[list[ArtifactToSign], Field(max_length=20)] = []
    """Artifacts of packages."""
    flow_artifact: FlowArtifactToSign | None = None
    """The flow's own code."""


class SignedArtifact(RestModel):
    """Where an artifact can be had."""

    slug: str | None = None
    """Slug of the package; null for the flow's own code."""
    sha256: str
    """SHA-256 of the artifact, in hex."""
    url: str
    """A URL that needs no credentials and works for a short time."""
    size_bytes: int
    """Size of the artifact in bytes."""
    expires_at: str
    """Until when the URL works (RFC 3339)."""


class SignResponse(RestModel):
    """URLs, in the order of the request, the flow's own code last."""

    artifacts: list[SignedArtifact]
    """One for each artifact that was asked for."""
    certificate_authorities: str | None = None
    """Certificates (PEM) to trust for these URLs, beside the public ones."""
