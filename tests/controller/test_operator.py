"""The operator's process, put together: it watches both kinds, and lets go of what is deleted."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dagy.adapters.kube.api import KubeApi, deppackage_path, flowdeployment_path
from dagy.core.metrics.catalogue import metrics_of
from dagy.core.metrics.metric import Process
from dagy_builder.storage.store import ObjectStore
from tests.cluster.doctor import free_port
from tests.fakes.connections import connect
from tests.fakes.controller import NAMESPACE
from tests.fakes.kubelet import BUCKET

pytestmark = pytest.mark.apiserver


@contextmanager
def operator_process(kubeconfig: str, told: list[str]) -> Iterator[Callable[[str], int]]:
    """The process with an administrator's rights; what asks its health server, for an HTTP status.

    /metrics can be asked for as well, which is on a port of its own. `told`: takes the answers.
    """
    port, metrics_port = free_port(), free_port()
    environment = {
        **os.environ,
        "KUBECONFIG": kubeconfig,
        "DAGY_S3_BUCKET": BUCKET,
        "DAGY_BUILDER_IMAGE": "builder:1",
        "DAGY_HEALTH_PORT": str(port),
        "DAGY_METRICS_PORT": str(metrics_port),
        "DAGY_LOG_FORMAT": "json",
    }

    def ask(path: str) -> int:
        where = metrics_port if path == "/metrics" else port
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{where}{path}") as answer:
                told.append(answer.read().decode())
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except urllib.error.URLError:
            return 0

    process = subprocess.Popen([sys.executable, "-m", "dagy.controller"], env=environment)
    try:
        yield ask
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


async def until(look: Callable[[], Awaitable[Any]]) -> Any:
    """What `look` finds, as soon as it finds something."""
    async with asyncio.timeout(120):
        while not (found := await look()):
            await asyncio.sleep(0.2)
        return found


async def lives_and_goes(api: KubeApi, path: str, kind: str, spec: dict[str, Any]) -> list[str]:
    """The reasons of the conditions that the operator gives a new object, which it then lets go."""
    name = f"o-{uuid.uuid4().hex[:8]}"
    body = {"apiVersion": "dagy.io/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
    assert await api.create(path, body)

    async def conditions() -> list[dict[str, Any]]:
        found = await api.get(f"{path}/{name}")
        return list(((found or {}).get("status") or {}).get("conditions") or [])

    reasons = [condition["reason"] for condition in await until(conditions)]
    await api.delete(f"{path}/{name}")

    async def is_gone() -> bool:
        return await api.get(f"{path}/{name}") is None

    await until(is_gone)
    return reasons


def sound(exposition: str) -> None:
    """Every metric of the operator is there, and its watches are up."""
    families = {family.name: family for family in text_string_to_metric_families(exposition)}
    assert {metric.name.removesuffix("_total") for metric in metrics_of(Process.OPERATOR)} <= set(families)
    assert {sample.labels["watch"]: sample.value for sample in families["dagy_watch_up"].samples} == {
        "objects": 1,
        "jobs": 1,
    }
    assert "team-a" not in exposition


def test_both_kinds_are_served(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(ask: Callable[[str], int]) -> None:
        api = await connect(kubeconfig)

        async def is_ready() -> bool:
            return await asyncio.to_thread(ask, "/readyz") == 200

        try:
            await until(is_ready)
            assert await asyncio.to_thread(ask, "/healthz") == 200
            assert await asyncio.to_thread(ask, "/metrics") == 200
            sound(told[-1])
            package = {"pythonVersion": "3.12", "dependencies": ["idna"], "suspend": True}
            assert "Suspended" in await lives_and_goes(api, deppackage_path(NAMESPACE), "DepPackage", package)
            code = {"uri": f"s3://{BUCKET}/elsewhere.zip", "sha256": "0" * 64, "sizeBytes": 1}
            flow = {"flowName": "etl", "flowVersion": "1", "depPackageSlugs": ["NOSUCH01"], "artifact": code}
            assert await lives_and_goes(api, flowdeployment_path(NAMESPACE), "FlowDeployment", flow)
        finally:
            await api.close()

    told: list[str] = []
    with operator_process(kubeconfig, told) as ask:
        asyncio.run(test(ask))
