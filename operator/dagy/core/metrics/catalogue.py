"""Every metric of DAGY's own: docs/metrics.md is generated from it; rules and dashboard are checked by it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from dagy.core.attach.refusals import AttachReason
from dagy.core.common.reasons import CATALOGUE as REASONS
from dagy.core.common.reasons import StateReason
from dagy.core.metrics.metric import Kind, Metric, Process
from dagy.model.status import JobKind, Phase
from dagy_builder.contract import Fault, Reason, Step


class ControllerName(StrEnum):
    """The operator's controllers."""

    PACKAGES = "packages"
    FLOWS = "flows"


class WatchName(StrEnum):
    """The operator's watches."""

    OBJECTS = "objects"
    """Packages, flow deployments and their runs."""
    JOBS = "jobs"
    """Jobs and pods of the build namespace."""


class PassResult(StrEnum):
    """How one look at an object ended."""

    DONE = "Done"
    CONFLICT = "Conflict"
    KUBERNETES = "KubernetesError"
    STORAGE = "StorageError"
    NETWORK = "NetworkError"
    UNEXPECTED = "UnexpectedError"


class JobOutcome(StrEnum):
    """How a Job ended."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


class Origin(StrEnum):
    """Where a package has its artifact from."""

    BUILT = "Built"
    COPIED = "Copied"
    KEPT = "Kept"
    """An earlier artifact of the same package, which fits again."""


class Review(StrEnum):
    """The webhooks."""

    PODS = "pods"
    WORKLOADS = "workloads"


class Decision(StrEnum):
    """What a review ended with."""

    NOT_ASKED = "NotAsked"
    ATTACHED = "Attached"
    ALLOWED = "Allowed"
    WARNED = "Warned"
    REFUSED = "Refused"
    UNAVAILABLE = "Unavailable"


class IndexResult(StrEnum):
    """How a request of the API to the package index ended."""

    ANSWERED = "Answered"
    FAILED = "Failed"


class Resource(StrEnum):
    """What a request to the API is about: the first word of its path."""

    PACKAGES = "dep-packages"
    DEPLOYMENTS = "deployments"
    UPLOADS = "uploads"
    ARTIFACTS = "artifacts"
    INDEX = "index"
    NAMESPACES = "namespaces"
    WHOAMI = "whoami"
    CONSOLE = "console"
    PROCESS = "process"
    """/healthz, /readyz and /openapi.json."""


def _values(*kinds: type[StrEnum]) -> tuple[str, ...]:
    return tuple(str(value) for kind in kinds for value in kind)


_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_CODES = tuple(str(code) for code in (
    200, 201, 202, 204, 206, 304, 400, 401, 403, 404, 405, 408, 409, 410, 412, 413, 415, 422, 429, 500, 502, 503, 504,
))  # fmt: skip
_STORAGE = tuple(str(reason) for reason in (
    Reason.STORAGE_UNREACHABLE, Reason.STORAGE_ACCESS_DENIED, Reason.BUCKET_NOT_FOUND, Reason.UPLOAD_FAILED,
))  # fmt: skip
_IMAGES = tuple(str(reason) for reason in (
    StateReason.IMAGE_PUSHED, Reason.REGISTRY_UNREACHABLE, Reason.REGISTRY_ACCESS_DENIED, Reason.REGISTRY_REFUSED,
    StateReason.IMAGE_GONE,
))  # fmt: skip
# Not `job`: that is Prometheus' own label of what it scrapes.
_JOB: Mapping[str, tuple[str, ...]] = {"kind": _values(JobKind)}
_CONTROLLER: Mapping[str, tuple[str, ...]] = {"controller": _values(ControllerName)}
_WATCH: Mapping[str, tuple[str, ...]] = {"watch": _values(WatchName)}
_FAILURE: Mapping[str, tuple[str, ...]] = {"reason": tuple(str(reason) for reason in REASONS), "fault": _values(Fault)}

_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_WORK = (0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
_WAIT = (0.1, 1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 21600.0)
_BYTES = tuple(float(1 << power) for power in (16, 20, 22, 24, 26, 27, 28, 29, 30, 31, 32, 33))

_OPERATOR, _API, _WEBHOOK = (Process.OPERATOR,), (Process.API,), (Process.WEBHOOK,)
_COUNTER, _GAUGE, _HISTOGRAM = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM

PACKAGES = Metric("dagy_packages", _GAUGE, "Packages that there are, by phase.", _OPERATOR, {"phase": _values(Phase)})
QUEUE_LENGTH = Metric("dagy_queue_length", _GAUGE, "Packages that wait for a slot of a Job.", _OPERATOR, _JOB)
QUEUE_AGE = Metric(
    "dagy_queue_oldest_age_seconds",
    _GAUGE,
    "How long the longest waiting package has been under way; 0 when none waits for a slot.",
    _OPERATOR,
    _JOB,
)
QUEUE_WAIT = Metric(
    "dagy_queue_wait_seconds", _HISTOGRAM, "How long a package waited for its slot, of those that got one.",
    _OPERATOR, _JOB, _WAIT,
)  # fmt: skip
SLOTS = Metric("dagy_job_slots", _GAUGE, "Jobs that may run at the same time.", _OPERATOR, _JOB)
SLOTS_USED = Metric("dagy_job_slots_used", _GAUGE, "Of these, how many run, as last counted.", _OPERATOR, _JOB)
JOBS_ENDED = Metric(
    "dagy_jobs_ended_total", _COUNTER, "Jobs that ended.", _OPERATOR, {**_JOB, "outcome": _values(JobOutcome)}
)
JOB_FAILURES = Metric(
    "dagy_job_failures_total",
    _COUNTER,
    "Jobs that failed, by reason (docs/reasons.md) and by whose fault it is; those that are tried again as well.",
    _OPERATOR,
    {**_JOB, **_FAILURE},
)
STEP_SECONDS = Metric(
    "dagy_step_duration_seconds", _HISTOGRAM, "How long a step of a Job worked, as it says itself.",
    _OPERATOR, {"step": _values(Step)}, _WORK,
)  # fmt: skip
READY_SECONDS = Metric(
    "dagy_package_ready_seconds",
    _HISTOGRAM,
    "From the arrival of a package, or of a change of it, to its new artifact.",
    _OPERATOR,
    buckets=_WORK,
)
PACKAGE_FAILURES = Metric(
    "dagy_package_failures_total",
    _COUNTER,
    "Packages that came to a stop (condition Stalled), by reason and fault.",
    _OPERATOR,
    _FAILURE,
)
ARTIFACTS = Metric(
    "dagy_artifacts_total", _COUNTER, "Artifacts that packages got.", _OPERATOR, {"origin": _values(Origin)}
)
ARTIFACT_BYTES = Metric(
    "dagy_artifact_size_bytes", _HISTOGRAM, "Size of artifacts that were built or copied.", _OPERATOR, buckets=_BYTES
)
ARTIFACTS_LOST = Metric(
    "dagy_artifacts_lost_total", _COUNTER, "Artifacts whose ZIP was deleted or changed in S3 by others.", _OPERATOR
)
IMAGES = Metric(
    "dagy_artifact_images_total",
    _COUNTER,
    "Images of artifacts in the registry: pushed, not pushed and why, or deleted there by others (docs/images.md).",
    _OPERATOR,
    {"reason": _IMAGES},
)
PASSES = Metric(
    "dagy_reconciles_total", _COUNTER, "Looks at an object, by their end.", _OPERATOR,
    {**_CONTROLLER, "result": _values(PassResult)},
)  # fmt: skip
PASS_SECONDS = Metric(
    "dagy_reconcile_duration_seconds", _HISTOGRAM, "How long a look at an object took.", _OPERATOR, _CONTROLLER, _QUICK
)
WORK_WAITING = Metric("dagy_workqueue_depth", _GAUGE, "Objects to be looked at now.", _OPERATOR, _CONTROLLER)
WORK_ACTIVE = Metric("dagy_workqueue_active", _GAUGE, "Objects that are being looked at.", _OPERATOR, _CONTROLLER)
WORK_RETRYING = Metric(
    "dagy_workqueue_retrying",
    _GAUGE,
    "Objects whose last look failed, and that are tried again.",
    _OPERATOR,
    _CONTROLLER,
)
LAST_RESYNC = Metric(
    "dagy_last_resync_timestamp_seconds", _GAUGE, "When all objects were last listed.", _OPERATOR, _CONTROLLER
)
WATCH_UP = Metric("dagy_watch_up", _GAUGE, "1 while changes are heard of.", _OPERATOR, _WATCH)
WATCH_EVENT = Metric(
    "dagy_watch_last_event_timestamp_seconds",
    _GAUGE,
    "When a change was last heard of; 0 before the first one. A cluster in which nothing changes is silent, too.",
    _OPERATOR,
    _WATCH,
)
WATCH_STARTS = Metric(
    "dagy_watch_starts_total", _COUNTER, "Starts of a watch; more than one says that it ended.", _OPERATOR, _WATCH,
    looked_at=True,
)  # fmt: skip
STORAGE_ERRORS = Metric(
    "dagy_s3_errors_total",
    _COUNTER,
    "Requests to S3 that it refused, or did not answer.",
    tuple(Process),
    {"reason": _STORAGE},
)
REQUESTS = Metric(
    "dagy_http_requests_total", _COUNTER, "Requests that were answered.", _API,
    {"resource": _values(Resource), "method": _METHODS, "code": _CODES},
)  # fmt: skip
REQUEST_SECONDS = Metric(
    "dagy_http_request_duration_seconds",
    _HISTOGRAM,
    "From a request to the beginning of its answer: some answers last as long as their reader likes.",
    _API,
    {"resource": _values(Resource)},
    _QUICK,
)
INDEX_REQUESTS = Metric(
    "dagy_index_requests_total", _COUNTER, "Requests to the package index, for searches.", _API,
    {"result": _values(IndexResult)},
)  # fmt: skip
CERTIFICATE = Metric(
    "dagy_certificate_expiry_timestamp_seconds", _GAUGE, "When the certificate that is served ends.", (*_API, *_WEBHOOK)
)
REVIEWS = Metric(
    "dagy_webhook_reviews_total", _COUNTER, "Reviews for the API server, by decision.", _WEBHOOK,
    {"webhook": _values(Review), "decision": _values(Decision)},
)  # fmt: skip
REVIEW_SECONDS = Metric(
    "dagy_webhook_review_duration_seconds", _HISTOGRAM, "How long a review took.", _WEBHOOK,
    {"webhook": _values(Review)}, _QUICK,
)  # fmt: skip
REFUSALS = Metric(
    "dagy_webhook_refusals_total", _COUNTER,
    "Pods that were refused, and workloads that ask for that (dagy.io/fail-fast), by reason (docs/attach.md).",
    _WEBHOOK, {"reason": _values(AttachReason)},
)  # fmt: skip

CATALOGUE: tuple[Metric, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Metric))


def metrics_of(process: Process) -> tuple[Metric, ...]:
    """Return the metrics of one process."""
    return tuple(metric for metric in CATALOGUE if process in metric.processes)
