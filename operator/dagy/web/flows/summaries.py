"""/deployments:summaries and :watch: what a table of flow deployments shows, and how it stays up to date."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from dagy.core.rest import edit as rest_edit
from dagy.core.rest import view as rest_view
from dagy.core.rest.reasons import ApiReason
from dagy.model.rest.summaries import DeploymentSummary, DeploymentSummaryPage, GoneDeployment
from dagy.web.packages.scanning import scan
from dagy.web.serving.live.watching import LastEventId, SinceQuery, Watched
from dagy.web.serving.parameters import CursorQuery, DepPackageQuery, NamespaceQuery, SummaryLimit, problems
from dagy.web.serving.resources import DEPLOYMENTS
from dagy.web.serving.services import Caller, CallerName, Provided

router = APIRouter(tags=["deployments"])
_R = ApiReason
_WATCHED = Watched(DEPLOYMENTS, "deployment", rest_view.deployment_summary, rest_view.gone_deployment)


@router.get(
    "/deployments:summaries",
    responses={
        **problems(_R.NAMESPACE_REQUIRED, _R.CURSOR_EXPIRED),
        200: {"model": DeploymentSummaryPage, "description": "A page of summaries"},
    },
    response_class=Response,
)
async def list_deployment_summaries(
    *,
    services: Provided,
    caller: Caller,
    namespace: NamespaceQuery = None,
    dep_package: DepPackageQuery = None,
    limit: SummaryLimit = 500,
    cursor: CursorQuery = "",
) -> Response:
    """Deployments in few words, sorted by namespace and name: without history, options and the cluster's own fields."""
    async with services.paging:
        page = await scan(
            DEPLOYMENTS, caller, namespace, limit=limit, cursor=cursor, shows=rest_edit.using(dep_package)
        )
        items = [rest_view.deployment_summary(one) for one in page.items]
    found = DeploymentSummaryPage(items=items, next_cursor=page.following, resource_version=page.version)
    return Response(found.model_dump_json(), media_type="application/json")


@router.get(
    "/deployments:watch",
    responses={**problems(_R.NAMESPACE_REQUIRED), 200: _WATCHED.described(DeploymentSummary, GoneDeployment)},
    response_class=Response,
)
async def watch_deployments(
    *,
    services: Provided,
    caller: Caller,
    who: CallerName,
    namespace: NamespaceQuery = None,
    resource_version: SinceQuery = None,
    last_event_id: LastEventId = None,
) -> Response:
    """What becomes of deployments, as it happens. Ends when the caller's right ends."""
    return await _WATCHED.answer(services, caller, who, namespace, last_event_id or resource_version)
