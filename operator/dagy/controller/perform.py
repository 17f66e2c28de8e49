"""Acting: one method for each action of dagy.core.decide. Each can be repeated without harm."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from dataclasses import dataclass, replace
from typing import assert_never

from dagy.adapters.artifact_store import ArtifactStore, Lock
from dagy.adapters.cluster import Cluster
from dagy.controller.slots import Slots
from dagy.core import decide
from dagy.core.diagnose import failure_of
from dagy.core.facts import STEPS, JobFact, JobKind
from dagy.core.failure import Failure
from dagy.core.index_access import references_of
from dagy.core.jobs import JobInput, JobSettings, index_secret, input_config_map, input_files, job_manifest
from dagy.core.plan import BuildPlan
from dagy.core.states import Observed, Resolution
from dagy.core.turns import Waiting
from dagy.model import names
from dagy_builder.contract import RESULT_PREFIX, Fault, Reason, Step, StepOutcome
from dagy_builder.storage import StorageError

_LOCK_LIMIT_BYTES = 900_000  # a ConfigMap holds 1 MiB in all


class LockRefusedError(Exception):
    """The validation's result cannot be used; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True)
class Effect:
    """What an action found out."""

    seen: Observed
    changed: bool = True
    """Whether the world is different now, so that it is worth looking again at once."""
    queue_position: int | None = None
    log_uri: str | None = None
    rejection: Failure | None = None
    """A failed validation in full, as its log tells."""


class Performer:
    """Performs actions in the cluster and in S3."""

    def __init__(self, cluster: Cluster, store: ArtifactStore, slots: Slots, settings: JobSettings) -> None:
        self._cluster, self._store, self._slots, self._settings = cluster, store, slots, settings
        self._provided: set[str] = set()

    async def perform(self, plan: BuildPlan, seen: Observed, action: decide.Action, arrived: str) -> Effect:
        """Do it. Raises KubeError and StorageError; the pass is then repeated later."""
        match action:
            case decide.StartJob():
                return await self._start(plan, seen, action, arrived)
            case decide.ProvideInput(job, resolution):
                which = JobInput(job.kind, seen.slug, job.input_hash, job.attempt)
                needed = resolution if job.kind is JobKind.BUILD else None
                await self._provide(plan, seen, which, job.uid, needed)
                return Effect(seen, changed=False)
            case decide.KeepLog(job):
                return await self._keep_log(plan, seen, job)
            case decide.StoreLock(job):
                return await self._store_lock(plan, seen, job)
            case decide.ReadRecord(job, resolution):
                return await self._read_record(plan, seen, job, resolution)
            case decide.CancelJob(job):
                effect = await self._keep_log(plan, seen, job)
                await self._cluster.mark_job(job.name, {names.REQUEST_CANCEL: plan.requested.cancel}, suspend=True)
                return replace(effect, seen=await self._look_again(plan, seen), changed=True)
            case decide.DeleteJobs(jobs):
                for job in jobs:
                    self._provided.discard(job.uid)
                    await self._cluster.delete_job(job.name)
                gone = {job.name for job in jobs}
                return Effect(replace(seen, jobs=tuple(j for j in seen.jobs if j.name not in gone)), changed=False)
            case _:
                assert_never(action)

    async def check_index(self, plan: BuildPlan, seen: Observed) -> Observed:
        """The same, knowing whether the package's index settings can be used."""
        if not references_of(plan):
            return seen
        access = await self._cluster.index_access(plan, self._settings.index.url)
        return replace(seen, index_refused=access if isinstance(access, Failure) else None)

    async def _start(self, plan: BuildPlan, seen: Observed, action: decide.StartJob, arrived: str) -> Effect:
        which = JobInput(action.kind, seen.slug, action.input_hash, action.attempt, action.cancelled)
        if action.resolution and await self._lock(plan, seen, action.resolution) is None:
            # The lock is not in S3 (any more): resolve again, whatever status says.
            return Effect(replace(seen, resolution=None, record=None))

        checked = await self.check_index(plan, seen)
        if checked.index_refused:
            return Effect(checked)

        async def create() -> None:
            job = await self._cluster.create_job(job_manifest(plan, which, self._settings))
            await self._provide(plan, seen, which, job["metadata"]["uid"], action.resolution)

        if action.cancelled:
            await create()
            return Effect(await self._look_again(plan, seen))
        mine = Waiting(arrived, plan.key.namespace, plan.key.name)
        position = await self._slots.start(action.kind, mine, create)
        if position:
            return Effect(seen, changed=False, queue_position=position)
        return Effect(await self._look_again(plan, seen))

    async def _provide(
        self, plan: BuildPlan, seen: Observed, which: JobInput, job_uid: str, resolution: Resolution | None
    ) -> None:
        """Create the Job's ConfigMap and Secret, unless this process knows that they exist.

        The index settings are read here and not before, so that a Job gets what they say when it starts.
        """
        if job_uid in self._provided:
            return
        access = await self._cluster.index_access(plan, self._settings.index.url)
        if isinstance(access, Failure):
            return  # refused in the meantime; the next look tells
        request, lock = replace(plan.request(), slug=seen.slug, bucket=self._store.bucket), None
        if not request.index_url and self._settings.index.url:
            request = replace(request, index_url=self._settings.index.url)
        if resolution:
            lock = await self._lock(plan, seen, resolution)
            request = replace(
                request,
                lock_hash=resolution.lock_hash,
                key_prefix=self._store.package_prefix(plan, seen.slug),
                build_token=plan.requested.build or seen.handled.build,
                attempt=which.attempt,
            )
        files = input_files(request, lock.text if lock else None, access.certificates)
        if access.credentials:
            await self._cluster.create_secret(index_secret(plan, which, job_uid, self._settings, access))
        await self._cluster.create_config_map(input_config_map(plan, which, job_uid, self._settings, files))
        self._provided.add(job_uid)

    async def _lock(self, plan: BuildPlan, seen: Observed, resolution: Resolution) -> Lock | None:
        lock = await self._store.lock(plan, seen.slug)
        return lock if lock and lock.resolution.lock_hash == resolution.lock_hash else None

    async def _read_record(self, plan: BuildPlan, seen: Observed, job: JobFact, resolution: Resolution) -> Effect:
        record = await self._store.record(plan, seen.slug, resolution.lock_hash)
        token = plan.requested.build or seen.handled.build
        if record is None or (token and record.build_token != token):
            raise StorageError(
                Reason.UPLOAD_FAILED,
                f"Job {job.name} reported a finished upload, but bucket {self._store.bucket} has no record of it. "
                "Either something deletes objects there, or the bucket that the Jobs write to is another one than the "
                "operator's (DAGY_S3_BUCKET and AWS_ENDPOINT_URL in the Secret and in the operator's environment).",
                Fault.INFRASTRUCTURE,
            )
        return Effect(replace(seen, record=record))

    async def _look_again(self, plan: BuildPlan, seen: Observed) -> Observed:
        return replace(seen, jobs=await self._cluster.jobs({names.LABEL_PACKAGE_UID: plan.uid}))

    async def _keep_log(self, plan: BuildPlan, seen: Observed, job: JobFact) -> Effect:
        if references_of(plan).secrets:  # the Job stays, to count the attempt; what it held must not
            await self._cluster.delete_secret(job.name)
        if job.pod is None:
            return Effect(seen, changed=False)
        parts = [(step, await self._cluster.log(job.pod.name, step)) for step in STEPS[job.kind]]
        text = "".join(f"=== {step} ===\n{_without_result(log)}\n" for step, log in parts)
        uri = await self._store.keep_log(plan, seen.slug, job.name, text)
        await self._cluster.mark_job(job.name, {names.ANNOTATION_LOG_KEPT: uri})
        rejection = _rejection(parts[0][1]) if parts[0][0] is Step.RESOLVE else None
        jobs = tuple(replace(j, log_uri=uri) if j.name == job.name else j for j in seen.jobs)
        return Effect(replace(seen, jobs=jobs), changed=False, log_uri=uri, rejection=rejection)

    async def _store_lock(self, plan: BuildPlan, seen: Observed, job: JobFact) -> Effect:
        assert job.pod
        outcome = result_in(await self._cluster.log(job.pod.name, Step.RESOLVE, tail_lines=1))
        text = lock_in(outcome)
        lock_hash = hashlib.sha256(text.encode()).hexdigest()
        token = plan.requested.refresh or seen.handled.refresh
        resolution = Resolution(plan.spec_hash, lock_hash, token)
        await self._store.keep_lock(plan, seen.slug, Lock(resolution, text))
        record = await self._store.record(plan, seen.slug, lock_hash)
        return Effect(replace(seen, resolution=resolution, record=record))


