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

from dagy.adapters.kube.api import KubeApi, deppackage_path, flowdeployment_path
from dagy_builder.storage.store import ObjectStore
from tests.cluster.doctor import free_port
from tests.fakes.connections import connect
from tests.fakes.controller import BUCKET, NAMESPACE

pytestmark = pytest.mark.apiserver


@contextmanager
def operator_process(kubeconfig: str) -> Iterator[Callable[[str], int]]:
    """The process with an administrator's rights; what asks its health server, for an HTTP status."""
    port = free_port()
    environment = {
        **os.environ,
        "KUBECONFIG": kubeconfig,
        "DAGY_S3_BUCKET": BUCKET,
        "DAGY_BUILDER_IMAGE": "builder:1",
        "DAGY_HEALTH_PORT": str(port),
    }

    def ask(path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
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


def test_both_kinds_are_served(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(ask: Callable[[str], int]) -> None:
        api = await connect(kubeconfig)

        async def is_ready() -> bool:
            return await asyncio.to_thread(ask, "/readyz") == 200

        try:
            await until(is_ready)
            assert await asyncio.to_thread(ask, "/healthz") == 200
            package = {"pythonVersion": "3.12", "dependencies": ["idna"], "suspend": True}
            assert "Suspended" in await lives_and_goes(api, deppackage_path(NAMESPACE), "DepPackage", package)
            code = {"uri": f"s3://{BUCKET}/elsewhere.zip", "sha256": "0" * 64, "sizeBytes": 1}
            flow = {"flowName": "etl", "flowVersion": "1", "depPackageSlugs": ["NOSUCH01"], "artifact": code}
            assert await lives_and_goes(api, flowdeployment_path(NAMESPACE), "FlowDeployment", flow)
        finally:
            await api.close()

    with operator_process(kubeconfig) as ask:
        asyncio.run(test(ask))
