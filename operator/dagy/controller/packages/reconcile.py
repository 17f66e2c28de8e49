"""One pass over one package: observe, decide, act, write status. Everything that is decided is decided in dagy.core."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from dagy.adapters.kube.api import KubeError
from dagy.adapters.packages.artifact_store import ArtifactStore, failure_of_storage
from dagy.adapters.packages.cluster import Cluster, NameTakenError
from dagy.controller.packages.artifact_checks import ArtifactChecks
from dagy.controller.packages.finalize import finalize
from dagy.controller.packages.observe import observe, recall
from dagy.controller.packages.perform import Performer
from dagy.controller.packages.slots import Slots
from dagy.controller.packages.slugs import Slugs
from dagy.controller.queue import LONGEST_BACKOFF_SECONDS
from dagy.core.common.failure import Failure
from dagy.core.common.reasons import StateReason
from dagy.core.common.timestamp import timestamp
from dagy.core.outcomes.facts import JobFact, JobKind
from dagy.core.package import decide, states
from dagy.core.package.observed import Observed
from dagy.core.package.plan import BuildPlan, plan_of
from dagy.core.package.states import State, state_of
from dagy.core.package.status import Surroundings, forgotten, status_of
from dagy.core.package.status_cache import artifact_of, status_in
from dagy.core.package.trusted_status import trusted_status
from dagy.model import constants as names
from dagy.model.base import NamespacedName
from dagy.model.status import ConditionType, DepPackageStatus
from dagy_builder.contract import Fault
from dagy_builder.storage.store import StorageError

_MOST_STEPS = 12  # of one pass; a package takes six from nothing to a started build
_REFUSED_SECONDS = 15.0  # Secrets are not watched: that would need the right to read all of them
_GO_ON_SECONDS = 1.0  # when that was not enough: others have their turn in between
_SAFETY_SECONDS = 60.0  # a running Job is looked at that often even when no event comes
_STARTING_SECONDS = 15.0  # one that does not start: nobody tells when what it waits for was deleted
_CONFLICT_SECONDS = 0.2
_LASTING = (400, 403, 413, 422, 500)  # of the API server: a quota, a right, an admission policy, a webhook that is down


@dataclass
class Pass:
    """What one pass knows. `package` is replaced by each write, so that the next write builds on it."""

    package: dict[str, Any]
    plan: BuildPlan
    status: DepPackageStatus
    now: datetime
    seen: Observed = field(default_factory=lambda: Observed(""))
    """The facts, after what was done about them."""
    jobs: dict[str, JobFact] = field(default_factory=dict)
    """All Jobs that the pass has seen, those that it deleted included: status tells of them."""
    position: int | None = None
    logs: dict[JobKind, str] = field(default_factory=dict)
    rejections: dict[str, Failure] = field(default_factory=dict)
    """Failed validations in full, by the name of the Job whose log tells."""

    def learn(self, seen: Observed) -> None:
        """Go on with these facts."""
        self.seen = seen
        self.jobs.update((job.name, job) for job in seen.jobs)


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
        checks: ArtifactChecks | None = None,
    ) -> None:
        self._cluster, self._store, self._slots, self._performer = cluster, store, slots, performer
        self._slugs = slugs or Slugs(cluster.claims, store)
        self._checks = checks or ArtifactChecks(store, lambda _: None)
        self._clock = clock
        self._conflicts: dict[NamespacedName, int] = {}
        self.written: dict[NamespacedName, str] = {}
        """resourceVersion of our own last write, by which its echo is known."""

    async def reconcile(self, key: NamespacedName) -> float | None:
        """Look at the package once; the seconds after which it must be looked at again, or None.

        Raises KubeError and StorageError: the queue then tries again. A conflict is no error: somebody wrote in
        between, so the facts are out of date.
        """
        now = self._clock()  # before anything is awaited: keys are taken in the order of their arrival
        package = await self._cluster.package(key)
        if package is None or "deletionTimestamp" in package["metadata"]:
            self._slots.leave(key)
            self.written.pop(key, None)
            self._conflicts.pop(key, None)
            self._checks.forget(key)
            return await finalize(self._cluster, self._store, self._slugs, package, now) if package else None
        try:
            again = await self._look(package, now)
        except KubeError as error:
            self._slots.leave(key)
            if error.status == 409 and not isinstance(error, NameTakenError):
                return self._after_conflict(key)
            raise
        except Exception:
            self._slots.leave(key)  # who cannot start must not hold the turn of others
            raise
        self._conflicts.pop(key, None)
        return again

    def _after_conflict(self, key: NamespacedName) -> float:
        """Soon at first, as another write rarely comes twice; then slower, should one always come."""
        count = self._conflicts[key] = self._conflicts.get(key, 0) + 1
        return float(min(_CONFLICT_SECONDS * 2 ** min(count - 1, 10), LONGEST_BACKOFF_SECONDS))

    async def _look(self, package: dict[str, Any], now: datetime) -> float | None:
        this = Pass(package, plan_of(package), status_in(package), now)
        home = await self._slugs.home(package)
        if isinstance(home, Failure):
            await self._write(this, states.Failed(home))
            return None
        this.status = trusted_status(package, home)
        await self._ensure_metadata(this, home.slug)
        if this.status.build and this.status.spec_hash == this.plan.spec_hash:
            this.position = this.status.build.queue_position
        suspected = self._checks.suspects(this.plan.key)
        seen = await observe(self._cluster, self._store, this.plan, home, this.status, suspected=suspected)
        seen = await self._performer.end_waiting(this.plan, seen, this.now)
        if not seen.record:
            seen = await self._performer.check_index(this.plan, seen)
        if this.status.spec_hash is None and not seen.blocked:
            this.status = await recall(self._store, home, this.status)
        this.learn(seen)
        return await self._advance(this)

    async def _advance(self, this: Pass) -> float | None:
        """Act until nothing changes any more, then write once what came of it."""
        try:
            state = await self._act(this)
        except StorageError as error:
            this.seen = replace(this.seen, blocked=failure_of_storage(error))
            await self._write(this, state_of(this.plan, this.seen, this.now))
            raise
        except KubeError as error:
            if error.status in _LASTING or isinstance(error, NameTakenError):
                await self._write(this, states.Blocked(_refused(error)))
            raise
        if state is None:
            return _GO_ON_SECONDS
        await self._write(this, state)
        self._checks.heed(this.plan.key, this.seen.home, state)
        waits_for = {states.ToValidate: JobKind.VALIDATE, states.ToBuild: JobKind.BUILD}.get(type(state))
        self._slots.leave(this.plan.key, keep=waits_for)
        if this.seen.index_refused:
            return _REFUSED_SECONDS
        return _SAFETY_SECONDS if this.seen.blocked else _look_again_after(state, this.now)

    async def _act(self, this: Pass) -> State | None:
        """Take one step after the other, as far as it goes; the state in which that ends, or None when it did not."""
        for _ in range(_MOST_STEPS):
            state = state_of(this.plan, this.seen, this.now)
            if not await self._step(this, state):
                return self._told_in_full(this, state)
        return None

    async def _step(self, this: Pass, state: State) -> bool:
        """Do what this state asks for; whether it is another one now."""
        for action in decide.decide(this.plan, this.seen, state):
            same = this.status.spec_hash == this.plan.spec_hash
            arrived = (same and this.status.build and this.status.build.queued_at) or timestamp(this.now)
            effect = await self._performer.perform(this.plan, this.seen, action, arrived)
            this.learn(effect.seen)
            match action:
                case decide.KeepLog(job) | decide.CancelJob(job) if effect.log_uri:
                    this.logs[job.kind] = effect.log_uri
                    if effect.rejection:
                        this.rejections[job.name] = effect.rejection
                case decide.StartJob():
                    this.position = effect.queue_position
                case _:
                    pass
            if effect.changed:
                return True
        return False

    @staticmethod
    def _told_in_full(this: Pass, state: State) -> State:
        if isinstance(state, states.Invalid) and state.job and state.job.name in this.rejections:
            return replace(state, failure=this.rejections[state.job.name])
        return state

    async def _ensure_metadata(self, this: Pass, slug: str) -> None:
        metadata = this.package["metadata"]
        labelled = (metadata.get("labels") or {}).get(names.LABEL_SLUG) == slug
        if labelled and names.FINALIZER in (metadata.get("finalizers") or []):
            return
        this.package = await self._cluster.write_metadata(this.package, slug)
        self.written[this.plan.key] = this.package["metadata"]["resourceVersion"]

    async def _write(self, this: Pass, state: State) -> None:
        """Write the status of this state unless it stands there already; then tell it as an Event."""
        seen = replace(this.seen, jobs=tuple(this.jobs.values()))
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
            warning = stalled or isinstance(state, states.Blocked | states.Retrying | states.Lost)
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
        f"The API server refused what the build needs: {str(error).rstrip('.')}. An administrator may have to raise a "
        "quota or a right in the build namespace.",
        Fault.INFRASTRUCTURE,
    )


def _look_again_after(state: State, now: datetime) -> float | None:
    match state:
        case states.Retrying(_, _, at):
            return max(0.5, (at - now).total_seconds() + 0.1)
        case states.Validating(_, progress) | states.Building(_, progress):
            return _SAFETY_SECONDS if progress.started else _STARTING_SECONDS
        case states.Lost():  # it stands in status now, whatever happens to the build
            return _GO_ON_SECONDS
        case states.ToValidate() | states.ToBuild():
            return _SAFETY_SECONDS
        case _:
            return None
