"""REST bodies of flow deployments: fields, limits and descriptions of the FlowDeployment kind, in snake_case."""

from typing import Annotated, Any, ClassVar, Self

from pydantic import Field

from dagy.model.flowdeployment import (
    EnvVar,
    EnvVarSource,
    FlowArtifact,
    FlowDeploymentSpec,
    FlowSource,
    KeyReference,
)
from dagy.model.flowstatus import PinnedPackage, Revision, RevisionSummary, Run
from dagy.model.rest.base import RestModel
from dagy.model.rest.packages import RestCondition, RestResources
from dagy.model.rest.uploads import MAX_PARTS, ArtifactKey, CompletedPart, DeploymentName, UploadId


class RestKeyReference(KeyReference, RestModel):
    """One entry of a Secret or ConfigMap in the deployment's namespace."""


class RestEnvVarSource(EnvVarSource, RestModel):
    """Where a variable's value comes from; exactly one."""

    secret_key_ref: RestKeyReference | None = None
    """An entry of a Secret."""
    config_map_key_ref: RestKeyReference | None = None
    """An entry of a ConfigMap."""


class RestEnvVar(EnvVar, RestModel):
    """One environment variable of a run."""

    value_from: RestEnvVarSource | None = None
    """Takes the value from a Secret or ConfigMap instead."""


class RestFlowArtifact(FlowArtifact, RestModel):
    """The flow's own code: a ZIP that was uploaded for this deployment."""


class DeploymentOptions(FlowDeploymentSpec, RestModel):
    """All that a user decides about a deployment, but for the artifact."""

    artifact: ClassVar[None] = None  # type: ignore[misc,assignment]  # takes the field away: uploading is what decides it
    env: Annotated[list[RestEnvVar], Field(max_length=100)] = []  # type: ignore[assignment]  # frozen
    """Environment variables of a run."""
    resources: RestResources | None = None
    """Compute resources of a run; the operator's default requests when absent."""

    def to_spec(self, artifact: FlowArtifact, present: FlowDeploymentSpec | None = None) -> dict[str, Any]:
        """The FlowDeployment's spec with this artifact.

        What a deployment is made of (artifact, flow, version, packages) is replaced; options that were not given stay
        as they are at `present`.
        """
        kept = present.model_dump(exclude_unset=True, exclude_none=True) if present else {}
        given = self.model_dump(include=set(DeploymentOptions.model_fields), exclude_unset=True)
        new = {**kept, **given, "dep_package_slugs": self.dep_package_slugs, "artifact": artifact.model_dump()}
        spec = FlowDeploymentSpec.model_validate({k: v for k, v in new.items() if v is not None})
        return spec.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)


class CompleteUploadRequest(DeploymentOptions):
    """All parts are there: deploy the artifact. Options that are absent stay as the deployment has them."""

    upload_id: UploadId
    """As the start of the upload gave it."""
    artifact_key: ArtifactKey
    """As the start of the upload gave it."""
    parts: Annotated[list[CompletedPart], Field(min_length=1, max_length=MAX_PARTS)]
    """All parts, with the ETags that S3 gave them."""
    deployment_name: DeploymentName
    """Name of the deployment."""


class DeployRequest(DeploymentOptions):
    """Deploy an artifact that was uploaded. Options that are absent stay as the deployment has them."""

    flow_artifact: RestFlowArtifact
    """As the assembly of the upload gave it."""
    upload_id: UploadId
    """Of that upload; repeated with the same one, nothing changes."""


class RestPinnedPackage(PinnedPackage, RestModel):
    """One package of a revision, and the artifact that all its runs get."""


class RestFlowSource(FlowSource, RestModel):
    """What makes a revision."""

    artifact: RestFlowArtifact
    """The flow's own code."""
    env: list[RestEnvVar] = []  # type: ignore[assignment]  # frozen
    """Environment variables of a run."""
    resources: RestResources | None = None
    """Compute resources of a run; the operator's default requests when absent."""


class RestRevisionSummary(RevisionSummary, RestModel):
    """A deployed state of the flow, without what it sets for its runs."""

    packages: list[RestPinnedPackage] = []  # type: ignore[assignment]  # frozen
    """Its packages with their artifacts, in the order of precedence."""
    artifact: RestFlowArtifact | None = None
    """The flow's own code."""


class RestRevision(Revision, RestModel):
    """A deployed state of the flow: what a run of it is made from."""

    packages: list[RestPinnedPackage] = []  # type: ignore[assignment]  # frozen
    """Its packages with their artifacts, in the order of precedence."""
    spec: RestFlowSource
    """The fields that it was made from; a rollback writes them back."""


class RestRun(Run, RestModel):
    """A run of the flow: a Job in the deployment's namespace."""


class DeploymentResponse(DeploymentOptions):
    """A deployment as it is: what the user decided, and what became of it."""

    id: str
    """UID of the Kubernetes object: it stays when a new version is deployed."""
    namespace: str
    """Kubernetes namespace of the deployment."""
    name: str
    """Name of the deployment."""
    flow_artifact: RestFlowArtifact
    """The flow's own code."""
    ready: bool = False
    """Whether this very version is deployed."""
    settled: bool = False
    """Whether nothing more will happen by itself."""
    message: str = ""
    """What is going on, or what went wrong and what to do next."""
    reason: str = ""
    """The cause in one CamelCase word (docs/reasons.md)."""
    conditions: list[RestCondition] = []
    """Ready, Settled, Reconciling and Stalled."""
    revision: int | None = None
    """Number of the revision that runs are made from."""
    packages: list[RestPinnedPackage] = []
    """The packages of that revision, with their artifacts."""
    history: list[RestRevisionSummary] = []
    """The revisions that are kept, the present one first: as many as there is room for."""
    cron_job_name: str | None = None
    """The CronJob, where there is a schedule."""
    last_run: RestRun | None = None
    """The run that was started last."""
    created_at: str
    """When the deployment was created (RFC 3339)."""
    deleting: bool = False
    """Whether the deployment is being deleted."""
    etag: str
    """Changes with everything that users decide."""

    @classmethod
    def from_object(cls, deployment: dict[str, Any], **computed: Any) -> Self:
        """From a FlowDeployment as the API server gives it, and the fields that are computed from it."""
        spec = FlowDeploymentSpec.model_validate(deployment["spec"]).model_dump()
        return cls.model_validate({**spec, "flow_artifact": spec["artifact"], **computed}, extra="ignore")


class DeploymentPage(RestModel):
    """One page of a list."""

    items: list[DeploymentResponse]
    """The deployments, sorted by namespace and name."""
    next_cursor: str | None = None
    """Where the next page begins; null on the last one."""


class RollbackRequest(RestModel):
    """Which revision to deploy again."""

    revision: Annotated[int, Field(ge=1)]
    """Number of a revision that is kept."""


class RunResponse(RestModel):
    """A run that was started."""

    job_name: str
    """Name of the Job."""
    namespace: str
    """Namespace of the Job."""
    revision: int
    """Revision that it runs."""


class RunPage(RestModel):
    """The runs that are kept."""

    items: list[RestRun]
    """The runs, the newest first."""


class RunDetail(RestRun):
    """A run, and how its program ended."""

    exit_code: int | None = None
    """Exit code of the flow's program; null while it runs, and when its pod is gone."""
    message: str = ""
    """Why it is not running, or how it ended, where there is more to say than the phase."""
