"""Thousands of finished packages: before a fresh operator, and in the API.

API server, etcd and S3 are real and private; there is no kubelet, because nothing is left to do for the packages.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dagy.adapters.kube.api import KubeApi, deppackage_path
from dagy.model import constants as names
from dagy.model.base import NamespacedName
from dagy_builder.storage.store import ObjectStore
from tests.bench import look_up, report
from tests.bench.copies import copy
from tests.bench.many.servers import kubectl, operator, servers
from tests.bench.timing import CannotRunError
from tests.fakes.connections import connect
from tests.fakes.controller import NAMESPACE, Rig
from tests.fakes.kubelet import BUCKET, Kubelet


def measure(count: int, say: Callable[[str], None]) -> list[tuple[str, list[str]]]:
    """Sections of Markdown, each a title and its lines. Raises CannotRunError when the operator doesn't get ready."""
    with servers() as kubeconfig:
        asyncio.run(_fill(kubeconfig, count, say))
        restart = _restart(kubeconfig, count)
        say(f"scale: the operator has looked at all of them: {restart[1][1]}")
        requests = look_up.measure(kubeconfig, say)
    return [
        (f"{count:,} finished packages, a fresh operator", list(report.table(["what", "figure"], restart))),
        (f"The API with {count:,} packages", list(report.table(["request", "p50", "p99"], requests))),
    ]


async def _fill(kubeconfig: Path, count: int, say: Callable[[str], None]) -> None:
    admin = await connect(str(kubeconfig))
    try:
        model = await _finished(admin)
        started = time.perf_counter()
        copy(kubeconfig.parent, model, range(count - 1))
        say(f"scale: {count} packages made in {time.perf_counter() - started:.0f} s")
    finally:
        await admin.close()


async def _finished(admin: KubeApi) -> dict[str, Any]:
    """One package that the operator's own reconciler has brought to COMPLETED: what the others are copies of."""
    objects = ObjectStore(BUCKET)
    rig = Rig(admin, admin, Kubelet(admin, objects), objects, "")
    key = NamespacedName(NAMESPACE, "p")
    spec = {"pythonVersion": "3.12", "dependencies": ["pandas==2.2.3", "requests>=2.31,<3", "scikit-learn~=1.5"]}
    body = {
        "apiVersion": names.API_VERSION,
        "kind": names.DEPPACKAGE_KIND,
        "metadata": {"name": key.name, "namespace": key.namespace},
        "spec": spec,
    }
    await admin.create(deppackage_path(key.namespace, ""), body)
    return await rig.settle(key, rig.reconciler().reconcile)


def _restart(kubeconfig: Path, count: int) -> list[list[str]]:
    with operator(kubeconfig) as process:
        seconds, used = process.ready(), process.usage()
        if jobs := json.loads(kubectl(kubeconfig, "get", "jobs", "-A", "-o", "json"))["items"]:
            raise CannotRunError(f"the operator takes {len(jobs)} of them for unfinished")
    return [
        ["packages", f"{count:,}"],
        ["start of the process to all looked at", f"{seconds:.1f} s"],
        ["CPU time until then", f"{used.cpu:.1f} s"],
        ["memory then", f"{used.now_mib} MiB"],
        ["memory at most", f"{used.most_mib} MiB"],
    ]
