"""A small pure world for the core's tests: Jobs that end as told, a bucket that keeps all objects put into it.

It obeys `decide` and nothing else, so that it ends where the core leads.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from dagy.core.common.conditions import reason_in
from dagy.core.common.failure import Failure
from dagy.core.outcomes.facts import STEPS, JobFact
from dagy.core.package import decide, states
from dagy.core.package.observed import Observed, Resolution
from dagy.core.package.plan import BuildPlan, answers, plan_of
from dagy.core.package.records import Missing, Record
from dagy.core.package.reuse import Source
from dagy.core.package.states import State, state_of
from dagy.core.package.status import StatusContext, status_of
from dagy.core.package.status_cache import Look, handled_tokens, record_in, rejection_in, resolution_in
from dagy.model.status import DepPackageStatus, JobKind
from tests.fakes.built import artifact, identity
from tests.fakes.facts import SLUG, START, job


@dataclass
class World:
    """Cluster and bucket of one package. `fate` is the end of the next step: empty for well, else a failure's text."""

    package: dict[str, Any]
    now: datetime = START
    jobs: dict[str, JobFact] = field(default_factory=dict)
    resolutions: dict[str, Resolution] = field(default_factory=dict)
    records: dict[tuple[str, str, str, str | None], Record] = field(default_factory=dict)
    status: DepPackageStatus = field(default_factory=DepPackageStatus)
    started: list[str] = field(default_factory=list)
    phases: list[str] = field(default_factory=list)
    writes: int = 0
    events: list[tuple[str, str]] = field(default_factory=list)
    """Phase and reason of each Event that the controller would record."""
    slots: bool = True
    refusal: Failure | None = None
    """The API server's refusal of every Job, when it refuses."""
    secret_missing: Failure | None = None
    """The failure of the package's index settings, when they can't be used."""
    storage: Failure | None = None
    """The failure of S3, when it can't be asked."""
    inputs: set[str] = field(default_factory=set)
    """Jobs whose ConfigMap is there."""
    others: list[Source] = field(default_factory=list)
    """Packages that say they have an artifact of whatever lock comes out; the first `gone` of them are wrong."""
    gone: int = 0
    deleted: set[str] = field(default_factory=set)
    """URIs of ZIPs that somebody has deleted."""

    @property
    def plan(self) -> BuildPlan:
        return plan_of(self.package)

    def observed(self) -> Observed:
        """The facts with which a look begins."""
        return self._observed(*self._remembered())

    def _remembered(self) -> tuple[Resolution | None, Record | None]:
        """The lock and its build as a look begins with them: S3 is asked only where status can't tell."""
        plan = self.plan
        lock = resolution_in(self.status, plan, self.jobs.values())
        found = self.resolutions.get(plan.spec_hash) if isinstance(lock, Look) else lock
        if found is None:
            return None, None
        record = record_in(self.status, plan, found)
        return found, self._stored(found) if isinstance(record, Look) else record

    def _stored(self, found: Resolution) -> Record | None:
        record = self.records.get(identity(self.plan, found))
        if record is None and self.plan.takes(None):
            record = self.records.get((*identity(self.plan, found)[:3], None))
        return record

    def _observed(self, found: Resolution | None, record: Record | None) -> Observed:
        plan = self.plan
        if self.storage:
            found = record = None
        missing = Missing(record) if record and record.artifact.uri in self.deleted else None
        record = None if missing else record
        return Observed(
            slug=SLUG,
            jobs=tuple(self.jobs.values()),
            resolution=found,
            record=record,
            missing=missing,
            lost=self.status.lost,
            sources=tuple(self.others) if found and not record else (),
            rejected=rejection_in(self.status, plan),
            rejected_log=(self.status.validation.log_uri if self.status.validation else None) or "",
            handled=handled_tokens(self.status),
            index_refused=None if record else self.secret_missing,
            blocked=self.storage,
        )

    def look(self) -> State:
        """One pass, as the controller makes it: act as far as it goes, then write once."""
        self._resolution, self._record = self._remembered()
        self._logs: dict[JobKind, str] = {}
        self._seen_jobs: dict[str, JobFact] = {}
        for _ in range(12):
            seen = self._observed(self._resolution, self._record)
            self._seen_jobs.update(self.jobs)
            state = state_of(self.plan, seen, self.now)
            actions = decide.decide(self.plan, seen, state)
            if self.refusal and any(isinstance(action, decide.StartJob) for action in actions):
                state = states.Blocked(self.refusal)
                break
            changed = [self._perform(seen, action) for action in actions]
            if not any(changed):
                break
        else:
            raise AssertionError("a pass must come to an end")
        self._write(seen, state)
        return state

    def _write(self, seen: Observed, state: State) -> None:
        self._seen_jobs.update(self.jobs)
        validated, built = self._logs.get(JobKind.VALIDATE), self._logs.get(JobKind.BUILD)
        context = StatusContext(self.now, self.status, validation_log=validated, build_log=built)
        status = status_of(self.plan, replace(seen, jobs=tuple(self._seen_jobs.values())), state, context)
        if status.to_json() != self.status.to_json():
            self.writes += 1
            if status.phase != self.status.phase:
                self.phases.append(str(status.phase))
            if _headline(status) != _headline(self.status):
                self.events.append(_headline(status))
        self.status = status

    def _perform(self, seen: Observed, action: decide.Action) -> bool:
        match action:
            case decide.StartJob():
                return self._start(seen, action)
            case decide.ProvideInput(waiting):
                self.inputs.add(waiting.name)
                return False
            case decide.KeepLog(kept, why):
                uri = self._logs[kept.kind] = f"s3://bucket/logs/{kept.name}.log"
                self.jobs[kept.name] = replace(kept, log_uri=uri, failure=why or kept.failure)
                return False
            case decide.CopyArtifact(resolution, sources):
                left = sources[self.gone :]
                if left:
                    self._built(resolution, left[0])
                else:
                    self.others = []
                return True
            case decide.StoreLock():
                token = self.plan.requested.refresh
                lock_hash = (self.plan.spec_hash[:8] + token.encode().hex())[:32].ljust(32, "0")
                self._resolution = self.resolutions[self.plan.spec_hash] = Resolution(
                    self.plan.spec_hash, lock_hash, token
                )
                self._record = self._stored(self._resolution)
                return True
            case decide.ReadRecord(_, resolution):
                self._built(resolution)
                return True
            case decide.ReadImage():
                raise AssertionError("there is no registry in these worlds")
            case decide.CancelJob(running):
                if running.suspended:
                    self.jobs.pop(running.name)
                else:
                    self.jobs[running.name] = replace(running, cancelled=True, pod=None)
                return True
            case decide.DeleteJobs(useless) | decide.ForgetAttempts(useless):
                for gone in useless:
                    self.jobs.pop(gone.name, None)
                return False

    def _start(self, seen: Observed, start: decide.StartJob) -> bool:
        lock, asked = self.resolutions.get(self.plan.spec_hash), self.plan.requested.refresh
        if start.kind is JobKind.VALIDATE and lock and answers(lock.refresh_token, asked, seen.handled.refresh):
            self._resolution, self._record = lock, self._stored(lock)
        elif start.resolution and (record := self._untold(start.resolution, seen)):
            self._record = record
        elif not self.slots:
            return False
        else:
            new = job(start.kind, start.input_hash, attempt=start.attempt, started=False, moment=self.now)
            after = "" if start.cancelled else self.plan.requested.cancel
            new = replace(new, cancelled=start.cancelled, pod=None if start.cancelled else new.pod, after_cancel=after)
            self.jobs[new.name] = new
            self.started.append(new.name)
            self.inputs.add(new.name)
        return True

    def _built(self, resolution: Resolution, source: Source | None = None) -> None:
        named = identity(self.plan, resolution)
        lock_hash, python, compression, bytecode = named
        built = artifact(lock_hash, python, len(self.records), compression, bytecode)
        self.deleted.discard(built.uri)
        self.records[named] = self._record = Record(built, self.plan.requested.build, source)

    def _untold(self, resolution: Resolution, seen: Observed) -> Record | None:
        record, requested, given = self._stored(resolution), self.plan.requested.build, seen.handled.build
        told = record and record.artifact.uri not in self.deleted and answers(record.build_token, requested, given)
        return record if told else None

    def advance(self, failure: str | None = None) -> None:
        """Let the live Job take its next step, well or with that termination message."""
        for name, running in self.jobs.items():
            if not running.live or running.pod is None or not (running.pod.containers or name in self.inputs):
                continue  # its volume may wait for the ConfigMap
            done = sum(1 for c in running.pod.containers if c.exit_code == 0)
            if failure is not None and any(c.exit_code for c in running.pod.containers):
                continue
            if done < len(STEPS[running.kind]):
                step = done if failure is not None else done + 1
                new = job(
                    running.kind, running.input_hash, attempt=running.attempt, done=step, failure=failure, moment=self.now
                )  # fmt: skip
                self.jobs[name] = dataclasses.replace(new, created_at=running.created_at)
                return

    def run(self, *failures: str | None) -> State:
        """Pass after pass, with steps that end as told and then well, until the package is settled."""
        fates = list(failures)
        for _ in range(60):
            state = self.look()
            if any(c.type == "Settled" and c.status == "True" for c in self.status.conditions):
                return state
            self.now += timedelta(seconds=400)
            if any(running.live for running in self.jobs.values()):
                self.advance(fates.pop(0) if fates else None)
        raise AssertionError(f"not settled: {json.dumps(self.status.to_json(), indent=1)}")


def _headline(status: DepPackageStatus) -> tuple[str, str]:
    reason = reason_in(status.conditions)
    return str(status.phase), reason


def settled(world: World) -> bool:
    """Return True when status says that nothing more will happen."""
    return any(c.type == "Settled" and c.status == "True" for c in world.status.conditions)
