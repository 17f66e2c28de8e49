"""Limits of each API route, and the answers of the gate before it."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from dagy.core.common.json_text import TooMuchJsonError
from dagy.core.rest.reasons import ApiReason
from dagy.web.serving.gate import Allowance, BodyTooLargeError, BodyTooSlowError, BusyError, TooManyRequestsError
from dagy.web.serving.problems import ProblemError, problem_response, translated

BYTES_IN_FLIGHT = 16 << 20
_NO_BODY = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})
_DEFAULT = Allowance()
_PACKAGES = Allowance(body_bytes=256 << 10)
_COMPLETE = Allowance(body_bytes=2 << 20, body_seconds=60.0, values=60_000)
"""10,000 parts, with their ETags."""
_DEPLOYMENT = Allowance(body_bytes=1 << 20)
"""100 environment variables of 8 kB."""
_PART_URLS = Allowance(body_bytes=128 << 10, values=20_000)


class RouteAllowances:
    """The bounds of a request, by its route. None where no body is read."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._routes = tuple(routes)

    def __call__(self, scope: Scope) -> Allowance | None:
        """See above."""
        path = scope["path"]
        if scope["method"] in _NO_BODY or not any(route.matches(scope)[0] is Match.FULL for route in self._routes):
            return None
        if path.startswith("/dep-packages"):
            return _PACKAGES
        if path in ("/uploads/complete", "/uploads/assemble"):
            return _COMPLETE
        if path.startswith("/deployments/"):
            return _DEPLOYMENT
        return _PART_URLS if path.startswith("/uploads/") else _DEFAULT


def refused(error: Exception) -> Response:
    """Return the gate's refusals as problems."""
    match error:
        case BodyTooLargeError():
            detail = (
                f"The body has more than {error.limit} bytes. Files are uploaded to S3 directly, see POST /uploads."
            )
            return problem_response(ProblemError(ApiReason.TOO_LARGE, detail))
        case TooMuchJsonError():
            detail = f"The body can't be read. {error} /openapi.json tells what it may be."
            return problem_response(ProblemError(ApiReason.INVALID_REQUEST, detail))
        case BodyTooSlowError():
            detail = "The body did not come in time. Send it again."
            return problem_response(ProblemError(ApiReason.TOO_SLOW, detail))
        case BusyError():
            detail = "The API has as many requests as it can hold. Try again in a moment."
            return problem_response(ProblemError(ApiReason.BUSY, detail, headers={"Retry-After": "2"}))
        case TooManyRequestsError():
            detail = f"You have {error.limit} requests under way. Wait until some have ended, then try again."
            return problem_response(ProblemError(ApiReason.TOO_MANY_REQUESTS, detail, headers={"Retry-After": "2"}))
        case _:
            return problem_response(translated(error))
