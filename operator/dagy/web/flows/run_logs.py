"""One run of a deployment: how it stands, and its log; with the caller's rights to Jobs and pods of the namespace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import PlainTextResponse, StreamingResponse
from starlette.responses import Response

from dagy.adapters.kube.api import Json, KubeApi, KubeError, namespaced
from dagy.core.outcomes.logs import LineFilter
from dagy.core.rest.reasons import ApiReason
from dagy.model import constants as names
from dagy.model.flowstatus import RunPhase
from dagy.model.rest.deployments import RestRun, RunDetail
from dagy.model.rest.packages import NAME_PATTERN
from dagy.web.flows.routes import runs_of
from dagy.web.serving.live.events import UNBUFFERED
from dagy.web.serving.parameters import DeploymentPath, NamespacePath, problems
from dagy.web.serving.problems import ProblemError, translated
from dagy.web.serving.resources import DEPLOYMENTS
from dagy.web.serving.services import Caller, CallerName, Provided

router = APIRouter(tags=["deployments"])

_LOOK_SECONDS = 1.0
_IDLE_SECONDS = 86400.0
_R = ApiReason
JobPath = Annotated[str, Path(pattern=NAME_PATTERN, max_length=63, description="Name of the run's Job.")]


@router.get("/deployments/{namespace}/{name}/runs/{job}", responses=problems(_R.FORBIDDEN))
async def get_run(caller: Caller, namespace: NamespacePath, name: DeploymentPath, job: JobPath) -> RunDetail:
    """One run, and how its program ended."""
    run = await _run(caller, namespace, name, job)
    pod = await _pod(caller, namespace, job)
    ended = _state(pod).get("terminated") or {}
    return RunDetail(**run.model_dump(), exit_code=ended.get("exitCode"), message=_why(pod))


@router.get(
    "/deployments/{namespace}/{name}/runs/{job}/logs",
    responses={
        **problems(_R.FORBIDDEN, _R.NO_LOG),
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "The log"},
    },
    response_class=PlainTextResponse,
)
async def run_logs(
    *,
    services: Provided,
    caller: Caller,
    who: CallerName,
    namespace: NamespacePath,
    name: DeploymentPath,
    job: JobPath,
    follow: Annotated[bool, Query(description="Go on until the run has ended, through all its attempts.")] = False,
) -> Response:
    """What the flow's program printed in its last attempt."""
    await _run(caller, namespace, name, job)
    if follow:
        services.streams.check(who)
        followed = _follow(caller, caller.over(services.stream_callers), namespace, name, job)
        chunks = services.streams.bounded(who, followed)
        return StreamingResponse(chunks, media_type="text/plain; charset=utf-8", headers=UNBUFFERED)
    pod = await _pod(caller, namespace, job)
    if pod is None or not ({"running", "terminated"} & set(_state(pod))):
        reason = _why(pod) or "its pod has not started, or is gone"
        raise ProblemError(_R.NO_LOG, f"There is no log of run {job}: {reason}.")
    query = {"container": names.FLOW_CONTAINER}
    text = await caller.request("GET", namespaced("pods", namespace, pod["metadata"]["name"], "log"), query=query)
    return PlainTextResponse(await asyncio.to_thread(_shown, text))


def _shown(log: bytes) -> bytes:
    held, told = LineFilter(of_run=True).feed(log)
    return told + held.end()


async def _run(caller: KubeApi, namespace: str, name: str, job: str) -> RestRun:
    deployment = await DEPLOYMENTS.get(caller, namespace, name)
    found = await runs_of(caller, deployment, job)
    if not found:
        raise ProblemError(_R.NOT_FOUND, f"Deployment {namespace}/{name} keeps no run {job}. `dagy deployments show` "
                           "lists those that it keeps.")  # fmt: skip
    return found[0]


async def _pod(caller: KubeApi, namespace: str, job: str) -> Json | None:
    """The pod of the last attempt. Raises ProblemError (403)."""
    try:
        pods, _ = await caller.list(namespaced("pods", namespace), labelSelector=f"batch.kubernetes.io/job-name={job}")
    except KubeError as error:
        if error.status != 403:
            raise
        raise ProblemError(
            _R.FORBIDDEN,
            f"You may not see the pods of namespace {namespace}. Ask its administrator for the role view.",
        ) from error
    return max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)


async def _follow(
    caller: KubeApi, streaming: KubeApi, namespace: str, name: str, job: str
) -> AsyncGenerator[bytes, None]:
    shown: set[str] = set()
    try:
        while True:
            run = await _run(caller, namespace, name, job)
            pod = await _pod(caller, namespace, job)
            if pod and pod["metadata"]["uid"] not in shown and {"running", "terminated"} & set(_state(pod)):
                shown.add(pod["metadata"]["uid"])
                path = namespaced("pods", namespace, pod["metadata"]["name"], "log")
                query = {"container": names.FLOW_CONTAINER, "follow": "true"}
                async with aclosing(streaming.stream(path, query=query, idle_seconds=_IDLE_SECONDS)) as body:
                    held = LineFilter(of_run=True)
                    async for chunk in body:
                        held, told = held.feed(chunk)
                        yield told
                    yield held.end()
            elif run.phase in (RunPhase.SUCCEEDED, RunPhase.FAILED):
                if not shown and _why(pod):
                    yield f"{_why(pod)}\n".encode()
                return
            else:
                await asyncio.sleep(_LOOK_SECONDS)
    except Exception as error:  # the answer has begun: what went wrong can only be its last line
        yield f"\n{translated(error).detail}\n".encode()


def _state(pod: Json | None) -> dict[str, Any]:
    """State of the flow's container (waiting, running or terminated)."""
    statuses = ((pod or {}).get("status") or {}).get("containerStatuses") or []
    return next((s.get("state") or {} for s in statuses if s["name"] == names.FLOW_CONTAINER), {})


def _why(pod: Json | None) -> str:
    """Return the cause that keeps the pod from running, or that ended it, in Kubernetes' words; empty without one."""
    status = (pod or {}).get("status") or {}
    inits = [s.get("state") or {} for s in status.get("initContainerStatuses") or []]
    for state in (*inits, _state(pod)):
        told = state.get("terminated") or state.get("waiting") or {}
        failed = told.get("exitCode", 1) != 0
        if told and failed and (told.get("message") or told.get("reason")):
            return str(told.get("message") or told.get("reason"))
    return str(status.get("message", ""))
