"""FlowDeployment's status: what is deployed, with which artifacts. A cache: the revisions are ControllerRevisions."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from dagy.model.base import ApiModel, Text, Time
from dagy.model.flowdeployment import FlowArtifact, FlowSource, Sha256
from dagy.model.spec import SLUG_PATTERN
from dagy.model.status import Condition

HISTORY_SHOWN = 60
"""Revisions that status lists at most, and that count as in use: 21, and those that runs still need."""


class RunPhase(StrEnum):
    """How a run stands."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


class PinnedPackage(ApiModel):
    """One package of a revision, and the artifact that all its runs get."""

    slug: Annotated[str, Field(pattern=SLUG_PATTERN, max_length=8)]
    """Slug of the DepPackage."""
    namespace: Annotated[str, Field(max_length=63)]
    """Namespace of the DepPackage."""
    name: Annotated[str, Field(max_length=253)]
    """Name of the DepPackage."""
    uri: Text
    """s3://bucket/key of the artifact."""
    sha256: Sha256
    """SHA-256 of the artifact, in hex."""
    size_bytes: Annotated[int, Field(json_schema_extra={"format": "int64"})]
    """Size of the artifact in bytes."""
    python_version: Annotated[str, Field(max_length=8)]
    """Python minor version that it was built for."""
    architecture: Annotated[str, Field(max_length=16)]
    """CPU architecture that it was built for."""


class RevisionFacts(ApiModel):
    """What is told of a deployed state of the flow wherever it is told."""

    revision: Annotated[int, Field(json_schema_extra={"format": "int64"})]
    """Number of the revision, from 1."""
    flow_version: Annotated[str, Field(max_length=64)]
    """spec.flowVersion of the revision."""
    deployed_at: Time
    """When it was deployed."""
    image: Annotated[str, Field(max_length=512)]
    """Image of its runs."""
    python_version: Annotated[str | None, Field(max_length=8)] = None
    """Python version of its runs; absent when nothing tells."""
    packages: Annotated[list[PinnedPackage], Field(max_length=20)] = []
    """Its packages with their artifacts, in the order of precedence."""


class RevisionSummary(RevisionFacts):
    """A deployed state of the flow, without what it sets for its runs."""

    artifact: FlowArtifact | None = None
    """The flow's own code; absent in what an earlier operator wrote."""


class Revision(RevisionFacts):
    """A deployed state of the flow: what a run of it is made from. It never changes. ControllerRevisions hold it."""

    spec: FlowSource
    """The fields of the spec that it was made from; a rollback writes them back."""

    @property
    def summary(self) -> RevisionSummary:
        """What status tells of it."""
        return RevisionSummary(
            **{name: getattr(self, name) for name in RevisionFacts.model_fields}, artifact=self.spec.artifact
        )


class Run(ApiModel):
    """A run of the flow: a Job in the deployment's namespace."""

    job_name: Annotated[str, Field(max_length=63)]
    """Name of the Job."""
    revision: Annotated[int, Field(json_schema_extra={"format": "int64"})]
    """Revision that it runs."""
    phase: RunPhase
    """Pending, Running, Succeeded or Failed."""
    started_at: Time | None = None
    """When it began."""
    finished_at: Time | None = None
    """When it ended."""


class FlowDeploymentStatus(ApiModel):
    """What the operator found and did. It can be deleted: the operator finds it all again."""

    observed_generation: Annotated[int, Field(json_schema_extra={"format": "int64"})] = -1
    """metadata.generation that this status speaks of; -1 before the first look."""
    message: Annotated[str, Field(max_length=8192)] = ""
    """What is going on, or what went wrong and what to do next."""
    revision: Annotated[int | None, Field(json_schema_extra={"format": "int64"})] = None
    """Number of the revision that runs are made from; a spec that cannot be deployed leaves the one before in place."""
    flow_version: Annotated[str | None, Field(max_length=64)] = None
    """spec.flowVersion of that revision."""
    packages: Annotated[list[PinnedPackage], Field(max_length=20)] = []
    """The packages of that revision, with their artifacts."""
    history: Annotated[list[RevisionSummary], Field(max_length=HISTORY_SHOWN)] = []
    """The revisions that are kept, that of status.revision first, then the newest first: as many as there is room for. The ControllerRevisions labelled dagy.io/flow-deployment are all of them, with their specs."""  # noqa: E501
    cron_job_name: Annotated[str | None, Field(max_length=63)] = None
    """The CronJob, where there is a schedule."""
    last_run: Run | None = None
    """The run that was started last."""
    conditions: Annotated[
        list[Condition],
        Field(
            max_length=16,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
        ),
    ] = []
    """Ready: the present spec is deployed. Settled: nothing more will happen by itself. Reconciling: work is under way, or a package is waited for. Stalled: someone must act."""  # noqa: E501
    last_handled_run: Text | None = None
    """Value of the annotation dagy.io/run that was acted upon last."""
    last_handled_refresh: Text | None = None
    """Value of the annotation dagy.io/refresh that was acted upon last."""
