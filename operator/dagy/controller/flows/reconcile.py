"""One pass over one FlowDeployment: observe, decide, act, write status. Decisions are made in dagy.core."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from dagy.adapters.flows.cluster import FlowCluster
from dagy.adapters.kube.api import Json, KubeError
from dagy.controller.engine.reconciler import ManagedObject
from dagy.controller.flows.finalize import FlowCleaner
from dagy.controller.flows.observe import FlowObserver
from dagy.core.attach.refusals import Refusal
from dagy.core.common.conditions import reason_in
from dagy.core.common.timestamp import timestamp
from dagy.core.flows import states as flow_states
from dagy.core.flows.plan import FlowPlan, FlowSettings, flow_plan_of, flow_status_in, wanted_of
from dagy.core.flows.reasons import FlowReason
from dagy.core.flows.revisions import revision_object
from dagy.core.flows.states import FlowAction, FlowState, Observed, flow_actions, flow_state_of
from dagy.core.flows.status import flow_status_of
from dagy.model.base import NamespacedName
from dagy.model.flowstatus import FlowDeploymentStatus
from dagy.model.status import ConditionType
from dagy_builder.storage.store import StorageError

_MOST_ROUNDS = 4  # a new revision, its CronJob and the tidying take three
_RETRY_SECONDS = 30.0


class SlugIndex:
    """Deployments by the slugs that they look at, so that a package's change wakes them. For one event loop."""

    def __init__(self) -> None:
        self._deployments: dict[str, set[NamespacedName]] = defaultdict(set)
        self._slugs: dict[NamespacedName, frozenset[str]] = {}

    def set(self, deployment: NamespacedName, slugs: Iterable[str]) -> None:
        """The deployment looks at exactly these slugs; at none, it is forgotten."""
        new = frozenset(slugs)
        for slug in self._slugs.pop(deployment, frozenset()) - new:
            self._deployments[slug].discard(deployment)
            if not self._deployments[slug]:
                del self._deployments[slug]
        if new:
            self._slugs[deployment] = new
        for slug in new:
            self._deployments[slug].add(deployment)

    def deployments(self, slug: str) -> frozenset[NamespacedName]:
        """Return the deployments that look at that slug."""
        return frozenset(self._deployments.get(slug, ()))


@dataclass(frozen=True)
class FlowContext:
    """The knowledge of one pass over a deployment, beside the facts."""

    object: ManagedObject
    plan: FlowPlan
    status: FlowDeploymentStatus


