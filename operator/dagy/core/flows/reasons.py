"""Every reason that a FlowDeployment's conditions and Events can carry beside those of attaching. Pure.

Reasons are API: people automate on them, so they are added to, never renamed.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from dagy.model import constants as names

_SHOWN = 5


class FlowReason(StrEnum):
    """Reasons that the operator gives itself."""

    DEPLOYED = "Deployed"
    SCHEDULE_SUSPENDED = "ScheduleSuspended"
    FOREIGN_ARTIFACT = "ForeignArtifact"
    ARTIFACT_NOT_FOUND = "ArtifactNotFound"
    NAME_TAKEN = "NameTaken"
    API_SERVER_REFUSED = "ApiServerRefused"
    STORAGE_UNAVAILABLE = "StorageUnavailable"
    DELETION_BLOCKED = "DeletionBlocked"
    RUN_STARTED = "RunStarted"
    NOT_DEPLOYED = "NotDeployed"
    UNKNOWN_REVISION = "UnknownRevision"


def used_by(users: Sequence[str]) -> str:
    """Return the sentence on a package that is not deleted. `users`: the deployments, as namespace/name."""
    shown = ", ".join(users[:_SHOWN]) + (f" and {len(users) - _SHOWN} more" if len(users) > _SHOWN else "")
    return (
        f"The package is being deleted, but flow deployments use it: {shown}. It goes when they are deleted or "
        f"deployed without it. To delete it all the same, annotate it with {names.FORCE_DELETE}=true; their runs will "
        "not start any more."
    )


MEANINGS: dict[FlowReason, str] = {
    FlowReason.DEPLOYED: "The present spec is deployed; runs are made from it.",
    FlowReason.SCHEDULE_SUSPENDED: "The present spec is deployed; spec.suspend stops its schedule.",
    FlowReason.FOREIGN_ARTIFACT: "spec.artifact.uri is not an upload of this namespace.",
    FlowReason.ARTIFACT_NOT_FOUND: "spec.artifact.uri does not exist, or has another size than the spec says.",
    FlowReason.NAME_TAKEN: "A CronJob of that name, or a ControllerRevision, belongs to somebody else.",
    FlowReason.API_SERVER_REFUSED: "The API server refused the CronJob or the run, for instance for its schedule.",
    FlowReason.STORAGE_UNAVAILABLE: "S3 does not answer or refuses; it is asked again.",
    FlowReason.DELETION_BLOCKED: "The deployment is being deleted, but its code in S3 cannot be.",
    FlowReason.RUN_STARTED: "Event: a run that was asked for has been started.",
    FlowReason.NOT_DEPLOYED: "A run was asked of the API, and no revision is deployed yet.",
    FlowReason.UNKNOWN_REVISION: "A rollback was asked for to a revision that is not kept.",
}
