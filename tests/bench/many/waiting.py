"""Thousands of packages that wait for a slot, all of which are taken, before a fresh operator."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from dagy.adapters.kube.api import KubeApi, custom_path, deppackage_path, namespaced
from dagy.core.common.timestamp import moment, timestamp
from dagy.model import constants as names
from tests.bench import report
from tests.bench.copies import copy
from tests.bench.many.node import ENDLESS, node
from tests.bench.many.servers import operator, servers
from tests.bench.timing import CannotRunError
from tests.fakes.connections import connect
from tests.fakes.controller import NAMESPACE
from tests.fakes.kubelet import BUILDS

Json = dict[str, Any]
SLOTS = 4
_WITHIN = 120.0
_AFTERWARDS = 60.0
_SETTINGS = {"DAGY_MAX_BUILDS": str(SLOTS), "DAGY_MAX_BUILDS_PER_NAMESPACE": str(SLOTS)}


def measure(count: int, say: Callable[[str], None]) -> list[list[str]]:
    """Rows of what and its figure. Raises CannotRunError when the operator doesn't get ready."""
    with servers() as kubeconfig:
        return asyncio.run(_measure(kubeconfig, count, say))


async def _measure(kubeconfig: Path, count: int, say: Callable[[str], None]) -> list[list[str]]:
    admin = await connect(str(kubeconfig))
    try:
        async with node(admin, kubeconfig.parent):
            with operator(kubeconfig, **_SETTINGS) as process:
                await asyncio.to_thread(process.ready)
                model = await _last_in_line(admin)
            started = time.perf_counter()
            copy(kubeconfig.parent, model, range(count - 1), lambda obj, number: _stand(obj, number + 2), files="*")
            say(f"waiting: {count} packages made in {time.perf_counter() - started:.0f} s")
            return await _restart(admin, kubeconfig, count, say)
    finally:
        await admin.close()


async def _last_in_line(admin: KubeApi) -> Json:
    """Fill all slots with builds that never end. Return a package that waits for one."""
    for number in range(SLOTS):
        await _create(admin, f"running-{number}", f"{ENDLESS}-{number}")
    await _until(admin, lambda phases: list(phases.values()).count("INSTALLING") == SLOTS)
    await _create(admin, "p", "idna")
    await _until(admin, lambda phases: phases.get("p") == "QUEUED")
    found = await admin.get(deppackage_path(NAMESPACE, "p"))
    assert found
    return found


async def _create(admin: KubeApi, name: str, requirement: str) -> None:
    spec = {"pythonVersion": "3.12", "dependencies": [requirement]}
    about = {"apiVersion": names.API_VERSION, "kind": names.DEPPACKAGE_KIND, "metadata": {"name": name}}
    await admin.create(custom_path(names.DEPPACKAGE_PLURAL, NAMESPACE), {**about, "spec": spec})


async def _until(admin: KubeApi, fact: Callable[[dict[str, str]], bool]) -> None:
    end = time.monotonic() + _WITHIN
    while True:
        found, _ = await admin.list(custom_path(names.DEPPACKAGE_PLURAL, NAMESPACE))
        phases = {str(one["metadata"]["name"]): str((one.get("status") or {}).get("phase")) for one in found}
        if fact(phases):
            return
        if time.monotonic() > end:
            raise CannotRunError(f"the packages do not get so far: {phases}")
        await asyncio.sleep(0.2)  # between two polls


def _stand(package: Json, place: int) -> None:
    """Let a copy of the first in line stand at that place."""
    build = package["status"]["build"]
    said = json.dumps(package["status"]).replace("number 1 in the queue", f"number {place} in the queue")
    arrived = moment(build["queuedAt"]) + timedelta(microseconds=place)
    package["status"] = json.loads(said)
    package["status"]["build"] |= {"queuePosition": place, "queuedAt": timestamp(arrived)}


async def _restart(admin: KubeApi, kubeconfig: Path, count: int, say: Callable[[str], None]) -> list[list[str]]:
    before = await _jobs(admin)
    with operator(kubeconfig, **_SETTINGS) as process:
        seconds = await asyncio.to_thread(process.ready)
        used = process.usage()
        say(f"waiting: the operator has looked at all of them: {seconds:.1f} s, {used.most_mib} MiB")
        await asyncio.sleep(_AFTERWARDS)
        process.check()
        later = process.usage()
    if await _jobs(admin) != before:
        raise CannotRunError("the operator started Jobs although there was no slot")
    return [
        ["packages that wait", f"{count:,}"],
        ["start of the process to all looked at", f"{seconds:.1f} s"],
        ["CPU time until then", f"{used.cpu:.1f} s"],
        ["memory at most", f"{used.most_mib} MiB"],
        ["CPU in the minute after", f"{100 * (later.cpu - used.cpu) / _AFTERWARDS:.0f} % of a core"],
        ["memory at most by then", f"{later.most_mib} MiB"],
    ]


async def _jobs(admin: KubeApi) -> set[str]:
    found, _ = await admin.list(namespaced("jobs", BUILDS))
    return {str(job["metadata"]["uid"]) for job in found}


def section(count: int, say: Callable[[str], None]) -> tuple[str, list[str]]:
    """The title and the lines of its section."""
    return f"{count:,} packages that wait for a slot", list(report.table(["what", "figure"], measure(count, say)))
