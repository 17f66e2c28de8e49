"""Gathers the facts with the rights of a kubeconfig; what only a pod can find out, inside of those that there are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, TypeVar

import aiohttp

from dagy.adapters.kube.api import Json, KubeApi, KubeError, namespaced
from dagy.adapters.kube.execution import run_in_pod
from dagy.adapters.settings.environment import listed, variable
from dagy.core.doctor import questions
from dagy.core.doctor.facts import Certificate, Facts, ProbeResult, Registry, Right, Unknown, Webhook, Workload
from dagy.core.doctor.questions import API, CONTROL_PLANE, OPERATOR, WEBHOOK
from dagy.model import constants as names

T = TypeVar("T")
_INSPECT = ("python3", "-m", "dagy.adapters.doctor.inspection")
_INSPECTION_SECONDS = 60.0
_API_PORT, _WEBHOOK_PORT, _HEALTH_PORT = 8443, 9443, 8080
_WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_REVIEWS_AT_ONCE = 8
_NOT_ASKED = (KubeError, aiohttp.ClientError, OSError)


async def gather_facts(api: KubeApi, crd_names: Sequence[str], namespace: str) -> Facts:
    """Return all facts. `namespace`: where a pod is tried, without being created."""
    pods = await _known(_ready_pods(api))
    inside = await asyncio.gather(*(_told(api, pods, name, what) for name, what in _inspections(pods).items()))
    operator, of_api, webhook = inside
    found = await asyncio.gather(
        _known(_objects(api, _CRDS, crd_names)),
        _known(_workloads(api)),
        _known(_missing_rights(api)),
        _known(_webhook(api)),
        _known(_probe(api, namespace)),
    )
    return Facts(
        *found,
        certificates=_certificates({API: of_api, WEBHOOK: webhook}),
        storage=operator if isinstance(operator, Unknown) else questions.storage_in(operator),
        clock=operator if isinstance(operator, Unknown) else questions.clock_in(operator),
        index=of_api if isinstance(of_api, Unknown) else questions.index_in(of_api),
        registry=await _known(_registry(api)),
        walls=operator if isinstance(operator, Unknown) else questions.walls_in(operator),
    )


async def _known(asked: Awaitable[T]) -> T | Unknown:
    try:
        return await asked
    except _NOT_ASKED as error:
        return Unknown(f"The API server did not tell: {str(error) or type(error).__name__}")


async def _objects(api: KubeApi, path: str, wanted: Sequence[str]) -> Mapping[str, Json | None]:
    return dict(zip(wanted, await asyncio.gather(*(api.get(f"{path}/{name}") for name in wanted)), strict=True))


async def _workloads(api: KubeApi) -> Mapping[str, Workload | None]:
    path = f"/apis/apps/v1/namespaces/{names.SYSTEM_NAMESPACE}/deployments"
    return {name: _workload(name, found) for name, found in (await _objects(api, path, CONTROL_PLANE)).items()}


def _workload(name: str, found: Json | None) -> Workload | None:
    if found is None:
        return None
    spec, status = found["spec"], found.get("status") or {}
    images = tuple(str(one.get("image")) for one in spec["template"]["spec"]["containers"])
    return Workload(name, int(spec.get("replicas", 1)), int(status.get("readyReplicas") or 0), images)


async def _missing_rights(api: KubeApi) -> tuple[Right, ...]:
    settings = await _settings(api, OPERATOR)
    served = listed(str(settings.get(variable("watch_namespaces"), "")))
    builds = str(settings.get(variable("build_namespace"), "")) or "dagy-builds"
    few = asyncio.Semaphore(_REVIEWS_AT_ONCE)

    async def lacks(right: Right) -> bool:
        async with few:
            review = await api.post(_REVIEWS, questions.review_of(right))
        return not review["status"].get("allowed")

    by_label = bool(settings.get(variable("watch_namespace_selector")))
    needed = questions.needed_rights(served, builds, by_label=by_label)
    lacking = await asyncio.gather(*map(lacks, needed))
    return tuple(right for right, missing in zip(needed, lacking, strict=True) if missing)


async def _settings(api: KubeApi, process: str) -> Mapping[str, Any]:
    """What the ConfigMap of a process says; nothing where there is none."""
    found = await api.get(namespaced("configmaps", names.SYSTEM_NAMESPACE, process))
    return (found or {}).get("data") or {}


async def _registry(api: KubeApi) -> Registry:
    of_both = [await _settings(api, process) for process in (OPERATOR, WEBHOOK)]
    return Registry(*(str(settings.get(variable("oci_repository"), "")) for settings in of_both))


async def _webhook(api: KubeApi) -> Webhook | None:
    found = await api.get(f"{_WEBHOOKS}/{names.ATTACH_CONTAINER}")
    hooks = (found or {}).get("webhooks") or []
    if not hooks:
        return None
    trusted = all((hook.get("clientConfig") or {}).get("caBundle") for hook in hooks)
    return Webhook(trusted, str(hooks[0].get("failurePolicy", "Fail")))


async def _probe(api: KubeApi, namespace: str) -> ProbeResult | Unknown:
    path = namespaced("pods", namespace)
    try:
        await api.request("POST", path, query={"dryRun": "All"}, body=questions.probe_pod())
    except KubeError as error:
        return questions.probe_result(error.status, str(error))
    return questions.ADMITTED


async def _ready_pods(api: KubeApi) -> Mapping[str, Json]:
    """One pod of each Deployment of the control plane that answers."""
    found, _ = await api.list(
        namespaced("pods", names.SYSTEM_NAMESPACE), labelSelector="app.kubernetes.io/part-of=dagy"
    )
    return {
        str((pod["metadata"].get("labels") or {}).get("app.kubernetes.io/name")): pod for pod in found if _ready(pod)
    }


def _ready(pod: Json) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _inspections(pods: Mapping[str, Json] | Unknown) -> Mapping[str, Sequence[str]]:
    """What is looked at inside a pod of each Deployment."""
    webhook = {} if isinstance(pods, Unknown) else pods.get(WEBHOOK) or {}
    address = (webhook.get("status") or {}).get("podIP")
    host = f"[{address}]" if address and ":" in address else address
    return {
        OPERATOR: ("storage", *([f"walls={host}:{_HEALTH_PORT}"] if address else [])),
        API: ("index", f"certificate={_API_PORT}"),
        WEBHOOK: (f"certificate={_WEBHOOK_PORT}",),
    }


async def _told(
    api: KubeApi, pods: Mapping[str, Json] | Unknown, name: str, what: Sequence[str]
) -> Mapping[str, Any] | Unknown:
    """What an inspection inside a pod of that Deployment tells."""
    if isinstance(pods, Unknown):
        return pods
    if name not in pods:
        return Unknown(f"No pod of {name} is ready, so nothing was looked at from inside.")
    pod = str(pods[name]["metadata"]["name"])
    try:
        said = await run_in_pod(api, names.SYSTEM_NAMESPACE, pod, (*_INSPECT, *what), seconds=_INSPECTION_SECONDS)
        told = json.loads(said[0].splitlines()[-1])
    except (*_NOT_ASKED, ValueError, IndexError) as error:
        return Unknown(f"Nothing was looked at inside pod {pod}: {str(error) or type(error).__name__}")
    return told if isinstance(told, dict) else {}


def _certificates(told: Mapping[str, Mapping[str, Any] | Unknown]) -> tuple[Certificate, ...] | Unknown:
    found = [one if isinstance(one, Unknown) else questions.certificate_in(server, one) for server, one in told.items()]
    known = tuple(one for one in found if isinstance(one, Certificate))
    return known or next(one for one in found if isinstance(one, Unknown))
