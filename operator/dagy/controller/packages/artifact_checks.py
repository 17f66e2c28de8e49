"""Checks that ZIPs and images of completed packages are still there: one after the other, each once an hour.

A finding only makes the package be looked at; that look asks S3 and the registry once more, and decides.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class _Expected:
    """What should be there of a package."""

    zipped: ObjectKey
    size_bytes: int
    image: tuple[PackageHome, str] | None
    """Whose image it is, and its name."""


class ArtifactChecks:
    """The checks of one process. `announce` is called with each package whose ZIP or image seems to be gone."""

    def __init__(
        self, store: ArtifactStore, announce: Callable[[NamespacedName], None], round_seconds: float = _ROUND_SECONDS
    ) -> None:
        self._store, self._announce, self._round = store, announce, round_seconds
        self._expected: dict[NamespacedName, _Expected] = {}
        """The package that is checked next comes first."""
        self._suspected: set[NamespacedName] = set()

    def watch(self, key: NamespacedName, home: PackageHome | None, state: State) -> None:
        """Check the package from now on, if it is complete, else no more; the look that found `state` is up to date."""
        self._suspected.discard(key)
        artifact = state.record.artifact if isinstance(state, states.Completed) else None
        zipped = home.artifact_of(artifact.uri) if home and artifact else None
        if home and artifact and zipped:
            image = (home, artifact.image) if artifact.image else None
            self._expected[key] = _Expected(zipped, artifact.size_bytes, image)
        else:
            self._expected.pop(key, None)

    def forget(self, key: NamespacedName) -> None:
        """Drop all memory of a package that is gone."""
        self._suspected.discard(key)
        self._expected.pop(key, None)

    def suspects(self, key: NamespacedName) -> bool:
        """Return True when the package's ZIP or image seems to be gone."""
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
        """Look for what was looked for longest ago. Raises StorageError, which says nothing about the ZIP."""
        key, expected = next(iter(self._expected.items()), (None, None))
        if key is None or expected is None:
            return
        there = await self._store.size(expected.zipped) == expected.size_bytes
        if there and expected.image:
            there = not await self._store.lacks_image(*expected.image)
        if self._expected.get(key) != expected:
            return  # a look has found out more meanwhile
        self._expected[key] = self._expected.pop(key)
        if not there:
            self._suspected.add(key)
            self._announce(key)
