"""Packages at which a look would do nothing, as their own objects tell. Pure.

Thousands of them are seen in one list, which is much less than a look at each. Nothing is decided here but whether a
look is needed: whatever a look might do or write is left to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dagy.core.common.keys import PackageHome
from dagy.core.package import states, status_cache
from dagy.core.package.decide import StartJob, decide
from dagy.core.package.observed import Observed
from dagy.core.package.plan import BuildPlan, plan_of
from dagy.core.package.queue import QueueEntry, entry_of
from dagy.core.package.states import State, state_of
from dagy.core.package.status import StatusContext, status_of
from dagy.core.package.status_cache import Look
from dagy.model import constants as names
from dagy.model.status import DepPackageStatus

SETTLED = (states.Completed, states.Invalid, states.Valid, states.Saved, states.Suspended)
WAITING = (states.ToValidate, states.ToBuild)


@dataclass(frozen=True)
class AtRest:
    """What a look would find that changes nothing."""

    plan: BuildPlan
    home: PackageHome
    status: DepPackageStatus
    state: State

    @property
    def position(self) -> int | None:
        """Place in the queue, as status tells it."""
        return self.status.build.queue_position if self.status.build else None

    def queue_entry(self, now: datetime) -> QueueEntry:
        """Return the package's entry in the queue."""
        return entry_of(self.plan.key, self.status.build, now)


def at_rest(package: Mapping[str, Any], home: PackageHome, now: datetime) -> AtRest | None:
    """Return how a package without Jobs stands; None when a look may do something, or must ask for something.

    `home`: as its claim says. What waits for a slot rests as well, as long as it is not its turn.
    """
    metadata = package["metadata"]
    marked = names.FINALIZER in (metadata.get("finalizers") or ()) and "deletionTimestamp" not in metadata
    if not marked or (metadata.get("labels") or {}).get(names.LABEL_SLUG) != home.slug:
        return None
    try:
        plan = plan_of(package)
    except ValueError:
        return None
    status = status_cache.trusted_status(package, home)
    seen = _remembered(plan, home, status) if status.spec_hash == plan.spec_hash else None
    if seen is None or plan.spec.slug not in (None, home.slug):
        return None
    state = state_of(plan, seen, now)
    actions = decide(plan, seen, state)
    rests = isinstance(state, SETTLED) and not actions
    waits = isinstance(state, WAITING) and [type(action) for action in actions] == [StartJob]
    position = status.build.queue_position if status.build else None
    if not rests and not (waits and position and not plan.requested.cancel):
        return None
    written = status_of(plan, seen, state, StatusContext(now, status, queue_position=position))
    return AtRest(plan, home, status, state) if written.to_json() == package.get("status") else None


def _remembered(plan: BuildPlan, home: PackageHome, status: DepPackageStatus) -> Observed | None:
    """Return the facts that status remembers; None when it does not tell all of them."""
    resolution = None if plan.normalized.errors else status_cache.resolution_in(status, plan)
    if isinstance(resolution, Look):
        return None
    record = status_cache.record_in(status, plan, resolution) if resolution else None
    if isinstance(record, Look):
        return None
    return Observed(
        slug=home.slug,
        home=home,
        resolution=resolution,
        record=record,
        lost=status.lost,
        rejected=status_cache.rejection_in(status, plan),
        rejected_log=(status.validation.log_uri if status.validation else None) or "",
        handled=status_cache.handled_tokens(status),
    )
