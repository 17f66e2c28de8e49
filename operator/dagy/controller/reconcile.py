"""One pass over one package: observe, decide, act, write status. Everything that is decided is decided in dagy.core."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from dagy.adapters.artifact_store import ArtifactStore, failure_of_storage
from dagy.adapters.cluster import Cluster
from dagy.adapters.kube import KubeError
from dagy.controller.finalize import finalize
from dagy.controller.observe import observe, recall
from dagy.controller.perform import Effect, Performer
from dagy.controller.slots import Slots
from dagy.controller.slugs import Slugs
from dagy.core import decide, states
from dagy.core.believed import believed_status
from dagy.core.facts import JobKind
from dagy.core.failure import Failure
from dagy.core.plan import BuildPlan, Key, plan_of
from dagy.core.reasons import StateReason
from dagy.core.remembered import artifact_of, status_in
from dagy.core.states import Observed, State, state_of
from dagy.core.status import Surroundings, forgotten, phases_between, status_of
from dagy.core.timestamp import timestamp
from dagy.model import names
from dagy.model.status import ConditionType, DepPackageStatus
from dagy_builder.contract import Fault
from dagy_builder.storage import StorageError

_MOST_STEPS = 12  # of one pass; a package takes six from nothing to a started build
_REFUSED_SECONDS = 15.0  # Secrets are not watched: that would need the right to read all of them
_GO_ON_SECONDS = 1.0  # when that was not enough: others have their turn in between
_SAFETY_SECONDS = 60.0  # a running Job is looked at that often even when no event comes


@dataclass
class Pass:
    """What one pass knows. `package` is replaced by each write, so that the next write builds on it."""

    package: dict[str, Any]
    plan: BuildPlan
    status: DepPackageStatus
    now: datetime
    position: int | None = None
    logs: dict[JobKind, str] = field(default_factory=dict)
    rejection: Failure | None = None


class Reconciler:
    """Brings packages to where their spec wants them."""

    def __init__(
        self,
        cluster: Cluster,
        store: ArtifactStore,
        slots: Slots,
        performer: Performer,
        *,
        clock: Callable[[], datetime],
        slugs: Slugs | None = None,
    ) -> None:
        self._cluster, self._store, self._slots, self._performer = cluster, store, slots, performer
        self._slugs = slugs or Slugs(cluster.claims, store)
        self._clock = clock
        self.written: dict[Key, str] = {}
        """resourceVersion of our own last write, by which its echo is known."""

    async def reconcile(self, key: Key) -> float | None:
        """Look at the package once; the seconds after which it must be looked at again, or None.

        Raises KubeError and StorageError: the queue then tries again. A conflict is no error: somebody wrote in
        between, so the facts are out of date.
        """
        now = self._clock()  # before anything is awaited: keys are taken in the order of their arrival
        package = await self._cluster.package(key)
        if package is None or "deletionTimestamp" in package["metadata"]:
            self._slots.leave(key)
            self.written.pop(key, None)
            return await finalize(self._cluster, self._store, self._slugs, package, now) if package else None
        try:
            return await self._look(package, now)
        except KubeError as error:
            self._slots.leave(key)
            if error.status == 409:
                return 0.2
            raise
        except Exception:
            self._slots.leave(key)  # who cannot start must not hold the turn of others
            raise

    async def _look(self, package: dict[str, Any], now: datetime) -> float | None:
        this = Pass(package, plan_of(package), status_in(package), now)
        home = await self._slugs.home(package)
        if isinstance(home, Failure):
            await self._write(this, Observed(""), states.Failed(home))
            return None
        this.status = believed_status(package, home)
        await self._ensure_metadata(this, home.slug)
        if this.status.build and this.status.spec_hash == this.plan.spec_hash:
            this.position = this.status.build.queue_position
        seen = await observe(self._cluster, self._store, this.plan, home, this.status)
        seen = await self._performer.end_waiting(this.plan, seen, this.now)
        if not seen.record:
            seen = await self._performer.check_index(this.plan, seen)
        if this.status.spec_hash is None and not seen.blocked:
            this.status = await recall(self._store, home, this.status)
        return await self._advance(this, seen)

    async def _advance(self, this: Pass, seen: Observed) -> float | None:
        """Take one step after the other until nothing changes any more."""
        state: State = states.Suspended()
        for _ in range(_MOST_STEPS):
            state = state_of(this.plan, seen, this.now)
            try:
                effect = await self._step(this, seen, state)
            except StorageError as error:
                blocked = replace(seen, blocked=failure_of_storage(error))
                await self._write(this, blocked, state_of(this.plan, blocked, this.now))
                raise
            except KubeError as error:
                if error.status in (403, 422):
                    await self._write(this, seen, states.Blocked(_refused(error)))
                raise
            seen = effect.seen
            if not effect.changed:
                break
        else:
            return _GO_ON_SECONDS
        waits_for = {states.ToValidate: JobKind.VALIDATE, states.ToBuild: JobKind.BUILD}.get(type(state))
        self._slots.leave(this.plan.key, keep=waits_for)
        if seen.index_refused:
            return _REFUSED_SECONDS
        return _SAFETY_SECONDS if seen.blocked else _look_again_after(state, this.now)

    async def _step(self, this: Pass, seen: Observed, state: State) -> Effect:
        """Gather what the status of this state needs, write it, then act."""
        actions = decide.decide(this.plan, seen, state)
        effect = Effect(seen, changed=False)
        for action in actions:
            if isinstance(action, decide.KeepLog):
                effect = self._note(this, action, await self._perform(this, effect.seen, action))
        if this.rejection and isinstance(state, states.Invalid) and state.job:
            state = replace(state, failure=this.rejection)
        for passed in phases_between(this.status, this.plan, state):
            await self._write(this, effect.seen, passed)
        if not isinstance(state, states.Validated):  # a moment between two phases, not worth a write
            await self._write(this, effect.seen, state)
        for action in actions:
            if not isinstance(action, decide.KeepLog):
                effect = self._note(this, action, await self._perform(this, effect.seen, action))
                if effect.changed:
                    return effect
        if this.position and isinstance(state, states.ToValidate | states.ToBuild):
            await self._write(this, effect.seen, state)
        return effect

    async def _perform(self, this: Pass, seen: Observed, action: decide.Action) -> Effect:
        arrived = (this.status.build and this.status.build.queued_at) or timestamp(this.now)
        return await self._performer.perform(this.plan, seen, action, arrived)

    def _note(self, this: Pass, action: decide.Action, effect: Effect) -> Effect:
        if isinstance(action, decide.KeepLog | decide.CancelJob) and effect.log_uri:
            this.logs[action.job.kind] = effect.log_uri
        if isinstance(action, decide.StartJob):
            this.position = effect.queue_position
        this.rejection = effect.rejection or this.rejection
        return effect

    async def _ensure_metadata(self, this: Pass, slug: str) -> None:
        metadata = this.package["metadata"]
        labelled = (metadata.get("labels") or {}).get(names.LABEL_SLUG) == slug
        if labelled and names.FINALIZER in (metadata.get("finalizers") or []):
            return
        this.package = await self._cluster.write_metadata(this.package, slug)
        self.written[this.plan.key] = this.package["metadata"]["resourceVersion"]

    async def _write(self, this: Pass, seen: Observed, state: State) -> None:
        """Write the status of this state unless it stands there already; then tell it as an Event."""
        around = Surroundings(
            now=this.now,
            previous=this.status,
            queue_position=this.position,
            validation_log=this.logs.get(JobKind.VALIDATE),
            build_log=this.logs.get(JobKind.BUILD),
        )
        status = status_of(this.plan, seen, state, around)
        if forgotten(this.status, status):
            pins = await self._cluster.flows.pins(seen.home.owned) if seen.home else ()
            pinned = frozenset(pin.sha256 for pin in pins)
            status = status_of(this.plan, seen, state, replace(around, pinned=pinned))
        before, this.status = this.status, status
        if status.to_json() == this.package.get("status"):
            return
        await self._prune(this, seen, before, status)
        this.package = await self._cluster.write_status(this.package, status.to_json())
        self.written[this.plan.key] = this.package["metadata"]["resourceVersion"]
        if (_headline(before), before.observed_generation) != (_headline(status), status.observed_generation):
            _, reason = _headline(status)
            stalled = any(c.type == ConditionType.STALLED and c.status == "True" for c in status.conditions)
            warning = stalled or isinstance(state, states.Blocked | states.Retrying)
            await self._cluster.record_event(
                this.package, warning=warning, reason=reason, message=status.message, now=this.now
            )

    async def _prune(self, this: Pass, seen: Observed, before: DepPackageStatus, after: DepPackageStatus) -> None:
        """Delete artifacts that history has no more room for, before the status that forgets them is written."""
        for old in forgotten(before, after):
            if seen.home:
                await self._store.delete_artifact(seen.home, artifact_of(old))


def _headline(status: DepPackageStatus) -> tuple[str | None, str]:
    ready = next((c.reason for c in status.conditions if c.type == ConditionType.READY), "Unknown")
    return status.phase, ready


def _refused(error: KubeError) -> Failure:
    return Failure(
        StateReason.API_SERVER_REFUSED,
        f"The API server refused what the build needs: {error} It is tried again; an administrator may have to raise "
        "a quota or a right in the build namespace.",
        Fault.INFRASTRUCTURE,
    )


def _look_again_after(state: State, now: datetime) -> float | None:
    match state:
        case states.Retrying(_, _, at):
            return max(0.5, (at - now).total_seconds() + 0.1)
        case states.Validating() | states.Building() | states.ToValidate() | states.ToBuild() | states.Built():
            return _SAFETY_SECONDS
        case _:
            return None
