"""Thousands of packages created within a minute, half of which fail: how long the operator takes, and who waits.

Builds are played (`node`): what is measured is the operator and the API server.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagy.adapters.kube.api import KubeApi, custom_path
from dagy.model import constants as names
from tests.bench import report
from tests.bench.many.node import EXCLUSIVE, HEAVY, node
from tests.bench.many.servers import Usage, kubectl, operator, servers
from tests.bench.timing import CannotRunError
from tests.chaos.settled import is_settled
from tests.fakes.connections import connect

Json = dict[str, Any]
SECONDS = 60.0
TEAMS = tuple(f"team-{number}" for number in range(10))
ALONE = "team-of-one"
LAST, LATE = "last", "late"
_WITHIN = 1800.0
_LIMITS = ("MAX_BUILDS", "MAX_BUILDS_PER_NAMESPACE", "MAX_VALIDATIONS", "MAX_VALIDATIONS_PER_NAMESPACE")
_SETTINGS = {f"DAGY_{name}": "50" for name in _LIMITS}


@dataclass
class Watched:
    """When each package was created, and when it had come to its end."""

    created: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    phases: dict[str, str] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def follow(self, admin: KubeApi, version: str) -> None:
        """Take note of each change since that version, until cancelled."""
        query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": int(_WITHIN)}
        rest, path = b"", custom_path(names.DEPPACKAGE_PLURAL)
        async for chunk in admin.stream(path, query=query, idle_seconds=_WITHIN):
            *lines, rest = (rest + chunk).split(b"\n")
            for package in (json.loads(line)["object"] for line in lines):
                name = package["metadata"]["name"]
                self.phases[name] = str((package.get("status") or {}).get("phase"))
                if is_settled(package):
                    self.ended.setdefault(name, time.perf_counter())
            self.news.set()

    def took(self, name: str) -> float:
        """Seconds from its creation to its end."""
        return self.ended[name] - self.created[name]


def requirement(number: int) -> str:
    """What the package of that number asks for: of four the second fails when it is validated, the fourth when built."""
    kind = {1: EXCLUSIVE, 3: HEAVY}.get(number % 4, "fine")
    return f"{kind}-{number}"


def measure(count: int, say: Callable[[str], None]) -> list[list[str]]:
    """Rows of what and its figure. Raises CannotRunError when the packages don't come to their end."""
    with servers() as kubeconfig:
        for namespace in (*TEAMS, ALONE):
            kubectl(kubeconfig, "create", "namespace", namespace)
        return asyncio.run(_measure(kubeconfig, count, say))


async def _measure(kubeconfig: Path, count: int, say: Callable[[str], None]) -> list[list[str]]:
    admin, watched = await connect(str(kubeconfig)), Watched()
    try:
        async with node(admin, kubeconfig.parent) as played:
            _, version = await admin.list(custom_path(names.DEPPACKAGE_PLURAL))
            following = asyncio.create_task(watched.follow(admin, version))
            with operator(kubeconfig, **_SETTINGS) as process:
                await asyncio.to_thread(process.ready)
                before = process.usage()
                begun = time.perf_counter()
                await _create_all(admin, watched, count)
                made = time.perf_counter()
                say(f"rush: {count} packages made in {made - begun:.0f} s, {len(watched.ended)} have settled")
                await _all_settled(watched, count + 2, say)
                used = process.usage()
            following.cancel()
            return _rows(watched, count, (begun, made), before, used, played.started)
    finally:
        await admin.close()


async def _create_all(admin: KubeApi, watched: Watched, count: int) -> None:
    """Create them, evenly over the minute; and one more for one of the teams and for somebody who has none."""
    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            await asyncio.sleep(begun + number * SECONDS / count - time.perf_counter())
            team = TEAMS[number % len(TEAMS)]
            group.create_task(_create(admin, watched, team, f"p{number}", requirement(number)))
    await _create(admin, watched, TEAMS[0], LAST, "fine-last")
    await _create(admin, watched, ALONE, LATE, "fine-late")


async def _create(admin: KubeApi, watched: Watched, namespace: str, name: str, asked: str) -> None:
    about = {"apiVersion": names.API_VERSION, "kind": names.DEPPACKAGE_KIND, "metadata": {"name": name}}
    spec = {"pythonVersion": "3.12", "dependencies": [asked]}
    watched.created[name] = time.perf_counter()
    await admin.create(custom_path(names.DEPPACKAGE_PLURAL, namespace), {**about, "spec": spec})


async def _all_settled(watched: Watched, count: int, say: Callable[[str], None]) -> None:
    end, told = time.monotonic() + _WITHIN, 0
    while len(watched.ended) < count:
        watched.news.clear()
        try:
            await asyncio.wait_for(watched.news.wait(), end - time.monotonic())
        except TimeoutError:
            raise CannotRunError(f"{count - len(watched.ended)} packages have not settled") from None
        if len(watched.ended) // 200 > told:
            told = len(watched.ended) // 200
            say(f"rush: {len(watched.ended)} have settled")


def _rows(
    watched: Watched, count: int, times: tuple[float, float], before: Usage, used: Usage, pods: int
) -> list[list[str]]:
    phases, (begun, made) = list(watched.phases.values()), times
    ends = {phase: phases.count(phase) for phase in ("COMPLETED", "INVALID", "FAILED")}
    if sum(ends.values()) != count + 2:
        raise CannotRunError(f"the packages ended otherwise: {ends}")
    took = sorted(watched.took(name) for name in watched.ended)
    return [
        ["packages, each of its own list, of ten namespaces", f"{count:,}"],
        ["COMPLETED, INVALID, FAILED", ", ".join(map(str, ends.values()))],
        ["Jobs", f"{pods:,}"],
        ["created within", f"{made - begun:.0f} s"],
        ["from the first creation until all have settled", f"{max(watched.ended.values()) - begun:.0f} s"],
        ["the operator's CPU time", f"{used.cpu - before.cpu:.0f} s"],
        ["its memory before, and at most", f"{before.now_mib} MiB, {used.most_mib} MiB"],
        ["from creation to settled, median and longest", f"{took[len(took) // 2]:.1f} s, {took[-1]:.1f} s"],
        ["the last one, of a namespace with 200 others", f"{watched.took(LAST):.1f} s"],
        ["one that is created after it, alone in its namespace", f"{watched.took(LATE):.1f} s"],
    ]


def section(count: int, say: Callable[[str], None]) -> tuple[str, list[str]]:
    """The title and the lines of its section."""
    title = f"{count:,} packages created within a minute, half of which fail"
    return title, list(report.table(["what", "figure"], measure(count, say)))
