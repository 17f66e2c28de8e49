"""Errors as problem details (RFC 9457): one exception, one place where refusals of cluster and store are translated."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from dagy.adapters.kube.api import KubeError
from dagy.core.rest.reasons import ApiReason, problem_of
from dagy.model.rest.base import ProblemDetail
from dagy.web.serving.pools import PoolFullError
from dagy_builder.storage.errors import StorageError

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_CAUSE_PREFIX = re.compile(
    r'^(Invalid value: ("[^"]*"|\{.*?\}|\[.*?\]|\S+): |Invalid value: |Unsupported value: )', re.DOTALL
)
MAX_ERRORS = 20
"""In one answer."""
_TRY_AGAIN = {"Retry-After": "2"}


class ProblemError(Exception):
    """The request is answered with this problem. `detail`: what happened, to what, why, and what to do next."""

    def __init__(
        self,
        reason: ApiReason,
        detail: str,
        errors: Sequence[ProblemDetail] = (),
        headers: Mapping[str, str] | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code or str(reason)
        self.reason, self.detail, self.errors, self.headers = reason, detail, tuple(errors), dict(headers or {})

    def again(self) -> ProblemError:
        """The same, raised by nobody yet: one that was raised holds what the functions held that it came through."""
        return ProblemError(self.reason, self.detail, self.errors, self.headers, self.code)


def problem_response(error: ProblemError) -> JSONResponse:
    """Return the answer."""
    body = problem_of(error.reason, error.detail, error.errors, error.code)
    headers = {"Cache-Control": "no-store", **error.headers}
    return JSONResponse(body.model_dump(mode="json"), body.status, headers, MEDIA_TYPE)


def unauthenticated(detail: str) -> ProblemError:
    """No token, or one that is not accepted."""
    return ProblemError(ApiReason.UNAUTHENTICATED, detail, headers={"WWW-Authenticate": 'Bearer realm="dagy"'})


def from_cluster(error: KubeError) -> ProblemError:
    """Return the problem for a refusal by the API server, where the request's own code had nothing better to say."""
    match error.status, error.reason:
        case 401, _:
            return unauthenticated(
                "The cluster does not accept this token. Get a new one, e.g. with `kubectl create token ACCOUNT`."
            )
        case 404, _:
            return ProblemError(ApiReason.NOT_FOUND, _sentence(str(error)))
        case 409, "AlreadyExists":
            return ProblemError(ApiReason.ALREADY_EXISTS, _sentence(str(error)))
        case 409, _:
            return ProblemError(ApiReason.CONFLICT, "Others kept changing it meanwhile. Read it again, and try again.")
        case ((400 | 422), _):
            return _invalid(error)
        case 403, _:
            return ProblemError(ApiReason.REFUSED_BY_CLUSTER, _sentence(str(error)))
        case 405, "TokenNeeded":
            return ProblemError(ApiReason.FORBIDDEN, str(error))
        case 410, _:
            return ProblemError(
                ApiReason.CURSOR_EXPIRED, "The list has changed too much since. List again from its start."
            )
        case 413, _:
            return ProblemError(ApiReason.TOO_LARGE, "The object is larger than the cluster takes. Split the package.")
        case _:
            return ProblemError(
                ApiReason.CLUSTER_UNREACHABLE,
                f"The Kubernetes API server is not ready ({error.status} {error.reason}). Try again in a moment.",
                headers=_TRY_AGAIN,
            )


def from_storage(error: StorageError) -> ProblemError:
    """Return the problem for an error of S3, in the same words as in a package's status."""
    return ProblemError(ApiReason.STORAGE_UNAVAILABLE, error.message, headers=_TRY_AGAIN)


def _invalid(error: KubeError) -> ProblemError:
    shown = error.causes[:MAX_ERRORS]
    details = _and_more([ProblemDetail(message=_cause(c), field=_field(c.get("field"))) for c in shown], error.causes)
    if not details:
        return ProblemError(ApiReason.INVALID_REQUEST, _sentence(str(error)))
    return ProblemError(ApiReason.INVALID_REQUEST, _sentence(_joined(details)), details)


def _cause(cause: Mapping[str, Any]) -> str:
    return _CAUSE_PREFIX.sub("", str(cause.get("message", "")))


def _field(path: Any) -> str | None:
    """`spec.pythonVersion` as the request calls it: `python_version`."""
    if not path or path == "<nil>":
        return None
    plain = str(path).removeprefix("spec.")
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda m: f"_{m[1].lower()}", plain).replace("-", "_")


def _joined(details: Sequence[ProblemDetail]) -> str:
    parts = dict.fromkeys(f"{d.field}: {d.message}" if d.field else d.message for d in details)
    return "; ".join(parts)


def _sentence(text: str) -> str:
    text = text.strip() or "The cluster gives no reason"
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _unreadable(error: RequestValidationError) -> ProblemError:
    found = error.errors()
    details = [ProblemDetail(message=str(one["msg"]), field=_place(one["loc"])) for one in found[:MAX_ERRORS]]
    return ProblemError(ApiReason.INVALID_REQUEST, _sentence(_joined(details[:5])), _and_more(details, found))


def _and_more(details: list[ProblemDetail], of: Sequence[Any]) -> list[ProblemDetail]:
    more = len(of) - len(details)
    return [*details, ProblemDetail(message=f"and {more} more")] if more else details


def _place(location: Sequence[int | str]) -> str | None:
    """("body", "dependencies", 3) as `dependencies[3]`."""
    inner = location[1:] if location and location[0] in ("body", "query", "path", "header") else location
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in inner)
    return text.lstrip(".") or None


_BY_STATUS = {404: ApiReason.NOT_FOUND, 405: ApiReason.METHOD_NOT_ALLOWED, 413: ApiReason.TOO_LARGE}


_TRANSLATED = (
    ProblemError,
    KubeError,
    StorageError,
    RequestValidationError,
    HTTPException,
    PoolFullError,
    aiohttp.ClientError,
    TimeoutError,
    OSError,
    Exception,
)


def install(app: FastAPI) -> None:
    """Answer every error with a problem."""

    async def answer(_: Request, error: Exception) -> JSONResponse:
        return problem_response(translated(error))

    for kind in _TRANSLATED:
        app.add_exception_handler(kind, answer)


def translated(error: Exception) -> ProblemError:
    """Any error as the problem that it is for the caller."""
    match error:
        case ProblemError():
            return error
        case KubeError():
            return from_cluster(error)
        case StorageError():
            return from_storage(error)
        case RequestValidationError():
            return _unreadable(error)
        case PoolFullError():
            return ProblemError(
                ApiReason.BUSY, "The API does as much of this as it can. Try again in a moment.", headers=_TRY_AGAIN
            )
        case HTTPException():
            reason = _BY_STATUS.get(error.status_code, ApiReason.INVALID_REQUEST)
            detail = f"{error.detail}. docs/api.md and /openapi.json tell what there is."
            return ProblemError(reason, detail, headers=error.headers)
        case aiohttp.ClientError() | TimeoutError() | OSError():
            return ProblemError(
                ApiReason.CLUSTER_UNREACHABLE,
                "The Kubernetes API server does not answer. Try again in a moment.",
                headers=_TRY_AGAIN,
            )
        case _:
            log.error("A request failed", exc_info=error)
            return ProblemError(
                ApiReason.INTERNAL_ERROR, "The request failed through an error in this product; its log says more."
            )
