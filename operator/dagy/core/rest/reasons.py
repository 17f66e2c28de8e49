"""Every problem that the REST API itself can answer: code, HTTP status, title, meaning. Pure; makes docs/api.md.

Failures of packages are not here: they are states; the answers repeat their reasons (core.reasons) and sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from dagy.model.rest.base import Problem, ProblemDetail


class ApiReason(StrEnum):
    """The `code` of a problem. Stable: added to, never renamed."""

    UNAUTHENTICATED = "Unauthenticated"
    FORBIDDEN = "Forbidden"
    CROSS_ORIGIN = "CrossOrigin"
    NAMESPACE_REQUIRED = "NamespaceRequired"
    NOT_FOUND = "NotFound"
    METHOD_NOT_ALLOWED = "MethodNotAllowed"
    ALREADY_EXISTS = "AlreadyExists"
    CONFLICT = "Conflict"
    PRECONDITION_FAILED = "PreconditionFailed"
    INVALID_REQUEST = "InvalidRequest"
    UNSUPPORTED_MEDIA_TYPE = "UnsupportedMediaType"
    TOO_LARGE = "TooLarge"
    TOO_SLOW = "TooSlow"
    TOO_MANY_REQUESTS = "TooManyRequests"
    BUSY = "Busy"
    CURSOR_EXPIRED = "CursorExpired"
    NAME_REQUIRED = "NameRequired"
    NO_ARTIFACT = "NoArtifact"
    NO_LOG = "NoLog"
    BEING_DELETED = "BeingDeleted"
    REFUSED_BY_CLUSTER = "RefusedByCluster"
    UPLOAD_NOT_FOUND = "UploadNotFound"
    UPLOAD_INCOMPLETE = "UploadIncomplete"
    UPLOAD_CORRUPT = "UploadCorrupt"
    FOREIGN_KEY = "ForeignKey"
    NOT_DEPLOYABLE = "NotDeployable"
    NOT_DEPLOYED = "NotDeployed"
    UNKNOWN_REVISION = "UnknownRevision"
    STORAGE_NOT_CONFIGURED = "StorageNotConfigured"
    NO_IDENTITY = "NoIdentity"
    CLUSTER_UNREACHABLE = "ClusterUnreachable"
    STORAGE_UNAVAILABLE = "StorageUnavailable"
    SEARCH_OFF = "SearchOff"
    INDEX_UNAVAILABLE = "IndexUnavailable"
    INTERNAL_ERROR = "InternalError"


@dataclass(frozen=True)
class ApiEntry:
    """One row of the catalogue."""

    status: int
    title: str
    meaning: str


_R, _S = ApiReason, HTTPStatus

API_CATALOGUE: dict[ApiReason, ApiEntry] = {
    _R.UNAUTHENTICATED: ApiEntry(
        _S.UNAUTHORIZED, "Not authenticated", "There is no bearer token, or the cluster does not accept it."
    ),
    _R.FORBIDDEN: ApiEntry(_S.FORBIDDEN, "Not allowed", "You may see it, and not do this to it."),
    _R.CROSS_ORIGIN: ApiEntry(
        _S.FORBIDDEN, "From another site", "A browser asks for a change on behalf of another site's page."
    ),
    _R.NAMESPACE_REQUIRED: ApiEntry(
        _S.FORBIDDEN, "A namespace is needed", "You may not list all namespaces; name one with `?namespace=`."
    ),
    _R.NOT_FOUND: ApiEntry(_S.NOT_FOUND, "Not found", "There is none, or none that you may see."),
    _R.METHOD_NOT_ALLOWED: ApiEntry(_S.METHOD_NOT_ALLOWED, "Method not allowed", "The path exists, the method not."),
    _R.ALREADY_EXISTS: ApiEntry(_S.CONFLICT, "Already exists", "Update it with PUT instead."),
    _R.CONFLICT: ApiEntry(_S.CONFLICT, "Conflict", "Others kept changing it meanwhile; try again."),
    _R.PRECONDITION_FAILED: ApiEntry(
        _S.PRECONDITION_FAILED, "Changed meanwhile", "If-Match names another state than the present one."
    ),
    _R.INVALID_REQUEST: ApiEntry(
        _S.UNPROCESSABLE_ENTITY, "Invalid request", "`errors` says which field is wrong, and why."
    ),
    _R.UNSUPPORTED_MEDIA_TYPE: ApiEntry(_S.UNSUPPORTED_MEDIA_TYPE, "Unsupported media type", "The body must be JSON."),
    _R.TOO_LARGE: ApiEntry(_S.REQUEST_ENTITY_TOO_LARGE, "Too large", "The body or the file is larger than allowed."),
    _R.TOO_SLOW: ApiEntry(_S.REQUEST_TIMEOUT, "Too slow", "The body did not come in time; send it again."),
    _R.TOO_MANY_REQUESTS: ApiEntry(
        _S.TOO_MANY_REQUESTS, "Too many requests", "You have as many under way as one caller may; wait for some to end."
    ),
    _R.BUSY: ApiEntry(_S.SERVICE_UNAVAILABLE, "Busy", "The API does as much as it can; try again in a moment."),
    _R.CURSOR_EXPIRED: ApiEntry(_S.GONE, "Cursor expired", "List again without a cursor."),
    _R.NAME_REQUIRED: ApiEntry(
        _S.UNPROCESSABLE_ENTITY, "A name is needed", "No Kubernetes name can be made from `display_name`."
    ),
    _R.NO_ARTIFACT: ApiEntry(_S.CONFLICT, "Not built", "The package has no usable ZIP yet."),
    _R.NO_LOG: ApiEntry(_S.NOT_FOUND, "No log", "The step has not run, or its log is gone."),
    _R.BEING_DELETED: ApiEntry(_S.CONFLICT, "Being deleted", "It can be created again once it is gone."),
    _R.REFUSED_BY_CLUSTER: ApiEntry(
        _S.FORBIDDEN, "Refused by the cluster", "A quota or a policy of the cluster refuses it."
    ),
    _R.UPLOAD_NOT_FOUND: ApiEntry(_S.NOT_FOUND, "No such upload", "It was aborted or never started; start it again."),
    _R.UPLOAD_INCOMPLETE: ApiEntry(
        _S.CONFLICT, "Upload incomplete", "Parts are missing, or are not those that S3 has."
    ),
    _R.UPLOAD_CORRUPT: ApiEntry(
        _S.CONFLICT, "Upload corrupt", "What arrived is not the announced file; it was deleted. Upload it again."
    ),
    _R.FOREIGN_KEY: ApiEntry(
        _S.UNPROCESSABLE_ENTITY, "Foreign key", "`artifact_key` is not an upload of that deployment."
    ),
    _R.NOT_DEPLOYABLE: ApiEntry(
        _S.CONFLICT,
        "Cannot be deployed",
        "The packages cannot be attached; `code` is the reason itself, such as UnknownSlug (docs/attach.md).",
    ),
    _R.NOT_DEPLOYED: ApiEntry(_S.CONFLICT, "Not deployed", "The deployment has no revision to run."),
    _R.UNKNOWN_REVISION: ApiEntry(_S.NOT_FOUND, "Unknown revision", "The revision is not kept (any more)."),
    _R.STORAGE_NOT_CONFIGURED: ApiEntry(
        _S.NOT_IMPLEMENTED, "No S3 settings", "This process has no S3 settings; use the API of the cluster."
    ),
    _R.NO_IDENTITY: ApiEntry(_S.NOT_IMPLEMENTED, "No identity of its own", "Only the API in the cluster can do that."),
    _R.CLUSTER_UNREACHABLE: ApiEntry(
        _S.SERVICE_UNAVAILABLE, "The cluster does not answer", "Try again; it is not your request's fault."
    ),
    _R.STORAGE_UNAVAILABLE: ApiEntry(
        _S.SERVICE_UNAVAILABLE, "S3 does not answer", "Try again; it is not your request's fault."
    ),
    _R.SEARCH_OFF: ApiEntry(
        _S.NOT_IMPLEMENTED,
        "The index is not asked",
        "The administrator has switched it off; write the version yourself.",
    ),
    _R.INDEX_UNAVAILABLE: ApiEntry(
        _S.SERVICE_UNAVAILABLE, "The package index does not answer", "Try again; it is not your request's fault."
    ),
    _R.INTERNAL_ERROR: ApiEntry(_S.INTERNAL_SERVER_ERROR, "Internal error", "An error in this product; report it."),
}


def problem_of(
    reason: ApiReason, detail: str, errors: Sequence[ProblemDetail] = (), code: str | None = None
) -> Problem:
    """Return the body of an error (RFC 9457). `code`: a finer one than the reason's own."""
    entry, code = API_CATALOGUE[reason], code or reason
    return Problem(
        type=f"urn:dagy:problem:{code}",
        title=entry.title,
        status=entry.status,
        detail=detail,
        code=code,
        errors=list(errors),
    )
