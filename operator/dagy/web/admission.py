"""The admission webhook: AdmissionReview in, AdmissionReview out (admission.k8s.io/v1). Thin: the rules are in core.

Pods are changed or refused. Workloads with a pod template (Deployment, CronJob, ...) are always let in, with a warning:
a package may be built after they were applied, and a GitOps tool must not fail over the order.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from dagy.adapters.attach_lookup import AttachLookup
from dagy.adapters.kube import KubeError
from dagy.core.attach import Attachment, AttachRequest, Refusal, conflicts, pin, request_of_pod
from dagy.core.attach_contents import ContentsError
from dagy.core.attach_pod import InitContainer, attach, is_attached, json_patch
from dagy.core.attach_request import template_of
from dagy_builder.storage_errors import StorageError

log = logging.getLogger(__name__)

router = APIRouter(prefix="/admission", include_in_schema=False)

Json = dict[str, Any]
_FORBIDDEN, _UNAVAILABLE = 403, 503


class Admission:
    """Decides about pods. `how`: what init containers have in common, as it is now."""

    def __init__(self, lookup: AttachLookup, how: Callable[[], InitContainer]) -> None:
        self._lookup, self._how = lookup, how

    async def pod(self, asked: Mapping[str, Any]) -> Json:
        """The response to an AdmissionRequest for a pod."""
        pod = asked.get("object") or {}
        if asked.get("operation") != "CREATE" or is_attached(pod):
            return {"allowed": True}
        request = request_of_pod(pod, asked["namespace"])
        if isinstance(request, AttachRequest) and not request.wanted and not request.flow:
            return {"allowed": True}
        what = await self._plan(request)
        if isinstance(what, Refusal):
            return _denied(what)
        assert isinstance(request, AttachRequest)
        changed = attach(pod, request, what, self._how())
        if isinstance(changed, Refusal):
            return _denied(changed)
        patch = base64.b64encode(json.dumps(json_patch(pod, changed)).encode()).decode()
        return {"allowed": True, "patchType": "JSONPatch", "patch": patch, "warnings": list(what.warnings)}

    async def workload(self, asked: Mapping[str, Any]) -> Json:
        """The response for an object with a pod template: a warning where its pods would be refused now."""
        template = template_of(asked.get("object") or {})
        what = await self._plan(request_of_pod(template, asked.get("namespace", "")))
        if isinstance(what, Refusal):
            return {"allowed": True, "warnings": [f"Pods will be refused: {what.message}"]}
        return {"allowed": True, "warnings": list(what.warnings)}

    async def _plan(self, request: AttachRequest | Refusal) -> Attachment | Refusal:
        if isinstance(request, Refusal):
            return request
        pinned = pin(request, await self._lookup.packages(request))
        if isinstance(pinned, Refusal):
            return pinned
        return conflicts(pinned.packages, await self._lookup.contents(pinned.packages)) or pinned


def install(app_state: Any, admission: Admission) -> None:
    """Make the routes answer."""
    app_state.admission = admission


@router.post("/pods")
async def pods(request: Request) -> JSONResponse:
    """For the MutatingWebhookConfiguration."""
    return await _review(request, lambda admission: admission.pod)


@router.post("/workloads")
async def workloads(request: Request) -> JSONResponse:
    """For the ValidatingWebhookConfiguration."""
    return await _review(request, lambda admission: admission.workload)


async def _review(request: Request, method: Callable[[Admission], Callable[[Json], Any]]) -> JSONResponse:
    admission: Admission | None = getattr(request.app.state, "admission", None)
    try:
        asked = json.loads(await request.body())["request"]
        uid = asked["uid"]
    except (ValueError, KeyError, TypeError):
        return JSONResponse({"detail": "This is no AdmissionReview of admission.k8s.io/v1."}, 400)
    if admission is None:  # the API inside a command
        return JSONResponse({"detail": "Only the API in the cluster reviews pods."}, 404)
    try:
        response = await method(admission)(asked)
    except Exception as error:
        response = _unavailable(error)
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": {"uid": uid, **response}}
    return JSONResponse(review)


def _denied(refusal: Refusal) -> Json:
    status = {"code": _FORBIDDEN, "reason": str(refusal.reason), "message": refusal.message}
    return {"allowed": False, "status": status}


def _unavailable(error: Exception) -> Json:
    """What the packages are can't be found out now: the pod is refused, and whoever made it tries again."""
    match error:
        case StorageError():
            cause = error.message
        case KubeError() | aiohttp.ClientError() | OSError() | asyncio.TimeoutError():
            cause = f"The Kubernetes API server does not answer as it should ({error})."
        case ContentsError():
            cause = str(error)
        case _:
            log.exception("Reviewing a pod failed", exc_info=error)
            cause = f"The webhook failed ({type(error).__name__}); the log of dagy-api says more."
    message = f"Packages can't be attached now. {cause} Try again in a moment."
    return {"allowed": False, "status": {"code": _UNAVAILABLE, "reason": "ServiceUnavailable", "message": message}}
