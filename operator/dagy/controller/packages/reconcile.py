"""One pass over one package: observe, decide, act, write status. All decisions are made in dagy.core."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from dagy.adapters import logs
from dagy.adapters.kube.api import Json, KubeError
from dagy.adapters.packages.artifact_store import ArtifactStore, failure_of_storage
from dagy.adapters.packages.cluster import Cluster
from dagy.controller.engine.errors import EXPECTED
from dagy.controller.engine.reconciler import ManagedObject, Rest
from dagy.controller.packages.actions import Performer
from dagy.controller.packages.artifact_checks import ArtifactChecks
from dagy.controller.packages.context import ReconcileContext
from dagy.controller.packages.finalize import finalize
from dagy.controller.packages.limiter import ConcurrencyLimiter
from dagy.controller.packages.observe import Observer
from dagy.controller.packages.slugs import Slugs
from dagy.controller.packages.triage import Lists
from dagy.core.common.conditions import reason_in
from dagy.core.common.failure import Failure
from dagy.core.common.images import image_news, is_pending
from dagy.core.common.reasons import StateReason
from dagy.core.jobs.manifests import JobSettings
from dagy.core.metrics.metric import Recorder, unrecorded
from dagy.core.metrics.packages import Census, status_samples
from dagy.core.package import states
from dagy.core.package.decide import cancel_asked, decide
from dagy.core.package.observed import Observed
from dagy.core.package.plan import plan_of
from dagy.core.package.states import State, state_of
from dagy.core.package.status import dropped_artifacts
from dagy.core.package.status_cache import handled_tokens, status_in, trusted_status
from dagy.model import constants as names
from dagy.model.base import NamespacedName
from dagy.model.status import ConditionType, DepPackageStatus, JobKind
from dagy_builder.contract import Fault, Reason
from dagy_builder.redact import one_line
from dagy_builder.storage.store import StorageError

log = logging.getLogger(__name__)

_LOGGED_CHARACTERS = 500
_MOST_STEPS = 12  # of one pass; a package takes six from nothing to a started build
_REFUSED_SECONDS = 15.0  # Secrets are not watched: that would need the right to read all of them
_GO_ON_SECONDS = 1.0  # when that was not enough: others have their turn in between
_SAFETY_SECONDS = 60.0  # a running Job is looked at that often even when no event comes
_SECONDS_BEHIND = 0.2  # for each place in the queue, ours or another: a few looks a second, however many wait
_BLOCKED_SECONDS = 30.0  # S3 does not answer
_STARTING_SECONDS = 15.0  # one that does not start: nobody tells when the object that it waits for was deleted
_LASTING = (400, 403, 413, 422, 500)  # of the API server: a quota, a right, an admission policy, a webhook that is down


class PackageReconciler:
    """Brings packages to the state that their spec wants."""

    def __init__(
        self,
        cluster: Cluster,
        store: ArtifactStore,
        slugs: Slugs,
        *,
        limiter: ConcurrencyLimiter,
        checks: ArtifactChecks,
        settings: JobSettings,
        record: Recorder = unrecorded,
    ) -> None:
        self._cluster, self._store, self._slugs = cluster, store, slugs
        self._limiter, self._checks, self._record = limiter, checks, record
        self.census, self.lists = Census(), Lists(store.location)
        self._held = set[NamespacedName]()
        """Packages whose Jobs a queue holds back, as they were last looked at."""
        self._observer = Observer(cluster, store, settings)
        self._performer = Performer(cluster, store, self._observer, limiter, settings, record=record)

    async def reconcile(self, obj: ManagedObject) -> float | None:
        """See `engine.controller.Reconciler`."""
        try:
            return await self._reconcile(obj)
        except Exception as error:
            self._limiter.leave(obj.key)  # a package that cannot start must not hold the turn of others
            if not isinstance(error, EXPECTED):
                await self._tell_mistake(obj, error)
            raise

    async def finalize(self, obj: ManagedObject) -> float | None:
        """See there."""
        return await finalize(self._cluster, self._store, self._slugs, obj)

    def rest(self, manifest: Json, now: datetime) -> Rest | None:
        """See there."""
        key, found = NamespacedName.of(manifest["metadata"]), self.lists.resting(manifest, now)
        if found is None or self._checks.suspects(key):
            return None
        kind = _waits_for(found.state)
        self._held.discard(key)
        if kind is None:
            self._limiter.leave(key)
        elif self._observer.refused(found.plan) or not self._limiter.keeps_waiting(kind, found.queue_entry(now)):
            return None
        self._checks.watch(key, found.home, found.state)
        self.census.saw(key, found.status.phase)
        return Rest(_look_again_after(found.state, now, found.position))

    def forget(self, key: NamespacedName) -> None:
        """See there."""
        self._held.discard(key)
        self._limiter.leave(key)
        self._checks.forget(key)
        self.census.gone(key)

    async def _reconcile(self, obj: ManagedObject) -> float | None:
        ctx = ReconcileContext(obj, plan_of(obj.manifest), status_in(obj.manifest))
        home = await self._slugs.ensure_home(obj.manifest)
        if isinstance(home, Failure):  # nothing is known, so that status keeps what it says of lock and requests
            ctx.seen = Observed("", blocked=home, handled=handled_tokens(ctx.status))
            if cancel_asked(ctx.plan, ctx.seen):
                await self._performer.stop_all(ctx)
            await self._write(ctx, states.Failed(home))
            return None
        ctx.status = trusted_status(obj.manifest, home)
        await obj.ensure_metadata({names.LABEL_SLUG: home.slug})
        if ctx.status.build and ctx.status.spec_hash == ctx.plan.spec_hash:
            ctx.queue_position = ctx.status.build.queue_position
        suspected = self._checks.suspects(obj.key)
        ctx.learn(await self._observer.observe(ctx.plan, home, ctx.status, ctx.now, suspected=suspected))
        if ctx.status.spec_hash is None and not ctx.seen.blocked:
            ctx.status = await self._observer.restore_status(home, ctx.status)
        try:
            state = await self._act(ctx)
        except StorageError as error:
            ctx.seen = replace(ctx.seen, blocked=failure_of_storage(error))
            await self._write(ctx, state_of(ctx.plan, ctx.seen, ctx.now))
            raise
        except KubeError as error:
            if error.status in _LASTING or error.is_taken:
                await self._write(ctx, states.Blocked(_refused(error)))
            raise
        if state is None:
            return _GO_ON_SECONDS
        await self._write(ctx, state)
        self._checks.watch(obj.key, home, state)
        self._limiter.leave(obj.key, keep=_waits_for(state))
        if ctx.seen.index_refused:
            return _REFUSED_SECONDS
        if ctx.seen.blocked:
            return _BLOCKED_SECONDS
        if _awaits_image(ctx, state):
            return _SAFETY_SECONDS
        (self._held.add if _is_held(state) else self._held.discard)(obj.key)
        return _look_again_after(state, ctx.now, ctx.queue_position, len(self._held))

    async def _tell_mistake(self, obj: ManagedObject, error: Exception) -> None:
        """Tell an error of this program in status, or the package would wait for ever and nobody knew for what."""
        with suppress(Exception):
            ctx = ReconcileContext(obj, plan_of(obj.manifest), status_in(obj.manifest))
            settled = any(c.type == ConditionType.SETTLED and c.status == "True" for c in ctx.status.conditions)
            if settled and ctx.status.observed_generation == ctx.plan.generation:
                return  # what it says is as true as before
            failure = _mistake(error)
            ctx.seen = Observed(ctx.status.slug or "", blocked=failure, handled=handled_tokens(ctx.status))
            await self._write(ctx, states.Blocked(failure))

    async def _act(self, ctx: ReconcileContext) -> State | None:
        """Take one step after the other. Return the state in which that ends, or None when it did not end."""
        for _ in range(_MOST_STEPS):
            state = state_of(ctx.plan, ctx.seen, ctx.now)
            for action in decide(ctx.plan, ctx.seen, state):
                if await self._performer.perform(ctx, action):
                    break  # the world is another one now
            else:
                return _in_full(ctx, state)
        return None

    async def _write(self, ctx: ReconcileContext, state: State) -> None:
        """Write the status of this state unless it stands there already; then tell it as an Event."""
        before, status = ctx.status, ctx.status_of(state)
        if dropped_artifacts(before, status):
            pins = await self._cluster.flows.pins(ctx.seen.home.owned) if ctx.seen.home else ()
            status = ctx.status_of(state, frozenset(pin.sha256 for pin in pins))
        ctx.status = status
        self.census.saw(ctx.object.key, status.phase)
        if status.to_json() == ctx.object.manifest.get("status"):
            return
        for old in dropped_artifacts(before, status):  # before the status that speaks of them no more
            if ctx.seen.home:
                named = [status.artifact, *status.history] if status.artifact else status.history
                await self._store.delete_artifact(ctx.seen.home, old, named)
        await ctx.object.write_status(status.to_json())
        self._record(status_samples(before, status, ctx.now))
        if (_headline(before), before.observed_generation) != (_headline(status), status.observed_generation):
            _, reason = _headline(status)
            stalled = any(c.type == ConditionType.STALLED and c.status == "True" for c in status.conditions)
            warning = stalled or isinstance(state, states.Blocked | states.Retrying | states.Lost)
            await ctx.object.record_event(reason, status.message, warning=warning)
            _log_change(ctx.object.key, status)
        if news := image_news(before.conditions, status.conditions):
            await ctx.object.record_event(news.reason, news.message, warning=True)


def _in_full(ctx: ReconcileContext, state: State) -> State:
    """Return the state with all that the log of a failed validation tells."""
    if isinstance(state, states.Invalid) and state.job and state.job.name in ctx.rejections:
        return replace(state, failure=ctx.rejections[state.job.name])
    return state


def _headline(status: DepPackageStatus) -> tuple[str | None, str]:
    return status.phase, reason_in(status.conditions)


def _log_change(key: NamespacedName, status: DepPackageStatus) -> None:
    job = status.build.job_name if status.build else None
    with logs.about(**({"job": job} if job else {})):
        log.info("%s: %s: %s", key, _headline(status)[1], one_line(status.message, _LOGGED_CHARACTERS))


def _refused(error: KubeError) -> Failure:
    return Failure(
        StateReason.API_SERVER_REFUSED,
        f"The API server refused what the build needs: {str(error).rstrip('.')}. An administrator may have to raise a "
        "quota or a right in the build namespace.",
        Fault.INFRASTRUCTURE,
    )


def _mistake(error: Exception) -> Failure:
    return Failure(
        Reason.INTERNAL_ERROR,
        f"The operator failed at this package ({type(error).__name__}); its log says where. Let an administrator "
        "report it.",
        Fault.INFRASTRUCTURE,
    )


def _awaits_image(ctx: ReconcileContext, state: State) -> bool:
    """Return True while an image is on its way."""
    return isinstance(state, states.Completed) and is_pending(state.record.artifact, ctx.seen.home)


def _waits_for(state: State) -> JobKind | None:
    """Return the kind of the Job that the package waits to start."""
    match state:
        case states.ToValidate():
            return JobKind.VALIDATE
        case states.ToBuild():
            return JobKind.BUILD
        case _:
            return None


def _is_held(state: State) -> bool:
    """Return True while a queue holds the package's Job back."""
    return isinstance(state, states.Validating | states.Building) and state.job.suspended


def _look_again_after(state: State, now: datetime, position: int | None, held: int = 0) -> float | None:
    match state:
        case states.Validating() | states.Building() if _is_held(state) and state.job.not_created:
            return max(_STARTING_SECONDS, _SECONDS_BEHIND * held)  # soon until its queue has said why
        case states.Retrying(_, _, at):
            return max(0.5, (at - now).total_seconds() + 0.1)
        case states.Validating(_, progress) | states.Building(_, progress):
            return _SAFETY_SECONDS if progress.started else _STARTING_SECONDS
        case states.Lost():  # it stands in status now, whatever happens to the build
            return _GO_ON_SECONDS
        case states.ToValidate() | states.ToBuild():  # who is far behind is woken when its turn comes near
            return max(_SAFETY_SECONDS, _SECONDS_BEHIND * (position or 0))
        case _:
            return None
