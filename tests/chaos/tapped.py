"""The API for the played parts and for hands: without faults, and the feed takes note of each write."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from dagy.adapters.kube.api import KubeApi, KubeError
from tests.chaos.feed import Feed, place_of

if TYPE_CHECKING:
    from tests.chaos.virtual_time import VirtualLoop


class TappedApi(KubeApi):
    """An administrator's API."""

    def __init__(self, inner: KubeApi, feed: Feed, loop: VirtualLoop, now: Callable[[], str]) -> None:
        super().__init__(inner._client, token=inner._token, manager="hands")
        self._feed, self._loop = feed, loop
        self.stamp = now
        """The time, as the API server writes it."""

    @override
    async def request(self, method: str, path: str, **options: Any) -> bytes:
        async with self._loop.working():
            answer = await super().request(method, path, **options)
        if method == "DELETE":
            await self.deleted(path, answer)
        elif method != "GET":
            self._feed.wrote(path, answer, self.stamp())
        return answer

    @override
    async def _at_most(self, *arguments: Any) -> bytes | None:
        async with self._loop.working():
            return await super()._at_most(*arguments)

    async def deleted(self, path: str, answered: bytes = b"") -> None:
        """Take note of a deletion, which was answered so: the object is gone, or goes."""
        try:
            async with self._loop.working():
                answer = await super().request("GET", path)
        except KubeError as error:
            if error.status != 404:
                raise
            self._feed.gone(place_of(path))
            self._feed.ended.add(_uid(answered))
        else:
            self._feed.wrote(path, answer, self.stamp())

    async def remove(self, path: str) -> None:
        """Delete an object at once; one that is gone is fine."""
        try:
            await self.request("DELETE", path, query={"gracePeriodSeconds": 0, "propagationPolicy": "Background"})
        except KubeError as error:
            if error.status != 404:
                raise


def _uid(answered: bytes) -> str:
    """Return the UID that the answer to a deletion names: that of the object, or of a Status' details."""
    said = json.loads(answered or b"{}")
    return str((said.get("details") or said.get("metadata") or {}).get("uid", ""))