class FlowReconciler:
    """Brings deployments to the state that their specs want."""

    def __init__(
        self, cluster: FlowCluster, observer: FlowObserver, cleaner: FlowCleaner, settings: FlowSettings
    ) -> None:
        self._cluster, self._observer, self._cleaner, self._settings = cluster, observer, cleaner, settings
        self.index = SlugIndex()

    async def reconcile(self, obj: ManagedObject) -> float | None:
        """See `engine.controller.Reconciler`."""
        try:
            return await self._reconcile(obj)
        except KubeError as error:
            if not error.too_large:
                raise
            refusal = _refused(error)  # not even status: its message is told as an Event, until the spec changes
            await obj.record_event(refusal.reason, refusal.message, warning=True)
            return None

    async def finalize(self, obj: ManagedObject) -> float | None:
        """See there."""
        return await self._cleaner.finalize(obj)

    def rest(self, manifest: Json, now: datetime) -> None:
        """See there. Deployments are few: each is looked at."""

    def forget(self, key: NamespacedName) -> None:
        """See there."""
        self.index.set(key, ())

    async def _reconcile(self, obj: ManagedObject) -> float | None:
        ctx = FlowContext(obj, flow_plan_of(obj.manifest), flow_status_in(obj.manifest))
        await obj.ensure_metadata()
        self.index.set(obj.key, {package.slug for package in wanted_of(ctx.plan.source)})
        done: tuple[FlowAction, ...] = ()
        for _ in range(_MOST_ROUNDS):
            seen = await self._observer.observe(ctx.plan, ctx.status)
            state = flow_state_of(ctx.plan, seen)
            actions = flow_actions(ctx.plan, seen, state, obj.manifest, self._settings)
            if not actions or actions == done:
                break
            refused = await self._act(ctx, seen, actions)
            if refused:
                state = flow_states.Refused(refused)
                break
            done = actions
        if isinstance(state, flow_states.ToDeploy):  # it was kept, and is not there
            state = flow_states.Refused(flow_states.revision_taken(ctx.plan, seen))
        await self._write(ctx, seen, state)
        if isinstance(state, flow_states.Refused):
            again = state.refusal.waiting or state.refusal.reason == FlowReason.API_SERVER_REFUSED
            return _RETRY_SECONDS if again else None
        return None

    async def _act(self, ctx: FlowContext, seen: Observed, actions: tuple[FlowAction, ...]) -> Refusal | None:
        for action in actions:
            try:
                await self._perform(ctx, seen, action)
            except StorageError as error:
                return Refusal(FlowReason.STORAGE_UNAVAILABLE, f"{error.message} It is asked again.", waiting=True)
            except KubeError as error:
                if error.status in (400, 403, 422) or error.too_large:
                    return _refused(error)
                raise
        return None

    async def _perform(self, ctx: FlowContext, seen: Observed, action: FlowAction) -> None:
        obj = ctx.object
        match action:
            case flow_states.CreateRevision():
                now = timestamp(obj.now, micro=False)
                kept = flow_states.new_revision(ctx.plan, action, now, self._settings)
                await self._cluster.create_revision(revision_object(obj.manifest, kept.revision, kept.refresh_token))
            case flow_states.ApplyCronJob(manifest):
                await self._cluster.apply_cron_job(manifest)
            case flow_states.EndSchedule(uid):
                await self._cluster.end_schedule(obj.manifest, uid)
            case flow_states.StartRun(manifest):
                if await self._cluster.start_run(manifest):
                    message = f"Run {manifest['metadata']['name']} was started."
                    await obj.record_event(FlowReason.RUN_STARTED, message)
            case flow_states.DeleteRuns(jobs):
                for job in jobs:
                    await self._cluster.delete_run(obj.key.namespace, job)
            case flow_states.DeleteRevisions(old):
                gone = {revision.name for revision in old}
                others = [revision for revision in seen.revisions if revision.name not in gone]
                await self._cleaner.delete_revisions(obj.manifest, old, others)
            case _:
                assert_never(action)

    async def _write(self, ctx: FlowContext, seen: Observed, state: FlowState) -> None:
        """Write the status of this state unless it stands there already; then tell it as an Event."""
        status = flow_status_of(ctx.plan, seen, state, ctx.status, ctx.object.now)
        if status.to_json() == ctx.object.manifest.get("status"):
            return
        await ctx.object.write_status(status.to_json())
        if (reason_in(ctx.status.conditions), ctx.status.message) != (reason_in(status.conditions), status.message):
            warning = any(c.type == ConditionType.STALLED and c.status == "True" for c in status.conditions)
            await ctx.object.record_event(reason_in(status.conditions), status.message, warning=warning)


def _refused(error: KubeError) -> Refusal:
    if error.too_large:
        return Refusal(
            FlowReason.API_SERVER_REFUSED,
            "The deployment is too large: the API server does not take what is to be kept of it "
            f"({str(error).rstrip('.')}). Shorten spec.env, spec.args or spec.command; long texts can be part of the "
            "flow's code, or of a ConfigMap that spec.env takes them from.",
        )
    return Refusal(
        FlowReason.API_SERVER_REFUSED,
        f"The API server refused what the deployment needs: {str(error).rstrip('.')}. Correct the spec, or ask an "
        f"administrator about the quota or right that is named; it is tried again every {_RETRY_SECONDS:.0f} seconds.",
    )
