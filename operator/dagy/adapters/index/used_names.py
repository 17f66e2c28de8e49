"""The names that packages ask for, of those packages that the caller may list: read with the caller's own rights."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter

from dagy.adapters.kube.api import KubeApi, KubeError, custom_path
from dagy.adapters.packages.bounded_cache import WeighedCache
from dagy.core.index.known_names import NumberedNames, names_used
from dagy.model import constants as names

log = logging.getLogger(__name__)

Key = tuple[str, str | None]
"""Whose rights, and which namespace."""

_PACKAGES, _PAGE = 2000, 100
"""Looked at for one caller: enough to know what is usual."""
_NAMES = 5000
_FRESH_SECONDS = 300.0
_FAILED_SECONDS = 10.0
_WAIT_SECONDS = 1.0
"""How long a search waits for it: somebody is typing."""
_READ_SECONDS = 30.0
_KEPT_BYTES, _BYTES_PER_NAME = 4 << 20, 150
_AT_ONCE = 4


class UsedNames:
    """Of all callers, each apart. It belongs to one event loop."""

    def __init__(self) -> None:
        self._kept: WeighedCache[Key, tuple[float, NumberedNames]] = WeighedCache(_KEPT_BYTES)
        self._reading: dict[Key, asyncio.Task[NumberedNames]] = {}
        self._lane = asyncio.Semaphore(_AT_ONCE)

    async def of(self, caller: str, api: KubeApi, namespace: str | None) -> NumberedNames:
        """Return names with the number of packages that use them; older ones, or none, where it takes too long.

        `caller` stands for exactly the rights of `api`.
        """
        key = caller, namespace
        kept = self._kept.get(key)
        if kept and kept[0] > time.monotonic():
            return kept[1]
        reading = self._reading.get(key)
        if reading is None:
            reading = self._reading[key] = asyncio.create_task(self._read(key, api))
            reading.add_done_callback(lambda _: self._reading.pop(key, None))
        done, _ = await asyncio.wait({reading}, timeout=_WAIT_SECONDS)
        if done:
            return reading.result()
        return kept[1] if kept else NumberedNames()

    def close(self) -> None:
        """Give up what is being read."""
        for task in self._reading.values():
            task.cancel()

    async def _read(self, key: Key, api: KubeApi) -> NumberedNames:
        found = NumberedNames()
        seconds = _FRESH_SECONDS
        try:
            async with self._lane, asyncio.timeout(_READ_SECONDS):
                found = await _used(api, key[1])
        except KubeError as error:
            if error.status != 403:
                seconds = _FAILED_SECONDS
        except Exception as error:  # a search goes without
            log.warning("What packages ask for can't be read: %s", error)
            seconds = _FAILED_SECONDS
        self._kept.put(key, (time.monotonic() + seconds, found), _BYTES_PER_NAME * (len(found.numbers) + 4))
        return found


async def _used(api: KubeApi, namespace: str | None) -> NumberedNames:
    used: Counter[str] = Counter()
    seen, token = 0, ""
    while seen < _PACKAGES:
        page = await api.page(custom_path(names.DEPPACKAGE_PLURAL, namespace), _PAGE, token)
        token = page.following
        seen += len(page.items)
        used += names_used(page.items)
        if not token:
            break
    return NumberedNames(dict(used.most_common(_NAMES)))
