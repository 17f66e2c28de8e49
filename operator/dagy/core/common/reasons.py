"""Every reason that a condition or an Event can carry, beside those that the builder reports, with its meaning.

docs/reasons.md is generated from here. Reasons are API: people automate on them, so they are added to, never renamed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dagy.model.status import Phase
from dagy_builder.contract import Fault, Reason


class StateReason(StrEnum):
    """Reasons that the operator gives itself."""

    SUSPENDED = "Suspended"
    SAVED = "Saved"
    WAITING_TO_VALIDATE = "WaitingToValidate"
    VALIDATING = "Validating"
    RESOLVED = "Resolved"
    VALID = "Valid"
    QUEUED = "Queued"
    STARTING = "Starting"
    INSTALLING = "Installing"
    PACKAGING = "Packaging"
    UPLOADING = "Uploading"
    COPYING = "Copying"
    RETRYING = "Retrying"
    ARTIFACT_READY = "ArtifactReady"
    ARTIFACT_GONE = "ArtifactGone"
    CANCELLED = "Cancelled"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    STEP_CRASHED = "StepCrashed"
    POD_LOST = "PodLost"
    RESULT_INCOMPLETE = "ResultIncomplete"
    POD_FAILED = "PodFailed"
    POD_NOT_STARTED = "PodNotStarted"
    POD_NOT_SCHEDULED = "PodNotScheduled"
    POD_NOT_CREATED = "PodNotCreated"
    RESOURCES_NOT_ALLOWED = "ResourcesNotAllowed"
    EVICTED = "Evicted"
    SLUG_TAKEN = "SlugTaken"
    TOO_MANY_SLUGS = "TooManySlugs"
    INDEX_SECRET_UNUSABLE = "IndexSecretUnusable"  # noqa: S105 a reason
    CA_BUNDLE_UNUSABLE = "CaBundleUnusable"
    INDEX_HOST_NOT_ALLOWED = "IndexHostNotAllowed"
    API_SERVER_REFUSED = "ApiServerRefused"
    DELETION_BLOCKED = "DeletionBlocked"
    IN_USE = "InUse"
    IMAGE_PUSHED = "ImagePushed"
    IMAGE_PUSHING = "ImagePushing"
    IMAGE_GONE = "ImageGone"


@dataclass(frozen=True)
class Entry:
    """One row of the catalogue. `fault` is None where nothing went wrong, and else decides whether it is retried."""

    phase: Phase | None
    meaning: str
    fault: Fault | None = None
    next_step: str = ""
    looked_at_again: bool = False
    """True when the operator looks by itself for the repair that its user has to make."""


_USER, _ADMIN, _INFRA = Fault.USER, Fault.ADMINISTRATOR, Fault.INFRASTRUCTURE
_NOTHING = "Nothing, unless it stays."
_IMAGE = "Of the condition ImagePushed, beside a complete ZIP: "

CATALOGUE: dict[StrEnum, Entry] = {
    StateReason.SUSPENDED: Entry(Phase.PENDING, "spec.suspend is true.", None, "Set it to false."),
    StateReason.SAVED: Entry(
        Phase.PENDING, "buildPolicy is Manual and nothing was requested.", None, "Request a validation or a build."
    ),
    StateReason.WAITING_TO_VALIDATE: Entry(Phase.PENDING, "Other validations come first."),
    StateReason.VALIDATING: Entry(Phase.VALIDATING, "The requirements are being resolved."),
    StateReason.RESOLVED: Entry(None, "Of the condition Validated: the requirements resolve, and the lock is kept."),
    StateReason.VALID: Entry(Phase.VALID, "The requirements resolve; buildPolicy is Manual.", None, "Request a build."),
    StateReason.QUEUED: Entry(Phase.QUEUED, "Other builds come first; the message tells the place in the queue."),
    StateReason.STARTING: Entry(Phase.QUEUED, "The build's pod is being started; the message tells what it waits for."),
    StateReason.INSTALLING: Entry(Phase.INSTALLING, "uv installs the locked packages."),
    StateReason.PACKAGING: Entry(Phase.PACKAGING, "The installed packages are zipped."),
    StateReason.UPLOADING: Entry(Phase.UPLOADING, "The ZIP is uploaded to S3."),
    StateReason.COPYING: Entry(Phase.UPLOADING, "Another package has an artifact of the same lock; it is copied."),
    StateReason.RETRYING: Entry(
        None, "An attempt failed through no fault of anybody's; the next one is scheduled.", _INFRA
    ),
    StateReason.ARTIFACT_READY: Entry(Phase.COMPLETED, "The artifact of the present spec can be used."),
    StateReason.ARTIFACT_GONE: Entry(
        None,
        "The ZIP is not in S3 as it was built: somebody or something deleted or changed it. Looked for once an hour.",
        _INFRA,
        "Nothing the first time: it is built again from its lock. When it is gone again within 24 hours, find out what "
        "deletes objects in the bucket, then request a build.",
    ),
    StateReason.CANCELLED: Entry(
        Phase.FAILED, "Somebody cancelled it.", _USER, "Change the package, or request a build."
    ),
    StateReason.DEADLINE_EXCEEDED: Entry(
        Phase.FAILED, "The attempt took too long.", _USER, "Raise spec.build.timeoutSeconds, or split the package."
    ),
    Reason.OUT_OF_MEMORY: Entry(
        Phase.FAILED,
        "A step used more memory than it may.",
        _USER,
        "Raise spec.build.resources.limits.memory, or split the package.",
    ),
    StateReason.STEP_CRASHED: Entry(Phase.FAILED, "A step ended without a report.", _INFRA, "Read the build's log."),
    StateReason.POD_LOST: Entry(
        Phase.FAILED, "The build's pod disappeared, with its node or because somebody deleted it.", _INFRA, _NOTHING
    ),
    StateReason.RESULT_INCOMPLETE: Entry(
        Phase.FAILED,
        "A validation ended well, but its result could not be read whole out of its log: that was rotated, or the pod "
        "was gone.",
        _INFRA,
        "Nothing, unless it stays; then let the administrator look at the kubelet's containerLogMaxSize.",
    ),
    StateReason.POD_FAILED: Entry(Phase.FAILED, "The node stopped the build's pod.", _INFRA, _NOTHING),
    StateReason.POD_NOT_STARTED: Entry(
        Phase.FAILED,
        "No container of the build's pod could be started in time.",
        _ADMIN,
        "Make the image in DAGY_BUILDER_IMAGE one that the nodes can pull.",
    ),
    StateReason.POD_NOT_SCHEDULED: Entry(
        Phase.FAILED,
        "No node took the build's pod in time (DAGY_START_MINUTES); the message tells what they lack.",
        _INFRA,
        "Make room. Where the package asks for more than any node has, the message says so, and it is not tried again.",
    ),
    StateReason.POD_NOT_CREATED: Entry(
        Phase.FAILED,
        "The build's pod was not created in time: a quota, limits or a policy of the build namespace refuse it.",
        _ADMIN,
        "Do what the message says. Where the package asks for more than may ever be, it is not tried again.",
    ),
    StateReason.RESOURCES_NOT_ALLOWED: Entry(
        Phase.FAILED,
        "spec.build.resources asks for more than the administrator allows, or for more than it limits itself to.",
        _USER,
        "Lower it to what the message says.",
    ),
    StateReason.EVICTED: Entry(
        Phase.FAILED,
        "The build's pod was evicted: its node ran out of a resource, is drained, or another pod had priority.",
        _INFRA,
        _NOTHING,
    ),
    StateReason.SLUG_TAKEN: Entry(
        Phase.FAILED, "The slug belongs to another package.", _USER, "Remove spec.slug to get a new slug."
    ),
    StateReason.TOO_MANY_SLUGS: Entry(
        Phase.FAILED,
        "The namespace has used as many slugs as it may (DAGY_SLUGS_PER_NAMESPACE).",
        _USER,
        "Use names of deleted packages again, or ask an administrator for more.",
    ),
    StateReason.INDEX_SECRET_UNUSABLE: Entry(
        None,
        "A Secret in spec.index.secretNames is missing, may not be read, or is of another kind.",
        _USER,
        "Do what the message says; the operator looks again by itself.",
        looked_at_again=True,
    ),
    StateReason.INDEX_HOST_NOT_ALLOWED: Entry(
        Phase.FAILED,
        "spec.index, or a requirement with a URL, names a host that packages may not come from here.",
        _USER,
        "Use an index that is allowed, or ask the administrator (DAGY_ALLOWED_HOSTS, DAGY_ALLOW_HTTP_INDEXES).",
    ),
    StateReason.CA_BUNDLE_UNUSABLE: Entry(
        None,
        "The certificates that spec.index.caBundle names are missing, may not be read, or are none.",
        _USER,
        "Do what the message says; the operator looks again by itself.",
        looked_at_again=True,
    ),
    StateReason.API_SERVER_REFUSED: Entry(
        None, "The API server refused a Job.", _INFRA, "Raise the quota or the right that the message names."
    ),
    StateReason.DELETION_BLOCKED: Entry(
        None,
        "The package is being deleted, but its objects in S3 cannot be.",
        _INFRA,
        "Repair S3, or set spec.deletionPolicy to Retain.",
    ),
    StateReason.IN_USE: Entry(
        None,
        "Of the condition DeletionBlocked: the package is being deleted, but flow deployments use it.",
        _USER,
        "Delete the flows that the message names, or deploy them without it.",
    ),
    Reason.MALFORMED_REQUIREMENT: Entry(
        Phase.INVALID, "A requirement cannot be read or is not allowed.", _USER, "Correct the requirement."
    ),
    Reason.PACKAGE_NOT_FOUND: Entry(
        Phase.INVALID, "The index knows no package of that name.", _USER, "Correct the name."
    ),
    Reason.NO_MATCHING_VERSION: Entry(
        Phase.INVALID, "No release matches the specifier.", _USER, "Ask for a version that exists."
    ),
    Reason.UNSATISFIABLE_REQUIREMENTS: Entry(
        Phase.INVALID, "Requirements exclude each other.", _USER, "Relax one of the requirements that are named."
    ),
    Reason.PYTHON_INCOMPATIBLE: Entry(
        Phase.INVALID, "A package does not support the Python version.", _USER, "Take another version of either."
    ),
    Reason.NO_WHEEL: Entry(
        Phase.INVALID,
        "A package has no wheel for the platform.",
        _USER,
        "Take another version, or set spec.sourceDistributions to Allow.",
    ),
    Reason.RESOLUTION_FAILED: Entry(
        Phase.INVALID, "uv cannot resolve the requirements.", _USER, "Read uv's own words in status.validation.raw."
    ),
    Reason.INDEX_UNREACHABLE: Entry(
        Phase.FAILED,
        "The package index does not answer.",
        _INFRA,
        "Check spec.index, and the way to it from the cluster.",
    ),
    Reason.INDEX_ACCESS_DENIED: Entry(
        Phase.FAILED,
        "The package index refuses access.",
        _USER,
        "Correct the Secret that spec.index.secretNames names, then request a build.",
    ),
    Reason.INDEX_NOT_TRUSTED: Entry(
        Phase.FAILED,
        "The package index's certificate is of an authority that is not trusted.",
        _USER,
        "Name the authority in spec.index.caBundle, or let the administrator add it for all and request a build.",
    ),
    Reason.HASH_MISMATCH: Entry(
        Phase.FAILED, "A file is not the one in the lock.", _USER, "Request a refresh; if it stays, distrust the index."
    ),
    Reason.INSTALL_FAILED: Entry(Phase.FAILED, "uv cannot install the lock.", _USER, "Read the build's log."),
    Reason.TREE_REFUSED: Entry(
        Phase.FAILED, "A package brings files that are not let into a ZIP.", _USER, "Leave that package out."
    ),
    Reason.TOO_LARGE: Entry(Phase.FAILED, "The package is larger than allowed.", _USER, "Split the package."),
    Reason.DISK_FULL: Entry(
        Phase.FAILED,
        "The build used more disk than it may.",
        _USER,
        "Raise spec.build.resources.limits.ephemeral-storage or DAGY_WORK_SIZE, or split the package.",
    ),
    Reason.UV_MISSING: Entry(
        Phase.FAILED,
        "uv is not installed in the builder image.",
        _ADMIN,
        "Use an image made from builder-image/.",
    ),
    Reason.PYTHON_MISSING: Entry(
        Phase.FAILED,
        "The builder image lacks that Python.",
        _ADMIN,
        "Use an image made from builder-image/.",
    ),
    Reason.STORAGE_UNREACHABLE: Entry(Phase.FAILED, "S3 does not answer.", _INFRA, "Check that S3 runs."),
    Reason.STORAGE_ACCESS_DENIED: Entry(
        Phase.FAILED, "S3 refuses the credentials.", _ADMIN, "Correct the Secret dagy-s3."
    ),
    Reason.BUCKET_NOT_FOUND: Entry(
        Phase.FAILED, "The bucket does not exist.", _ADMIN, "Create it or correct DAGY_S3_BUCKET."
    ),
    Reason.UPLOAD_FAILED: Entry(Phase.FAILED, "S3 refused the upload.", _INFRA, "Read the message; S3 said why."),
    Reason.NOT_ISOLATED: Entry(
        Phase.FAILED,
        "The code of source distributions may run only where the cluster enforces NetworkPolicies.",
        _INFRA,
        "Use a network plugin that enforces them, or set DAGY_NETWORK_POLICY_REQUIRED=false.",
    ),
    StateReason.IMAGE_PUSHED: Entry(None, _IMAGE + "it is in the registry, by the digest in status.artifact.image."),
    StateReason.IMAGE_PUSHING: Entry(
        None, _IMAGE + "the ZIP is complete, and its image is on the way to the registry."
    ),
    Reason.REGISTRY_UNREACHABLE: Entry(
        None, _IMAGE + "the registry did not answer in time.", _INFRA, "See that it runs, then request a build."
    ),
    Reason.REGISTRY_ACCESS_DENIED: Entry(
        None, _IMAGE + "the registry refuses the credentials.", _ADMIN, "Correct the Secret, then request a build."
    ),
    Reason.REGISTRY_REFUSED: Entry(
        None, _IMAGE + "the registry did not take it (quota, policy).", _ADMIN, "Do as it says, then request a build."
    ),
    Reason.IMAGE_NOT_PUSHED: Entry(
        None, _IMAGE + "it was built without a registry, or its pod ended before.", _ADMIN, "Request a build."
    ),
    StateReason.IMAGE_GONE: Entry(None, _IMAGE + "it was deleted in the registry.", _ADMIN, "Request a build."),
    Reason.PREVIOUS_STEP_ENDED: Entry(Phase.FAILED, "The step before ended without a result.", _INFRA),
    Reason.INTERNAL_ERROR: Entry(Phase.FAILED, "An error in this product.", _INFRA, "Report it with the build's log."),
}
