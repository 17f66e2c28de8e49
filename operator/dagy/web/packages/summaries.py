"""/dep-packages:summaries and :watch: what a table of packages shows, and how it stays up to date."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from dagy.core.rest import view as rest_view
from dagy.core.rest.reasons import ApiReason
from dagy.model.rest.summaries import DepPackageSummary, DepPackageSummaryPage, GonePackage
from dagy.web.serving.live.watching import LastEventId, SinceQuery, Watched
from dagy.web.serving.parameters import CursorQuery, NamespaceQuery, SummaryLimit, problems
from dagy.web.serving.resources import PACKAGES
from dagy.web.serving.services import Caller, CallerName, Provided

router = APIRouter(tags=["packages"])
_R = ApiReason
_WATCHED = Watched(PACKAGES, "package", rest_view.package_summary, rest_view.gone_package)


@router.get(
    "/dep-packages:summaries",
    responses={
        **problems(_R.NAMESPACE_REQUIRED, _R.CURSOR_EXPIRED),
        200: {"model": DepPackageSummaryPage, "description": "A page of summaries"},
    },
    response_class=Response,
)
async def list_summaries(
    services: Provided,
    caller: Caller,
    namespace: NamespaceQuery = None,
    limit: SummaryLimit = 500,
    cursor: CursorQuery = "",
) -> Response:
    """Packages in few words, sorted by namespace and name: as many as a browser can filter by itself."""
    async with services.paging:
        page = await PACKAGES.page(caller, namespace, limit, cursor)
        items = [rest_view.package_summary(one) for one in page.items]
    found = DepPackageSummaryPage(items=items, next_cursor=page.following or None, resource_version=page.version)
    # As it is: to check and write a thousand items again, as FastAPI does, takes as long as making them.
    return Response(found.model_dump_json(), media_type="application/json")


@router.get(
    "/dep-packages:watch",
    responses={**problems(_R.NAMESPACE_REQUIRED), 200: _WATCHED.described(DepPackageSummary, GonePackage)},
    response_class=Response,
)
async def watch_packages(
    *,
    services: Provided,
    caller: Caller,
    who: CallerName,
    namespace: NamespaceQuery = None,
    resource_version: SinceQuery = None,
    last_event_id: LastEventId = None,
) -> Response:
    """What becomes of packages, as it happens. Ends when the caller's right ends."""
    return await _WATCHED.answer(services, caller, who, namespace, last_event_id or resource_version)
