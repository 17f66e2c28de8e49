"""/deployments: list, read, delete, run, roll back. They are made by completing an upload."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Path, Response

from dagy.adapters.flows.cluster import FlowCluster
from dagy.adapters.kube.api import Json, KubeApi, KubeError
from dagy.core.flows.jobs import nothing_to_run, run_of
from dagy.core.flows.revisions import rollback_patch, unknown_revision
from dagy.core.rest import edit as rest_edit
from dagy.core.rest import view as rest_view
from dagy.core.rest.reasons import ApiReason
from dagy.model.base import NamespacedName
from dagy.model.flowstatus import Revision
from dagy.model.rest.deployments import (
    DeploymentPage,
    DeploymentResponse,
    DeployRequest,
    RestRevision,
    RestRun,
    RollbackRequest,
    RunPage,
    RunResponse,
)
from dagy.web.flows import complete
from dagy.web.packages.requests import Token
from dagy.web.packages.scanning import scan
from dagy.web.serving.parameters import (
    CursorQuery,
    DeploymentPath,
    DepPackageQuery,
    IfMatch,
    Limit,
    NamespacePath,
    NamespaceQuery,
    problems,
)
from dagy.web.serving.problems import ProblemError
from dagy.web.serving.resources import DEPLOYMENTS
from dagy.web.serving.services import Caller, Provided

router = APIRouter(tags=["deployments"])
_R = ApiReason


@router.get("/deployments", responses=problems(_R.NAMESPACE_REQUIRED, _R.CURSOR_EXPIRED))
async def list_deployments(
    *,
    caller: Caller,
    namespace: NamespaceQuery = None,
    dep_package: DepPackageQuery = None,
    limit: Limit = 100,
    cursor: CursorQuery = "",
) -> DeploymentPage:
    """Deployments, sorted by namespace and name."""
    shows = rest_edit.using(dep_package)
    items, following, _ = await scan(DEPLOYMENTS, caller, namespace, limit=limit, cursor=cursor, shows=shows)
    return DeploymentPage(items=[rest_view.deployment_response(one) for one in items], next_cursor=following)


@router.get("/deployments/{namespace}/{name}", responses=problems())
async def get_deployment(
    caller: Caller, namespace: NamespacePath, name: DeploymentPath, response: Response
) -> DeploymentResponse:
    """One deployment."""
    return _answer(await DEPLOYMENTS.get(caller, namespace, name), response)


@router.put(
    "/deployments/{namespace}/{name}",
    responses={
        **problems(_R.FORBIDDEN, _R.CONFLICT),
        201: {"model": DeploymentResponse, "description": "It is new"},
    },
)
async def put_deployment(
    caller: Caller, namespace: NamespacePath, name: DeploymentPath, body: DeployRequest, response: Response
) -> DeploymentResponse:
    """Deploy an artifact that was uploaded and assembled. Repeating it changes nothing."""
    return await complete.save(
        caller, namespace, name, complete.Wish(body, body.flow_artifact, body.upload_id), response
    )


@router.delete(
    "/deployments/{namespace}/{name}", status_code=202, responses=problems(_R.FORBIDDEN, _R.PRECONDITION_FAILED)
)
async def delete_deployment(
    caller: Caller, namespace: NamespacePath, name: DeploymentPath, if_match: IfMatch = None
) -> DeploymentResponse:
    """Delete the deployment, its runs and its code; it is gone when a GET answers 404."""
    deployment = await DEPLOYMENTS.get(caller, namespace, name)
    await DEPLOYMENTS.delete(caller, namespace, name, if_match)
    return rest_view.deployment_response(
        {**deployment, "metadata": {**deployment["metadata"], "deletionTimestamp": ""}}
    )


@router.post(
    "/deployments/{namespace}/{name}:run",
    status_code=202,
    responses=problems(_R.FORBIDDEN, _R.REFUSED_BY_CLUSTER, _R.NOT_DEPLOYED, _R.CONFLICT),
)
async def run_deployment(
    services: Provided, caller: Caller, namespace: NamespacePath, name: DeploymentPath, token: Token = None
) -> RunResponse:
    """Run what is deployed, once, now. Repeating it with the same token gives the same run."""
    deployment = await DEPLOYMENTS.get(caller, namespace, name)
    DEPLOYMENTS.refuse_while_deleting(deployment)
    cluster, key, uid = FlowCluster(caller), NamespacedName(namespace, name), deployment["metadata"]["uid"]
    try:
        present = await cluster.present_revision(key, uid)
    except KubeError as error:
        raise _may_not_see_revisions(error, key) from error
    if present is None:
        raise ProblemError(_R.NOT_DEPLOYED, nothing_to_run(deployment).message)
    job = run_of(deployment, present, token or secrets.token_hex(8), services.settings.flow_requests())
    try:
        await cluster.start_run(job)
    except KubeError as error:
        raise _may_not(error, f"start runs of deployment {key}", "create jobs") from error
    return RunResponse(job_name=job["metadata"]["name"], namespace=namespace, revision=present.revision)


@router.post(
    "/deployments/{namespace}/{name}:rollback",
    status_code=202,
    responses=problems(_R.FORBIDDEN, _R.UNKNOWN_REVISION, _R.CONFLICT),
)
async def roll_back_deployment(
    caller: Caller, namespace: NamespacePath, name: DeploymentPath, body: RollbackRequest, response: Response
) -> DeploymentResponse:
    """Deploy an earlier revision again, as a new one, with the artifacts that it had."""
    deployment = await DEPLOYMENTS.get(caller, namespace, name)
    DEPLOYMENTS.refuse_while_deleting(deployment)
    patch = rollback_patch(deployment, await _revision(caller, deployment, body.revision))
    return _answer(await DEPLOYMENTS.merge(caller, namespace, name, patch), response)


@router.get(
    "/deployments/{namespace}/{name}/revisions/{revision}", responses=problems(_R.FORBIDDEN, _R.UNKNOWN_REVISION)
)
async def get_revision(
    caller: Caller, namespace: NamespacePath, name: DeploymentPath, revision: Annotated[int, Path(ge=1)]
) -> RestRevision:
    """A revision that is kept, with all that it sets for its runs."""
    deployment = await DEPLOYMENTS.get(caller, namespace, name)
    found = await _revision(caller, deployment, revision)
    return RestRevision.model_validate(found.model_dump())


@router.get("/deployments/{namespace}/{name}/runs", responses=problems(_R.FORBIDDEN))
async def list_runs(caller: Caller, namespace: NamespacePath, name: DeploymentPath) -> RunPage:
    """The runs that are kept, the newest first."""
    deployment = await DEPLOYMENTS.get(caller, namespace, name)
    return RunPage(items=await runs_of(caller, deployment))


async def runs_of(caller: KubeApi, deployment: Json, job: str | None = None) -> list[RestRun]:
    """The deployment's runs, or that of the one Job, read with the caller's rights. Raises ProblemError (403)."""
    metadata, scheduled = deployment["metadata"], deployment["spec"].get("schedule")
    key = NamespacedName.of(metadata)
    cluster = FlowCluster(caller)
    try:
        cron_job = await cluster.cron_job(key) if scheduled else None
        if job is None:
            found = list(await cluster.runs(key, metadata["uid"], cron_job=cron_job))
        else:
            one = await cluster.run(key, metadata["uid"], job, cron_job)
            found = [one] if one else []
    except KubeError as error:
        right = f"{'list' if job is None else 'get'} jobs{' and get cronjobs' if scheduled else ''}"
        raise _may_not(error, f"see the runs of deployment {key}", right) from error
    return [RestRun.model_validate(fact.run.model_dump()) for fact in found]


async def _revision(caller: KubeApi, deployment: Json, number: int) -> Revision:
    """One of the deployment's revisions, read with the caller's rights. Raises ProblemError (403, 404)."""
    metadata, cluster = deployment["metadata"], FlowCluster(caller)
    key = NamespacedName.of(metadata)
    try:
        found = await cluster.revision(key, metadata["uid"], number)
        if found is None:
            kept = await cluster.numbers(key, metadata["uid"])
            raise ProblemError(_R.UNKNOWN_REVISION, unknown_revision(deployment, number, kept).message)
    except KubeError as error:
        raise _may_not_see_revisions(error, key) from error
    return found


def _may_not_see_revisions(error: KubeError, key: NamespacedName) -> Exception:
    return _may_not(error, f"see the revisions of deployment {key}", "get and list controllerrevisions")


def _may_not(error: KubeError, what: str, right: str) -> Exception:
    """RBAC's refusal as a sentence; a quota's or a policy's stays in the cluster's words."""
    if error.status != 403 or "cannot" not in str(error):
        return error
    return ProblemError(
        _R.FORBIDDEN, f"You may not {what}. Ask the namespace's administrator for the right to {right} there."
    )


def _answer(deployment: Json, response: Response) -> DeploymentResponse:
    response.headers["ETag"] = rest_view.etag(deployment)
    return rest_view.deployment_response(deployment)
