"""The admission webhook: AdmissionReview in, AdmissionReview out (admission.k8s.io/v1). Thin: the rules are in core.

Pods are changed or refused. Workloads with a pod template (Deployment, CronJob, ...) are let in, with a warning: a
package may be built after they were applied, and a GitOps tool must not fail over the order. One that asks to fail fast
is refused.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import aiohttp
from starlette.responses import JSONResponse, Response

from dagy.adapters import logs
from dagy.adapters.kube.api import KubeError
from dagy.adapters.packages.attach_lookup import AttachLookup
from dagy.core.attach.init_container import InitContainer
from dagy.core.attach.pin import Attachment, AttachRequest, Refusal, request_of_pod
from dagy.core.attach.pod import attach, is_attached, json_patch
from dagy.core.attach.refusals import unexplained
from dagy.core.attach.request import fails_fast, template_of
from dagy.core.attach.ways import Cluster, ImageVolumes, Ways, choose
from dagy.core.common.json_text import JsonError, read_json
from dagy.core.metrics.catalogue import Review
from dagy.core.metrics.metric import Recorder, unrecorded
from dagy.core.metrics.requests import refusal_samples, review_samples
from dagy_builder.storage.errors import StorageError

log = logging.getLogger(__name__)

Json = dict[str, Any]
_FORBIDDEN, _UNAVAILABLE = 403, 503
_VALUES = 250_000
_UID_CHARACTERS = 64


class ApiUnknownError(Exception):
    """Pods could not know the API from which they get their packages."""


class Admission:
    """Decides about pods. `how`: what init containers have in common, as it is now; `cluster`: what is known of it now.

    Without `tell`, whoever asks may be anybody, and learns nothing of packages beyond what a pod must be given.
    """

    def __init__(
        self,
        lookup: AttachLookup,
        how: Callable[[], InitContainer],
        images: ImageVolumes,
        cluster: Callable[[], Cluster],
        *,
        tell: bool,
        record: Recorder = unrecorded,
    ) -> None:
        self._lookup, self._how, self._images, self._cluster = lookup, how, images, cluster
        self._tell, self._record = tell, record

    async def pods(self, review: bytes) -> Response:
        """For the MutatingWebhookConfiguration."""
        return await self._answer(Review.PODS, review, self._pod, self._pod_unavailable)

    async def workloads(self, review: bytes) -> Response:
        """For the ValidatingWebhookConfiguration."""
        return await self._answer(Review.WORKLOADS, review, self._workload, self._workload_unavailable)

    async def _pod(self, asked: Mapping[str, Any]) -> Json:
        pod = asked.get("object") or {}
        if asked.get("operation") != "CREATE" or is_attached(pod):
            return {"allowed": True}
        request = request_of_pod(pod, asked["namespace"])
        if isinstance(request, AttachRequest) and not request.wanted and not request.flow:
            return {"allowed": True}
        planned = await self._plan(request)
        if isinstance(planned, Refusal):
            return self._denied(request, planned)
        assert isinstance(request, AttachRequest)
        what, ways = planned
        how = self._how()
        if not how.authority and ways.needs_init_container(what):
            raise ApiUnknownError
        changed = attach(pod, request, what, ways, how, say_whose=self._tell)
        if isinstance(changed, Refusal):
            return self._denied(request, changed)
        patch = base64.b64encode(json.dumps(json_patch(pod, changed)).encode()).decode()
        warnings = list(what.warnings) if self._tell else []
        return {"allowed": True, "patchType": "JSONPatch", "patch": patch, "warnings": warnings}

    async def _workload(self, asked: Mapping[str, Any]) -> Json:
        workload = asked.get("object") or {}
        request = request_of_pod(template_of(workload), asked.get("namespace", ""))
        if isinstance(request, AttachRequest) and not request.pull_secrets:
            request = replace(request, pull_secrets=None)  # pods get those of their service account
        planned = await self._plan(request)
        if isinstance(planned, Refusal):
            if asked.get("operation") == "CREATE" and fails_fast(workload):  # what is there can always be changed
                return self._denied(request, planned)
            return {"allowed": True, "warnings": [f"Pods will be refused: {self._told(request, planned)}"]}
        return {"allowed": True, "warnings": list(planned[0].warnings) if self._tell else []}

    async def _plan(self, request: AttachRequest | Refusal) -> tuple[Attachment, Ways] | Refusal:
        what = await self._lookup.plan(request)
        if isinstance(what, Refusal):
            return what
        assert isinstance(request, AttachRequest)
        ways = choose(request, what, self._images, self._cluster())
        return ways if isinstance(ways, Refusal) else (what, ways)

    def _denied(self, request: AttachRequest | Refusal, refusal: Refusal) -> Json:
        self._record(refusal_samples(refusal))
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
        self,
        kind: Review,
        review: bytes,
        decide: Callable[[Json], Awaitable[Json]],
        unavailable: Callable[[Exception], Json],
    ) -> Response:
        began = time.monotonic()
        try:
            asked = read_json(review, max_values=_VALUES)["request"]
            uid = asked["uid"]
        except (JsonError, KeyError, TypeError):
            return JSONResponse({"detail": "This is no AdmissionReview of admission.k8s.io/v1."}, 400)
        with logs.about(request=str(uid)[:_UID_CHARACTERS]):
            try:
                response = await decide(asked)
            except Exception as error:
                response = unavailable(error)
        self._record(review_samples(kind, response, time.monotonic() - began))
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
