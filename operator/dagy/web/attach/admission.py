"""The admission webhook: AdmissionReview in, AdmissionReview out (admission.k8s.io/v1). Thin: the rules are in core.

Pods are changed or refused. Workloads with a pod template (Deployment, CronJob, ...) are always let in, with a warning:
a package may be built after they were applied, and a GitOps tool must not fail over the order.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aiohttp
from starlette.responses import JSONResponse, Response

from dagy.adapters.kube.api import KubeError
from dagy.adapters.packages.attach_lookup import AttachLookup
from dagy.core.attach.pin import AttachRequest, Refusal, request_of_pod
from dagy.core.attach.pod import InitContainer, attach, is_attached, json_patch
from dagy.core.attach.refusals import unexplained
from dagy.core.attach.request import template_of
from dagy.core.common.json_text import JsonError, read_json
from dagy_builder.storage.errors import StorageError

log = logging.getLogger(__name__)

Json = dict[str, Any]
_FORBIDDEN, _UNAVAILABLE = 403, 503
_VALUES = 250_000


class ApiUnknownError(Exception):
    """Pods could not know the API from which they get their packages."""


class Admission:
    """Decides about pods. `how`: what init containers have in common, as it is now.

    Without `tell`, whoever asks may be anybody, and learns nothing of packages beyond what a pod must be given.
    """

    def __init__(self, lookup: AttachLookup, how: Callable[[], InitContainer], *, tell: bool) -> None:
        self._lookup, self._how, self._tell = lookup, how, tell

    async def pods(self, review: bytes) -> Response:
        """For the MutatingWebhookConfiguration."""
        return await _answer(review, self._pod, self._pod_unavailable)

    async def workloads(self, review: bytes) -> Response:
        """For the ValidatingWebhookConfiguration."""
        return await _answer(review, self._workload, self._workload_unavailable)

    async def _pod(self, asked: Mapping[str, Any]) -> Json:
        pod = asked.get("object") or {}
        if asked.get("operation") != "CREATE" or is_attached(pod):
            return {"allowed": True}
        request = request_of_pod(pod, asked["namespace"])
        if isinstance(request, AttachRequest) and not request.wanted and not request.flow:
            return {"allowed": True}
        what = await self._lookup.plan(request)
        if isinstance(what, Refusal):
            return self._denied(request, what)
        assert isinstance(request, AttachRequest)
        how = self._how()
        if not how.authority:
            raise ApiUnknownError
        changed = attach(pod, request, what, how, say_whose=self._tell)
        if isinstance(changed, Refusal):
            return self._denied(request, changed)
        patch = base64.b64encode(json.dumps(json_patch(pod, changed)).encode()).decode()
        warnings = list(what.warnings) if self._tell else []
        return {"allowed": True, "patchType": "JSONPatch", "patch": patch, "warnings": warnings}

    async def _workload(self, asked: Mapping[str, Any]) -> Json:
        template = template_of(asked.get("object") or {})
        request = request_of_pod(template, asked.get("namespace", ""))
        what = await self._lookup.plan(request)
        if isinstance(what, Refusal):
            return {"allowed": True, "warnings": [f"Pods will be refused: {self._told(request, what)}"]}
        return {"allowed": True, "warnings": list(what.warnings) if self._tell else []}

    def _denied(self, request: AttachRequest | Refusal, refusal: Refusal) -> Json:
        reason = str(refusal.reason) if self._tell else "Forbidden"
        status = {"code": _FORBIDDEN, "reason": reason, "message": self._told(request, refusal)}
        return {"allowed": False, "status": status}

    def _told(self, request: AttachRequest | Refusal, refusal: Refusal) -> str:
        if self._tell or isinstance(request, Refusal):  # what is wrong with the pod itself is known to whoever asks
            return refusal.message
        return unexplained([wanted.slug for wanted in request.wanted])

    def _pod_unavailable(self, error: Exception) -> Json:
        """Refuse the pod, because its packages can't be found out now; whoever made it tries again."""
        cause = f" {_cause(error)}" if self._tell else ""
        message = f"Packages can't be attached now.{cause} Try again in a moment."
        status = {"code": _UNAVAILABLE, "reason": "ServiceUnavailable", "message": message}
        return {"allowed": False, "status": status}

    def _workload_unavailable(self, error: Exception) -> Json:
        """Let in: whether its pods will be is found out when they are made."""
        cause = f" {_cause(error)}" if self._tell else ""
        return {"allowed": True, "warnings": [f"Whether its pods get their packages can't be told now.{cause}"]}


async def _answer(
    review: bytes, decide: Callable[[Json], Awaitable[Json]], unavailable: Callable[[Exception], Json]
) -> Response:
    try:
        asked = read_json(review, max_values=_VALUES)["request"]
        uid = asked["uid"]
    except (JsonError, KeyError, TypeError):
        return JSONResponse({"detail": "This is no AdmissionReview of admission.k8s.io/v1."}, 400)
    try:
        response = await decide(asked)
    except Exception as error:
        response = unavailable(error)
    answer = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": {"uid": uid, **response}}
    return JSONResponse(answer)


def _cause(error: Exception) -> str:
    match error:
        case StorageError():
            return error.message
        case KubeError() | aiohttp.ClientError() | OSError() | asyncio.TimeoutError():
            return f"The Kubernetes API server does not answer as it should ({error})."
        case ApiUnknownError():
            return "No replica of dagy-api has published its certificate yet, which pods need to know it by."
        case _:
            log.exception("Reviewing failed", exc_info=error)
            return f"The webhook failed ({type(error).__name__}); the log of dagy-webhook says more."
