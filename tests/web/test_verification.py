"""An upload is read once, however often its completion is repeated, and nobody else's thread waits for it."""

from __future__ import annotations

import asyncio
import threading
from typing import cast

import pytest

from dagy.adapters.presigned import PresignedStore, Stored
from dagy.core.keys import FlowHome, Location, ObjectKey
from dagy.web.pools import Pool, PoolFullError
from dagy.web.problems import ProblemError
from dagy.web.verification import Verifications


class Files:
    """A store whose objects take as long as the test wants."""

    def __init__(self) -> None:
        self.read_times, self.go, self.tag = 0, threading.Event(), "one"

    def etag(self, _key: ObjectKey) -> str:
        return self.tag

    def read(self, _key: ObjectKey, _limit: int) -> Stored:
        self.read_times += 1
        assert self.go.wait(30)
        return Stored(5, "a" * 64)


KEY = FlowHome(Location("dagy", ""), "team-a").upload("flow", "a" * 64).key


def test_it_is_read_once_and_who_comes_too_early_is_told_to_come_again() -> None:
    async def complete() -> None:
        pool, files = Pool("verify", threads=1, waiting=0), Files()
        store, verifications = cast(PresignedStore, files), Verifications(pool, wait_seconds=0.01)
        for _ in range(3):
            with pytest.raises(ProblemError, match="still being read"):
                await verifications.stored(store, KEY, 10)
        files.tag = "two"
        with pytest.raises(PoolFullError):
            await verifications.stored(store, KEY, 10)
        files.tag = "one"
        files.go.set()
        verifications._wait = 30.0
        assert await verifications.stored(store, KEY, 10) == Stored(5, "a" * 64)
        assert await verifications.stored(store, KEY, 10) == Stored(5, "a" * 64)
        assert files.read_times == 1
        files.tag = "two"
        assert await verifications.stored(store, KEY, 10) == Stored(5, "a" * 64)
        assert files.read_times == 2, "another object at the same key"
        pool.close()

    asyncio.run(complete())
