"""Rounds of a soak: packages and a flow come, change, fail and go, before one operator that never restarts.

What runs is the operator's own code on a real API server and a real S3 server. The clock is the campaign's, which jumps
over every wait, so that an hour of a soak is days for the operator; the kubelet and Kopf's part are the campaign's too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from dagy.adapters.kube.api import custom_path
from dagy_builder.storage.store import ObjectStore
from tests.chaos import administrator
from tests.chaos.endstate import leftovers
from tests.chaos.run import Run, Servers
from tests.chaos.scenarios import SCENARIOS
from tests.chaos.storage import faulty
from tests.chaos.virtual_time import VirtualLoop
from tests.fakes.connections import connect, connect_operator
from tests.fakes.kubelet import BUCKET
from tests.soak.vitals import vitals

_MIDDLE_SECONDS = 40.0
_GONE_SECONDS = 1500.0
_SWEPT_SECONDS = 3.5 * 3600
"""After which what was noted of deletions has been swept away."""
_AWAY_SECONDS, _AWAY_EVERY = 100.0, 3
_RESYNC_SECONDS = 600
"""Of an installation with thousands of packages: otherwise most of what is played were looks at nothing."""
PACKAGES: Mapping[str, str] = {
    "changed": "six", "rebuilt": "attrs", "deleted": "click", "cancelled": "rich",
    "invalid": "unsatisfiable", "malformed": "six ==== 3", "heavy": "heavy", "retried": "crashes",
}  # fmt: skip
"""The packages of a round, and what each asks for, which says what becomes of it."""
Vitals = Mapping[str, float]


class LeftoverError(Exception):
    """Something stayed after everything had been deleted."""


class RestartedError(Exception):
    """The operator ended: what a process has tells of a leak only as long as it is the same process."""


class Soak:
    """One operator, and what is asked of it in each round."""

    def __init__(self, run: Run, data: Path, store: str, packages: Mapping[str, str]) -> None:
        self._run, self._data, self._store, self._packages = run, data, store, packages
        self._processes = list(run._processes)
        self._named: dict[str, str] = {}
        self.rounds: list[Vitals] = []

    async def play(self) -> Vitals:
        """Play a round; what the process has at its end. Raises LeftoverError, RestartedError and NeverSettledError."""
        await self._come_and_change(len(self.rounds))
        await self._go()
        await self._forget()
        if self._run._processes != self._processes:
            raise RestartedError
        await _hang_up(self._run)
        self.rounds.append(vitals(self._data, self._store, self.rounds))
        return self.rounds[-1]

    async def _come_and_change(self, number: int) -> None:
        run = self._run
        # Under new names each time: what is remembered of a name that comes again would not grow.
        named = self._named = {what: f"{what}-{number}" for what in self._packages}
        for what, dependency in self._packages.items():
            await run.create(named[what], dependencies=[dependency, f"round-{number}"])
        if number % _AWAY_EVERY == _AWAY_EVERY - 1:
            administrator.s3_away(run, _AWAY_SECONDS)
        if deleted := named.get("deleted"):
            await run.until(lambda: run.phase(deleted) in ("INSTALLING", "PACKAGING", "UPLOADING"), _MIDDLE_SECONDS)
            await run.delete(deleted)
        if "cancelled" in named:
            await run.ask(named["cancelled"], cancel=f"{number}")
        if "changed" in named:
            await run.change(named["changed"], dependencies=["six", "idna"])
        await SCENARIOS["deploy"](run)
        if "rebuilt" in named:
            await run.ask(named["rebuilt"], build=f"{number}")
        await run.settled()

    async def _go(self) -> None:
        run = self._run
        if stays := await administrator.delete_all(run, _GONE_SECONDS):
            raise LeftoverError(f"never gone: {stays}")
        await asyncio.sleep(5.0)
        for place in [place for place in run.feed.present if place.plural == "jobs"]:  # of flows: the collector's
            if place.namespace == run.namespace:
                await run.api.remove(run.path_of(place))
        await asyncio.sleep(_SWEPT_SECONDS)
        if left := leftovers(run):
            raise LeftoverError(f"left behind: {left}")

    async def _forget(self) -> None:
        """Let the played parts forget what they remember for a campaign, and one claim of each package that is gone.

        The operator keeps claims for ever, so an administrator deletes what nobody needs.
        """
        claims = {claim["spec"]["name"]: claim["metadata"]["name"] for claim in self._run.feed.all("slugclaims")}
        for name in claims.keys() & self._named.values():
            await self._run.api.remove(custom_path("slugclaims", name=claims[name]))
        run, there = self._run, {obj["metadata"]["uid"] for obj in self._run.feed.present.values()}
        run.feed.changes.clear()
        run.feed.ended.clear()
        run.feed.born = {uid: time for uid, time in run.feed.born.items() if uid in there}
        run.node.created.clear()
        run.gate.writes.clear()
        run.gate.calls = 0  # of a run there may be so many, of a soak in each round
        for memory in (run.deliveries._before, run.node._logs):
            memory.clear()


async def _hang_up(run: Run) -> None:
    """Close the connections that wait for a next request, of which there are now more, now fewer."""
    for api in (run.servers.admin, run.servers.operator):
        idle = api._client.rest_client.pool_manager.connector._conns  # type: ignore[attr-defined]
        for connections in idle.values():
            for connection, _ in connections:
                connection.abort()
        idle.clear()
    for store in (run.servers.objects, run.servers.faulty):
        store._s3._endpoint.http_session.close()  # type: ignore[attr-defined]
    for _ in range(10):
        await asyncio.sleep(0)  # their ends are told by the loop, one after the other


async def soak(
    loop: VirtualLoop,
    kubeconfig: Path,
    data: Path,
    go_on: Callable[[list[Vitals]], bool],
    packages: Mapping[str, str] = PACKAGES,
) -> list[Vitals]:
    """Play rounds as long as `go_on` says so of those that were played. `data`: see `vitals`."""
    store = kubeconfig.with_name("etcd.url").read_text()
    await loop.start_threads()  # or one more thread in some round would look like growth
    async with loop.working():
        admin = await connect(str(kubeconfig))
        operator = await connect_operator(str(kubeconfig), admin)
    try:
        servers = Servers(admin, operator, ObjectStore(BUCKET), faulty(ObjectStore(BUCKET)), data, _RESYNC_SECONDS)
        run = Run(servers, loop, None, "soak", 0)
        try:
            await run.begin()
            await asyncio.sleep(0)  # the operator's process is there from its task's first step on
            played = Soak(run, data, store, packages)
            while go_on(played.rounds):
                await played.play()
        finally:
            await run.end()
        if run.failed:
            raise run.failed
        return played.rounds
    finally:
        await operator.close()
        await admin.close()
