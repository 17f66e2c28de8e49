"""One pass over one FlowDeployment: observe, decide, act, write status. Decisions are made in dagy.core."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from dagy.adapters.flows.cluster import FlowCluster
from dagy.adapters.kube.api import KubeError
from dagy.controller.flows.finalize import FlowCleaner
from dagy.controller.flows.index import SlugIndex
from dagy.controller.flows.observe import FlowObserver
from dagy.core.attach.refusals import Refusal
from dagy.core.common.timestamp import timestamp
from dagy.core.flows import states as flow_states
from dagy.core.flows.plan import FlowPlan, FlowSettings, flow_plan_of, flow_status_in, wanted_of
from dagy.core.flows.reasons import FlowReason
from dagy.core.flows.revisions import revision_object
from dagy.core.flows.states import FlowAction, FlowState, Seen, flow_actions, flow_state_of
from dagy.core.flows.status import flow_status_of
from dagy.model import constants as names
from dagy.model.base import NamespacedName
from dagy.model.flowstatus import FlowDeploymentStatus
from dagy.model.status import ConditionType
from dagy_builder.storage.store import StorageError

_MOST_ROUNDS = 4  # a new revision, its CronJob and the tidying take three
_RETRY_SECONDS = 30.0


@dataclass
class FlowPass:
    """What one pass knows. `deployment` is replaced by each write, so that the next write builds on it."""

    deployment: dict[str, Any]
    plan: FlowPlan
    status: FlowDeploymentStatus
    now: datetime


class FlowReconciler:
    """Brings deployments to where their specs want them."""

    def __init__(
        self,
        cluster: FlowCluster,
        observer: FlowObserver,
        cleaner: FlowCleaner,
        settings: FlowSettings,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._cluster, self._observer, self._cleaner, self._settings = cluster, observer, cleaner, settings
        self._clock = clock
        self.index = SlugIndex()
        """Which deployments a package's change concerns."""
        self.written: dict[NamespacedName, str] = {}
        """resourceVersion of our own last write, by which its echo is known."""

    async def reconcile(self, key: NamespacedName) -> float | None:
        """Look at the deployment once; the seconds after which it must be looked at again, or None.

        Raises KubeError and StorageError: the queue then tries again. A conflict is no error: somebody wrote in
        between, so the facts are out of date.
        """
        deployment = await self._cluster.deployment(key)
        if deployment is None or "deletionTimestamp" in deployment["metadata"]:
            self.index.set(key, ())
            self.written.pop(key, None)
            return await self._cleaner.finalize(deployment, self._clock()) if deployment else None
        try:
            return await self._look(deployment)
        except KubeError as error:
            if error.status == 409:
                return 0.2
            if error.too_large:  # not even status: what it was to say is said as an Event, until the spec changes
                refusal, now = _refused(error), self._clock()
                await self._cluster.record_event(
                    deployment, warning=True, reason=refusal.reason, message=refusal.message, now=now
                )
                return None
            raise

    async def _look(self, deployment: dict[str, Any]) -> float | None:
        this = FlowPass(deployment, flow_plan_of(deployment), flow_status_in(deployment), self._clock())
        if names.FINALIZER not in (deployment["metadata"].get("finalizers") or []):
            this.deployment = await self._cluster.write_finalizer(deployment)
            self.written[this.plan.key] = this.deployment["metadata"]["resourceVersion"]
        self.index.set(this.plan.key, {w.slug for w in wanted_of(this.plan.source)})
        done: tuple[FlowAction, ...] = ()
        for _ in range(_MOST_ROUNDS):
            seen = await self._observer.observe(this.plan, this.status)
            state = flow_state_of(this.plan, seen)
            actions = flow_actions(this.plan, seen, state, this.deployment, self._settings)
            if not actions or actions == done:
                break
            refused = await self._act(this, seen, actions)
            if refused:
                state = flow_states.Refused(refused)
                break
            done = actions
        if isinstance(state, flow_states.ToDeploy):  # it was kept, and is not there
            state = flow_states.Refused(flow_states.revision_taken(this.plan, seen))
        await self._write(this, seen, state)
        if isinstance(state, flow_states.Refused):
            again = state.refusal.waiting or state.refusal.reason == FlowReason.API_SERVER_REFUSED
            return _RETRY_SECONDS if again else None
        return None

    async def _act(self, this: FlowPass, seen: Seen, actions: tuple[FlowAction, ...]) -> Refusal | None:
        for action in actions:
            try:
                await self._perform(this, seen, action)
            except StorageError as error:
                return Refusal(FlowReason.STORAGE_UNAVAILABLE, f"{error.message} It is asked again.", waiting=True)
            except KubeError as error:
                if error.status in (400, 403, 422) or error.too_large:
                    return _refused(error)
                raise
        return None

    async def _perform(self, this: FlowPass, seen: Seen, action: FlowAction) -> None:
        key = this.plan.key
        match action:
            case flow_states.CreateRevision():
                kept = flow_states.new_revision(this.plan, action, timestamp(this.now, micro=False), self._settings)
                await self._cluster.create_revision(revision_object(this.deployment, kept.revision, kept.refresh_token))
            case flow_states.ApplyCronJob(manifest):
                await self._cluster.apply_cron_job(manifest)
            case flow_states.EndSchedule(uid):
                await self._cluster.end_schedule(this.deployment, uid)
            case flow_states.StartRun(manifest):
                if await self._cluster.start_run(manifest):
                    await self._tell(this, FlowReason.RUN_STARTED, f"Run {manifest['metadata']['name']} was started.")
            case flow_states.DeleteRuns(jobs):
                for job in jobs:
                    await self._cluster.delete_run(key.namespace, job)
            case flow_states.ForgetRevisions(old):
                gone = {revision.name for revision in old}
                await self._cleaner.forget(this.deployment, old, [r for r in seen.revisions if r.name not in gone])
            case _:
                assert_never(action)

    async def _tell(self, this: FlowPass, reason: str, message: str, *, warning: bool = False) -> None:
        await self._cluster.record_event(this.deployment, warning=warning, reason=reason, message=message, now=this.now)

    async def _write(self, this: FlowPass, seen: Seen, state: FlowState) -> None:
        """Write the status of this state unless it stands there already; then tell it as an Event."""
        status = flow_status_of(this.plan, seen, state, this.status, this.now)
        if status.to_json() == this.deployment.get("status"):
            return
        this.deployment = await self._cluster.write_status(this.deployment, status.to_json())
        self.written[this.plan.key] = this.deployment["metadata"]["resourceVersion"]
        if (_ready(this.status), this.status.message) != (_ready(status), status.message):
            warning = any(c.type == ConditionType.STALLED and c.status == "True" for c in status.conditions)
            await self._tell(this, _ready(status), status.message, warning=warning)


def _ready(status: FlowDeploymentStatus) -> str:
    return next((c.reason for c in status.conditions if c.type == ConditionType.READY), "")


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
