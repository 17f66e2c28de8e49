"""Hearing a step's outcome from its log, because the kubelet looks only once a second whether a container has ended.

It saves that second twice a build, and nothing depends on it: an end that is not heard is seen.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import aiohttp

from dagy.adapters.kube import KubeApi, KubeError, namespaced
from dagy.core.plan import Key
from dagy_builder.contract import RESULT_PREFIX, Step

log = logging.getLogger(__name__)

_MOST = 32  # followed at a time, of the hundred connections that the client has
_LONGEST_LINE_BYTES = 4 << 20  # a lock has at most 900 kB
_IDLE_SECONDS = 600.0


class LastWords:
    """Follows the logs of pods' last steps. For one event loop."""

    def __init__(self, api: KubeApi, namespace: str, announce: Callable[[Key], None]) -> None:
        self._api, self._namespace, self._announce = api, namespace, announce
        self._listening: dict[str, asyncio.Task[None]] = {}
        self.said: dict[str, str] = {}
        """The outcome that a pod's last step has told, as JSON, by the pod's name, while the pod is there."""

    def heed(self, key: Key, pod: str, ended: bool, step: Step | None) -> None:
        """A pod of that package has changed: listen to its last step while that runs, forget it when it has ended."""
        if ended:
            self.said.pop(pod, None)
            listening = self._listening.pop(pod, None)
            if listening:
                listening.cancel()
        elif step and pod not in self.said and pod not in self._listening and len(self._listening) < _MOST:
            task = asyncio.create_task(self._listen(key, pod, step))
            self._listening[pod] = task
            task.add_done_callback(lambda _: self._listening.pop(pod, None))

    def stop(self) -> None:
        """Listen no longer."""
        for task in self._listening.values():
            task.cancel()

    async def _listen(self, key: Key, pod: str, step: Step) -> None:
        query: dict[str, Any] = {"container": str(step), "follow": "true", "tailLines": 1}
        path = namespaced("pods", self._namespace, pod, "log")
        line = b""
        try:
            async with aclosing(self._api.stream(path, query=query, idle_seconds=_IDLE_SECONDS)) as chunks:
                async for chunk in chunks:
                    *whole, line = (line + chunk).split(b"\n")
                    for text in whole:
                        if text.startswith(RESULT_PREFIX.encode()):
                            self.said[pod] = text.decode(errors="replace").removeprefix(RESULT_PREFIX)
                            self._announce(key)
                            return
                    if len(line) > _LONGEST_LINE_BYTES:
                        return
        except (KubeError, aiohttp.ClientError, OSError) as error:
            log.debug("The log of %s is not followed any more: %s", pod, error)
