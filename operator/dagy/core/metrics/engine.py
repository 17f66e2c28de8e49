"""What is counted of the operator's own work: looks at objects, its queues, its watches. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dagy.core.metrics import catalogue as metrics
from dagy.core.metrics.catalogue import ControllerName, PassResult, WatchName
from dagy.core.metrics.metric import Sample


@dataclass(frozen=True)
class Work:
    """A controller's queue. `last_resync`: seconds since 1970 (UTC)."""

    controller: ControllerName
    waiting: int
    active: int
    retrying: int
    last_resync: float


@dataclass(frozen=True)
class Watch:
    """A watch. `last_event`: seconds since 1970 (UTC), 0 before the first event."""

    name: WatchName
    up: bool
    last_event: float
    starts: int


def pass_samples(controller: ControllerName, result: PassResult, seconds: float) -> Iterator[Sample]:
    """Yield what is counted of one look at an object."""
    yield metrics.PASSES.sample(controller=controller, result=result)
    yield metrics.PASS_SECONDS.sample(seconds, controller=controller)


def work_samples(work: Work) -> Iterator[Sample]:
    """Yield what a controller's queue looks like now."""
    yield metrics.WORK_WAITING.sample(work.waiting, controller=work.controller)
    yield metrics.WORK_ACTIVE.sample(work.active, controller=work.controller)
    yield metrics.WORK_RETRYING.sample(work.retrying, controller=work.controller)
    yield metrics.LAST_RESYNC.sample(work.last_resync, controller=work.controller)


def watch_samples(watch: Watch) -> Iterator[Sample]:
    """Yield how a watch stands now."""
    yield metrics.WATCH_UP.sample(float(watch.up), watch=watch.name)
    yield metrics.WATCH_EVENT.sample(watch.last_event, watch=watch.name)
    yield metrics.WATCH_STARTS.sample(watch.starts, watch=watch.name)
