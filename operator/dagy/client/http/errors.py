"""Errors of the SDK, as exceptions: each message says what happened and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class DagyError(Exception):
    """Base of all errors of the SDK."""


class SetupError(DagyError):
    """No URL, no token, or a certificate file that can't be read: nothing was sent."""


class UnreachableError(DagyError):
    """The API did not answer."""


class ArtifactError(DagyError):
    """A local file can't be used."""


class StoreError(DagyError):
    """The object store refused a URL that the API signed, or can't be reached."""


class NotSettledError(DagyError):
    """The result that was waited for did not come in time."""


class DeploymentRefusedError(DagyError):
    """The upload is complete, and the flow can't be deployed as it is; the message is the operator's."""


class ApiError(DagyError):
    """The API refused a request (RFC 9457). `code` is stable; `detail` is the sentence; `errors` has each fault."""

    def __init__(
        self, status: int, detail: str, *, code: str = "", title: str = "", errors: tuple[Mapping[str, Any], ...] = ()
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.code, self.title, self.errors = status, detail, code, title, errors


class InvalidError(ApiError):
    """400, 413 or 422: the request itself can't be used."""


class UnauthorizedError(ApiError):
    """401: no token, or one that isn't accepted."""


class ForbiddenError(ApiError):
    """403: it may be seen, but not changed."""


class NotFoundError(ApiError):
    """404: it isn't there, or may not be seen."""


class ConflictError(ApiError):
    """409: it exists already, or its state does not allow this."""


class ChangedError(ApiError):
    """412: someone else has changed it since it was read."""


_CLASSES: dict[int, type[ApiError]] = {
    400: InvalidError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    412: ChangedError,
    413: InvalidError,
    422: InvalidError,
}


def api_error(status: int, content: bytes, url: str) -> ApiError:
    """The error that an answer stands for; an answer that isn't the API's own is told as such."""
    from pydantic import ValidationError

    from dagy.model.rest.base import Problem

    kind = _CLASSES.get(status, ApiError)
    try:
        problem = Problem.model_validate_json(content, extra="ignore")
    except ValidationError:
        return kind(
            status,
            f"{url} answered {status} without saying why, so it was probably a proxy and not DAGY's API. "
            "Check the URL and what stands between.",
        )
    errors = tuple(one.model_dump(exclude_none=True) for one in problem.errors)
    return kind(status, problem.detail, code=problem.code, title=problem.title, errors=errors)
