"""Checks that the ZIPs of completed packages are still in S3: one after the other, each once an hour.

What is found only makes the package be looked at; that look asks S3 once more, and decides.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from dagy.adapters.packages.artifact_store import ArtifactStore
from dagy.core.common.keys import ObjectKey, PackageHome
from dagy.core.package import states
from dagy.core.package.states import State
from dagy.model.base import NamespacedName
from dagy_builder.storage.store import StorageError

log = logging.getLogger(__name__)

_ROUND_SECONDS = 3600.0
_TICK_SECONDS = 10.0
_AWAY_SECONDS = 60.0
"""Seconds for which S3 is left alone when it does not answer."""


class ArtifactChecks:
    """Of one process. `announce` is called with each package whose ZIP seems to be gone."""

    def __init__(
        self, store: ArtifactStore, announce: Callable[[NamespacedName], None], round_seconds: float = _ROUND_SECONDS
    ) -> None:
        self._store, self._announce, self._round = store, announce, round_seconds
        self._expected: dict[NamespacedName, tuple[ObjectKey, int]] = {}
        """Size in bytes of what must be there; whose turn it is comes first."""
        self._suspected: set[NamespacedName] = set()

    def watch(self, key: NamespacedName, home: PackageHome | None, state: State) -> None:
        """Check the package from now on, if it is complete, else no more: what a look has found out is up to date."""
        self._suspected.discard(key)
        zipped = home.artifact_of(state.record.artifact.uri) if home and isinstance(state, states.Completed) else None
        if zipped and isinstance(state, states.Completed):
            self._expected[key] = zipped, state.record.artifact.size_bytes
        else:
            self._expected.pop(key, None)

    def forget(self, key: NamespacedName) -> None:
        """The package is gone."""
        self._suspected.discard(key)
        self._expected.pop(key, None)

    def suspects(self, key: NamespacedName) -> bool:
        """Return True when the package's ZIP seems to be gone."""
        return key in self._suspected

    async def run(self) -> None:
        """Check for ever, spread evenly over the round and never two at once, so that many packages make no burst."""
        due = 0.0
        tick = min(_TICK_SECONDS, self._round)
        while True:
            await asyncio.sleep(tick)
            due += min(len(self._expected) * tick / self._round, len(self._expected))
            try:
                while due >= 1:
                    due -= 1
                    await self.check_next()
            except StorageError as error:
                log.warning("Looking whether ZIPs are still in S3 failed; trying again: %s", error)
                due = 0.0
                await asyncio.sleep(_AWAY_SECONDS)

    async def check_next(self) -> None:
        """Look for the ZIP that was looked for longest ago. Raises StorageError, which says nothing about it."""
        key, expected = next(iter(self._expected.items()), (None, None))
        if key is None or expected is None:
            return
        zipped, size = expected
        there = await self._store.size(zipped) == size
        if self._expected.get(key) != expected:
            return  # a look has found out more meanwhile
        self._expected[key] = self._expected.pop(key)
        if not there:
            self._suspected.add(key)
            self._announce(key)
