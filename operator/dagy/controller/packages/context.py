"""Knowledge of one pass over one package."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime

from dagy.controller.engine.reconciler import ManagedObject
from dagy.core.common.failure import Failure
from dagy.core.common.keys import PackageHome
from dagy.core.outcomes.facts import JobFact
from dagy.core.package.observed import Observed
from dagy.core.package.plan import BuildPlan
from dagy.core.package.queue import QueueEntry, entry_of
from dagy.core.package.states import State
from dagy.core.package.status import StatusContext, status_of
from dagy.model.status import DepPackageStatus, JobKind


@dataclass
class ReconcileContext:
    """The knowledge of one pass over a package, and the one place for the findings of its actions."""

    object: ManagedObject
    plan: BuildPlan
    status: DepPackageStatus
    seen: Observed = field(default_factory=lambda: Observed(""))
    """The facts, with the effects of the actions so far."""
    jobs: dict[str, JobFact] = field(default_factory=dict)
    """All Jobs that the pass has seen, deleted ones included: status tells of them."""
    queue_position: int | None = None
    logs: dict[JobKind, str] = field(default_factory=dict)
    """URIs of the logs that the pass has kept."""
    rejections: dict[str, Failure] = field(default_factory=dict)
    """Failed validations in full, by the name of the Job whose log tells."""

    @property
    def now(self) -> datetime:
        """Start of the pass."""
        return self.object.now

    @property
    def home(self) -> PackageHome:
        """Place of the package's objects. There is one: nothing is done for a package without a slug."""
        assert self.seen.home
        return self.seen.home

    @property
    def queue_entry(self) -> QueueEntry:
        """The package's entry in the queue: it arrived when status says that it began to wait, else now."""
        same = self.status.spec_hash == self.plan.spec_hash
        return entry_of(self.plan.key, self.status.build if same else None, self.now)

    def learn(self, seen: Observed) -> None:
        """Go on with these facts."""
        self.seen = seen
        self.jobs.update((job.name, job) for job in seen.jobs)

    def learn_job(self, job: JobFact) -> None:
        """Go on with this fact in place of the earlier one about the Job of that name."""
        self.learn(replace(self.seen, jobs=tuple(job if j.name == job.name else j for j in self.seen.jobs)))

    def drop_jobs(self, gone: Collection[str]) -> None:
        """Go on without the Jobs of these names."""
        self.learn(replace(self.seen, jobs=tuple(j for j in self.seen.jobs if j.name not in gone)))

    def status_of(self, state: State, pinned: frozenset[str] = frozenset()) -> DepPackageStatus:
        """Return the status of this state."""
        seen = replace(self.seen, jobs=tuple(self.jobs.values()))
        logs = {"validation_log": self.logs.get(JobKind.VALIDATE), "build_log": self.logs.get(JobKind.BUILD)}
        context = StatusContext(self.now, self.status, queue_position=self.queue_position, **logs, pinned=pinned)
        return status_of(self.plan, seen, state, context)
