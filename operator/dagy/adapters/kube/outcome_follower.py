"""Hearing a step's outcome from its log, because the kubelet looks only once a second for containers that ended.

It saves that second twice a build, and a pod that is gone soon after its end costs nothing. Nothing depends on it: an
end that is not heard is seen.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from contextlib import aclosing
from typing import Any

import aiohttp

from dagy.adapters.kube.api import KubeApi, KubeError, namespaced
from dagy.core.outcomes.facts import job_of, last_step_running
from dagy.core.outcomes.step_outcomes import Complete, result_of
from dagy.model.base import NamespacedName
from dagy_builder.contract import Step, StepOutcome
from dagy_builder.log_frames import FrameReader

log = logging.getLogger(__name__)

_MOST = 32  # followed at a time, of the hundred connections that the client has
_MOST_REMEMBERED_BYTES = 64 << 20
_IDLE_SECONDS = 600.0
_END_SECONDS = 5.0  # after which a log that has ended is not waited for any more


class OutcomeFollower:
    """Follows the logs of pods' last steps. For one event loop."""

    def __init__(self, api: KubeApi, namespace: str, announce: Callable[[NamespacedName], None]) -> None:
        self._api, self._namespace, self._announce = api, namespace, announce
        self._following: dict[str, asyncio.Task[None]] = {}
        self._sizes: dict[str, int] = {}
        self.reported: dict[str, StepOutcome] = {}
        """The outcomes that the last steps of Jobs have reported, by the Job's name, while the Job is there."""

    def on_pod_changed(self, key: NamespacedName, changed: Mapping[str, Any], ended: bool) -> None:
        """Follow the log of a pod's last step while it runs; forget a Job that goes.

        `changed`: a Job or a pod of that package; `ended`: the pod has, or the Job is gone.
        """
        job, name, step = job_of(changed), changed["metadata"]["name"], last_step_running(changed)
        if not job:
            if ended:
                self.forget(name)
        elif ended:  # its outcome may still be on its way
            asyncio.get_running_loop().call_later(_END_SECONDS, self._stop_following, name)
        elif step and job not in self.reported and name not in self._following and len(self._following) < _MOST:
            frames = FrameReader(str(changed["metadata"].get("uid", "")))
            task = asyncio.create_task(self._follow(key, job, name, step, frames))
            self._following[name] = task
            task.add_done_callback(lambda _: self._following.pop(name, None))

    def forget(self, job: str) -> None:
        """Drop all memory of a Job that is gone."""
        self.reported.pop(job, None)
        self._sizes.pop(job, None)

    def known(self) -> frozenset[str]:
        """Return the Jobs with a remembered outcome."""
        return frozenset(self.reported)

    def forget_gone(self, known: Collection[str], there: Collection[str]) -> None:
        """Forget those of `known` that a listing made since, `there`, does not have: their end was missed."""
        for job in set(known).difference(there):
            self.forget(job)

    def stop(self) -> None:
        """Follow no log any more."""
        for name in list(self._following):
            self._stop_following(name)

    def _stop_following(self, pod: str) -> None:
        following = self._following.pop(pod, None)
        if following:
            following.cancel()

    def _remember(self, job: str, outcome: StepOutcome, size: int) -> None:
        self.reported[job], self._sizes[job] = outcome, size
        while sum(self._sizes.values()) > _MOST_REMEMBERED_BYTES:
            self.forget(next(iter(self.reported)))

    async def _follow(self, key: NamespacedName, job: str, pod: str, step: Step, frames: FrameReader) -> None:
        query: dict[str, Any] = {"container": str(step), "follow": "true"}
        path = namespaced("pods", self._namespace, pod, "log")
        try:
            async with aclosing(self._api.stream(path, query=query, idle_seconds=_IDLE_SECONDS)) as chunks:
                async for chunk in chunks:
                    result = result_of(frames, step) if frames.feed(chunk) else None
                    if isinstance(result, Complete):
                        self._remember(job, result.outcome, len(frames.text() or ""))
                        self._announce(key)
                        return
        except (KubeError, aiohttp.ClientError, OSError) as error:
            log.debug("The log of %s is not followed any more: %s", pod, error)
