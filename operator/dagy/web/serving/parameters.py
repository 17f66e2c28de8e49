"""Parameters and promised answers that several routes share."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Header, Path, Query

from dagy.core.rest import idempotency
from dagy.core.rest.reasons import API_CATALOGUE, ApiReason
from dagy.model.rest.packages import NAME_PATTERN, NAMESPACE_PATTERN
from dagy.model.rest.uploads import DEPLOYMENT_PATTERN
from dagy.model.spec import SLUG_PATTERN
from dagy.web.serving.problems import MEDIA_TYPE

NamespacePath = Annotated[str, Path(pattern=NAMESPACE_PATTERN, max_length=63, description="Kubernetes namespace.")]
NamePath = Annotated[str, Path(pattern=NAME_PATTERN, max_length=253, description="Kubernetes name.")]
DeploymentPath = Annotated[str, Path(pattern=DEPLOYMENT_PATTERN, max_length=52, description="Name of the deployment.")]
NamespaceQuery = Annotated[
    str | None,
    Query(
        pattern=NAMESPACE_PATTERN, max_length=63, description="Kubernetes namespace; all that you may list when absent."
    ),
]
Limit = Annotated[int, Query(ge=1, le=500, description="How many items a page has at most.")]
SummaryLimit = Annotated[int, Query(ge=1, le=1000, description="How many items a page has at most.")]
CursorQuery = Annotated[str, Query(max_length=8192, description="`next_cursor` of the page before.")]
DepPackageQuery = Annotated[
    str | None,
    Query(pattern=SLUG_PATTERN, description="Only those that attach the package with this slug, or run with it now."),
]
IfMatch = Annotated[
    str | None,
    Header(
        max_length=1024, description="ETag of the state that you know: a change by others since is not overwritten."
    ),
]

IfNoneMatch = Annotated[
    Literal["*"] | None, Header(description="`*` creates, and refuses with 412 what would replace something.")
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        pattern=idempotency.PATTERN,
        description="Of a creation: repeated with the same key, it is answered with what the first one has made.",
    ),
]

_ALWAYS = (
    ApiReason.UNAUTHENTICATED,
    ApiReason.NOT_FOUND,
    ApiReason.INVALID_REQUEST,
    ApiReason.TOO_LARGE,
    ApiReason.TOO_SLOW,
    ApiReason.TOO_MANY_REQUESTS,
    ApiReason.BUSY,
    ApiReason.CLUSTER_UNREACHABLE,
    ApiReason.INTERNAL_ERROR,
)


def problems(*reasons: ApiReason) -> dict[int | str, dict[str, Any]]:
    """Return the problems that a route may answer with, beside those of every route, for its OpenAPI."""
    return problems_of(*_ALWAYS, *reasons)


def problems_of(*reasons: ApiReason) -> dict[int | str, dict[str, Any]]:
    """Return these problems as answers in an OpenAPI document, by status."""
    by_status: dict[int, list[ApiReason]] = {}
    for reason in reasons:
        by_status.setdefault(API_CATALOGUE[reason].status, []).append(reason)
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": "; ".join(API_CATALOGUE[r].title for r in dict.fromkeys(found)), "content": content}
        for status, found in sorted(by_status.items())
    }