def result_in(log: str) -> StepOutcome | None:
    """The outcome that `resolve` prints last. None when there is none: hostile code may print what it likes."""
    lines = log.strip().splitlines()
    if not lines or not lines[-1].startswith(RESULT_PREFIX):
        return None
    try:
        return StepOutcome.from_json(json.loads(lines[-1].removeprefix(RESULT_PREFIX)))
    except (ValueError, TypeError, AttributeError):
        return None


def lock_in(outcome: StepOutcome | None) -> str:
    """The lock's text. Raises LockRefusedError when it is missing or too large."""
    try:
        packed = base64.b64decode((outcome.result or {})["lock"] if outcome else "")
        text = zlib.decompressobj(wbits=47).decompress(packed, _LOCK_LIMIT_BYTES + 1).decode()
    except (KeyError, ValueError, TypeError, zlib.error):
        text = ""
    if not text:
        raise LockRefusedError(
            Failure(
                Reason.INTERNAL_ERROR,
                "The validation's log ends without a lock. It is validated again.",
                Fault.INFRASTRUCTURE,
            )
        )
    if len(text) > _LOCK_LIMIT_BYTES:
        raise LockRefusedError(
            Failure(
                Reason.TOO_LARGE,
                "The lock of these requirements is larger than 900 kB. Split the package into several ones.",
                Fault.USER,
            )
        )
    return text


def _rejection(log: str) -> Failure | None:
    outcome = result_in(log)
    return failure_of(outcome) if outcome and not outcome.ok else None


def _without_result(log: str) -> str:
    return "\n".join(line for line in log.splitlines() if not line.startswith(RESULT_PREFIX))
