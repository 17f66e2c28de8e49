"""An upload is read once, however often its completion is repeated, and nobody else's thread waits for it."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import cast

import pytest

from dagy.adapters.presigned import PresignedStore, Stored
from dagy.core.common.keys import FlowHome, Location, ObjectKey
from dagy.model.rest.deployments import CompleteUploadRequest
from dagy.web.flows import complete
from dagy.web.serving.pools import Pool, PoolFullError
from dagy.web.serving.problems import ProblemError
from dagy.web.serving.services import Services
from dagy.web.serving.verification import Verifications


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


FLOW = FlowHome(Location("dagy", ""), "team-a").upload("flow", "a" * 64)
KEY = FLOW.key


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


class TooLarge:
    """A store in which the parts of an upload, all of them allowed, become more than a flow may have."""

    def __init__(self, *, there: bool) -> None:
        self.made, self.deleted = there, False

    def size(self, _key: ObjectKey) -> int | None:
        return 3000 if self.made else None

    def complete(self, _key: ObjectKey, _upload_id: str, _parts: object) -> None:
        self.made = True

    def abort(self, _key: ObjectKey, _upload_id: str) -> None:
        pass

    def delete(self, _key: ObjectKey) -> None:
        self.deleted = True


@pytest.mark.parametrize("there", [False, True])
def test_what_is_larger_than_a_flow_may_be_is_not_read(there: bool) -> None:
    files = TooLarge(there=there)
    settings = SimpleNamespace(location=Location("dagy", ""), api_upload_max_bytes=2000)
    services = cast(Services, SimpleNamespace(settings=settings))  # without verifications: nothing may be read
    body = CompleteUploadRequest.model_validate(
        {
            "upload_id": "u",
            "artifact_key": FLOW.key.text,
            "parts": [{"part_number": 1, "etag": "e"}],
            "deployment_name": "flow",
            "flow_name": "f",
            "flow_version": "1",
        }
    )
    with pytest.raises(ProblemError, match=r"has 3\.0 kB, and a flow artifact may have 2\.0 kB"):
        asyncio.run(complete._artifact(services, cast(PresignedStore, files), FLOW, body, None))
    assert files.deleted is not there, "what lay there before may be in use"
