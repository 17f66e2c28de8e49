"""Acting: one method for each action of dagy.core.package.decide. Each can be repeated without harm."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from dagy.adapters.kube.api import KubeError
from dagy.adapters.packages.artifact_store import ArtifactStore, Lock
from dagy.adapters.packages.cluster import Cluster
from dagy.controller.packages.observe import with_sources
from dagy.controller.packages.slots import Slots
from dagy.core.common.failure import Failure
from dagy.core.common.keys import PackageHome
from dagy.core.common.resources import not_allowed
from dagy.core.jobs.index_access import references_of
from dagy.core.jobs.index_hosts import refused_host
from dagy.core.jobs.manifests import JobInput, JobSettings, index_secret, input_config_map, input_files, job_manifest
from dagy.core.outcomes.facts import STEPS, JobFact, JobKind, PodFact
from dagy.core.outcomes.logs import StepLog
from dagy.core.outcomes.results import lock_in, log_text, rejection_in
from dagy.core.outcomes.step_outcomes import Complete, Incomplete
from dagy.core.outcomes.waiting_pods import lacks_pod, with_end
from dagy.core.package import decide
from dagy.core.package.observed import IndexAccess, Missing, Observed, Record, Resolution
from dagy.core.package.plan import BuildPlan
from dagy.core.package.queue import QueueEntry
from dagy.core.package.reuse import Source
from dagy.model import constants as names
from dagy.model.base import NamespacedName
from dagy_builder.contract import Fault, Reason, Step
from dagy_builder.storage.store import StorageError


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


@dataclass(frozen=True)
class _Given:
    """What a Job gets beside its manifest."""

    files: Mapping[str, str | bytes]
    access: IndexAccess


class Performer:
    """Performs actions in the cluster and in S3."""

    def __init__(self, cluster: Cluster, store: ArtifactStore, slots: Slots, settings: JobSettings) -> None:
        self._cluster, self._store, self._slots, self._settings = cluster, store, slots, settings

    async def perform(self, plan: BuildPlan, seen: Observed, action: decide.Action, arrived: str) -> Effect:
        """Do it. Raises KubeError and StorageError; the pass is then repeated later."""
        match action:
            case decide.StartJob():
                return await self._start(plan, seen, action, arrived)
            case decide.ProvideInput(job, resolution):
                which = JobInput(job.kind, seen.slug, job.input_hash, job.attempt)
                needed = resolution if job.kind is JobKind.BUILD else None
                # Looked at, not remembered: somebody may have deleted it. Secrets can't be read, but created again.
                has_input = await self._cluster.has_input(job.name)
                if references_of(plan).secrets or not has_input:
                    seen = await self._with_access(plan, seen)
                    given = await self._gather(plan, seen, which, needed)
                    if isinstance(given, Failure) and not has_input:
                        return await self._give_up(seen, job, given)
                    if isinstance(given, _Given):  # else the next look resolves again
                        await self._provide(plan, which, job.uid, given)
                return Effect(seen, changed=False)
            case decide.KeepLog(job, failure):
                return await self._keep_log(plan, seen, job, failure)
            case decide.StoreLock(job):
                return await self._store_lock(plan, seen, job)
            case decide.ReadRecord(job, resolution):
                return await self._read_record(plan, seen, job, resolution)
            case decide.CopyArtifact(resolution, sources):
                return await self._copy(plan, seen, resolution, sources)
            case decide.CancelJob(job):
                effect = await self._keep_log(plan, seen, job, None)
                await self._cluster.mark_job(job.name, {names.REQUEST_CANCEL: plan.requested.cancel}, suspend=True)
                return replace(effect, seen=await self._look_again(plan, seen), changed=True)
            case decide.DeleteJobs(jobs):
                return await self._delete(seen, jobs)
            case decide.ForgetAttempts(jobs):
                for job in jobs:
                    await self._store.delete_log(_home(seen), job.name)
                return await self._delete(seen, jobs)
            case _:
                assert_never(action)

    async def _give_up(self, seen: Observed, job: JobFact, refused: Failure) -> Effect:
        """Delete a Job that can't get its input: its pod would wait for volumes, and the failure isn't its list's."""
        await self._cluster.delete_job(job.name)
        return Effect(replace(seen, index_refused=refused, jobs=tuple(j for j in seen.jobs if j.name != job.name)))

    async def _delete(self, seen: Observed, jobs: tuple[JobFact, ...]) -> Effect:
        for job in jobs:
            await self._cluster.delete_job(job.name)
        gone = {job.name for job in jobs}
        return Effect(replace(seen, jobs=tuple(j for j in seen.jobs if j.name not in gone)), changed=False)

    async def check_index(self, plan: BuildPlan, seen: Observed) -> Observed:
        """The same, knowing whether the package's index settings can be used, and whether it may have what it asks."""
        resources = not_allowed(plan.options.resources, self._settings.maxima)
        if refused := resources or refused_host(plan, self._settings.index.hosts):
            return replace(seen, not_allowed=refused)
        return await self._with_access(plan, seen) if references_of(plan) else seen

    async def _with_access(self, plan: BuildPlan, seen: Observed) -> Observed:
        """The same, knowing what the index settings give or why they can't be used: read once for each look."""
        if seen.index_access:
            return seen
        access = await self._cluster.index_access(plan, self._settings.index.url)
        if isinstance(access, Failure):
            return replace(seen, index_refused=access)
        return replace(seen, index_refused=None, index_access=access)

    async def end_waiting(self, plan: BuildPlan, seen: Observed, now: datetime) -> Observed:
        """The same, knowing why Jobs have no pod, and which of them have waited for theirs long enough."""
        jobs = [
            replace(job, not_created=await self._cluster.why_no_pod(job)) if lacks_pod(job, now) else job
            for job in seen.jobs
        ]
        return replace(seen, jobs=tuple(with_end(job, plan.options, self._settings.start_seconds, now) for job in jobs))

    async def _end(self, seen: Observed, job: JobFact, failure: Failure) -> Effect:
        """Stop a Job whose pod has not started: it has no log, and its slot is another's."""
        await self._cluster.mark_job(job.name, {names.ANNOTATION_FAILURE: failure.to_annotation()}, suspend=True)
        self._slots.wake()
        ended = replace(job, failure=failure, overdue=None)
        return Effect(replace(seen, jobs=tuple(ended if j.name == job.name else j for j in seen.jobs)), changed=False)

    async def _start(self, plan: BuildPlan, seen: Observed, action: decide.StartJob, arrived: str) -> Effect:
        which = JobInput(action.kind, seen.slug, action.input_hash, action.attempt, action.cancelled)
        manifest = job_manifest(plan, which, self._settings)
        if action.cancelled:  # it never runs, and so needs nothing
            await self._cluster.create_job(manifest)
            return Effect(await self._look_again(plan, seen))
        mine = QueueEntry(arrived, plan.key.namespace, plan.key.name)
        refused = not_allowed(plan.options.resources, self._settings.maxima)
        if refused:
            return Effect(replace(seen, not_allowed=refused))
        position = self._slots.stand_in_line(action.kind, mine)
        if position:
            return Effect(seen, changed=False, queue_position=position)
        seen = await self._with_access(plan, seen)
        given = await self._gather(plan, seen, which, action.resolution)
        if given is None:
            # The lock is not in S3 (any more): resolve again, whatever status says.
            return Effect(replace(seen, resolution=None, record=None, missing=None))
        if isinstance(given, Failure):
            return Effect(replace(seen, index_refused=given))
        created: list[str] = []

        async def create() -> None:
            job = await self._cluster.create_job(manifest)
            created.append(job["metadata"]["uid"])

        position = await self._slots.start(action.kind, mine, create)
        if position:
            return Effect(seen, changed=False, queue_position=position)
        await self._provide(plan, which, created[0], given)
        return Effect(await self._look_again(plan, seen))

    async def _gather(
        self, plan: BuildPlan, seen: Observed, which: JobInput, resolution: Resolution | None
    ) -> _Given | Failure | None:
        """What the Job is to get; a Failure when its index settings can't be used, None when its lock is gone.

        Everything is read before the Job exists, in the same look, so that it gets what is said when it starts.
        """
        refused, access = refused_host(plan, self._settings.index.hosts) or seen.index_refused, seen.index_access
        if refused or access is None:
            return refused
        request, lock = replace(plan.request(), slug=seen.slug, bucket=self._store.location.bucket), None
        if not request.index_url and self._settings.index.url:
            request = replace(request, index_url=self._settings.index.url)
        if resolution:
            lock = await self._lock(plan, seen, resolution)
            if lock is None:
                return None
            request = replace(
                request,
                lock_hash=resolution.lock_hash,
                key_prefix=_home(seen).folder.text,
                build_token=plan.requested.build or seen.handled.build,
                attempt=which.attempt,
            )
        return _Given(input_files(request, lock.text if lock else None, access.certificates), access)

    async def _provide(self, plan: BuildPlan, which: JobInput, job_uid: str, given: _Given) -> None:
        """Create the Job's Secret and then its ConfigMap, which stands for both, where they do not exist."""
        if given.access.credentials:
            await self._cluster.create_secret(index_secret(plan, which, job_uid, self._settings, given.access))
        await self._cluster.create_config_map(input_config_map(plan, which, job_uid, self._settings, given.files))

    async def _lock(self, plan: BuildPlan, seen: Observed, resolution: Resolution) -> Lock | None:
        lock = await self._store.lock(_home(seen), plan.spec_hash)
        return lock if lock and lock.resolution.lock_hash == resolution.lock_hash else None

    async def _read_record(self, plan: BuildPlan, seen: Observed, job: JobFact, resolution: Resolution) -> Effect:
        record = await self._store.record(_home(seen), plan, resolution.lock_hash)
        token = plan.requested.build or seen.handled.build
        if not isinstance(record, Record) or (token and record.build_token != token):
            raise StorageError(
                Reason.UPLOAD_FAILED,
                f"Job {job.name} reported a finished upload, but bucket {self._store.location.bucket} has no "
                "record of it, or not the ZIP. Either something deletes objects there, or the bucket that the Jobs "
                "write to is another one than the operator's (DAGY_S3_BUCKET and AWS_ENDPOINT_URL in the Secret and in "
                "the operator's environment).",
                Fault.INFRASTRUCTURE,
            )
        kept = next((j.log_uri for j in seen.jobs if j.name == job.name), "")
        image_id = job.pod.image_id if job.pod else ""
        record = await self._store.finish_record(_home(seen), record, kept, image_id)
        return Effect(replace(seen, record=record, missing=None))

    async def _look_again(self, plan: BuildPlan, seen: Observed) -> Observed:
        return replace(seen, jobs=await self._cluster.jobs({names.LABEL_PACKAGE_UID: plan.uid}))

    async def _keep_log(self, plan: BuildPlan, seen: Observed, job: JobFact, failure: Failure | None) -> Effect:
        if references_of(plan).secrets:  # the Job stays, to count the attempt; what it held must not
            await self._cluster.delete_secret(job.name)
        if job.overdue and failure:
            return await self._end(seen, job, failure)
        uri, result = job.log_uri, job.result
        if job.pod and (job.kind is JobKind.VALIDATE or not uri):
            logs = [await self._log(job.pod, step) for step in STEPS[job.kind]]
            # What was heard is the same, and whole.
            result = result if isinstance(result, Complete) else logs[-1].result
            parts = [(step, log.text) for step, log in zip(STEPS[job.kind], logs, strict=True)]
            text = await asyncio.to_thread(log_text, parts, failure)  # megabytes, if somebody wants it so
            uri = uri or await self._store.keep_log(_home(seen), job.name, text)
        marks = {names.ANNOTATION_LOG_KEPT: uri} if uri else {}
        if failure:
            marks[names.ANNOTATION_FAILURE] = failure.to_annotation()
        if marks:
            await self._cluster.mark_job(job.name, marks)
        kept = replace(job, log_uri=uri, failure=failure or job.failure, result=result)
        jobs = tuple(kept if j.name == job.name else j for j in seen.jobs)
        return Effect(replace(seen, jobs=jobs), changed=False, log_uri=uri or None, rejection=rejection_in(result))

    async def _log(self, pod: PodFact, step: Step) -> StepLog:
        try:
            return await self._cluster.log(pod, step)
        except KubeError as error:
            if error.status < 500 or not (pod.deleting or pod.disruption):
                raise
            # Nor will it, and the next attempt must not wait.
            return StepLog(f"(The node did not hand out this log: {error})", Incomplete("the node did not hand it out"))

    async def _store_lock(self, plan: BuildPlan, seen: Observed, job: JobFact) -> Effect:
        job = next((j for j in seen.jobs if j.name == job.name), job)
        assert job.pod
        result = job.result or (await self._log(job.pod, Step.RESOLVE)).result
        lock = lock_in(job, result)
        if isinstance(lock, Failure):  # known from now on as the end of this attempt
            await self._cluster.mark_job(job.name, {names.ANNOTATION_FAILURE: lock.to_annotation()})
            refused = replace(job, failure=lock)
            return Effect(replace(seen, jobs=tuple(refused if j.name == job.name else j for j in seen.jobs)))
        token = plan.requested.refresh or seen.handled.refresh
        resolution = Resolution(plan.spec_hash, lock.hash, token, lock.warnings)
        await self._store.keep_lock(_home(seen), Lock(resolution, lock.text))
        found = await self._store.record(_home(seen), plan, lock.hash)
        record, missing = (None, found) if isinstance(found, Missing) else (found, None)
        known = replace(seen, resolution=resolution, record=record, missing=missing)
        return Effect(await with_sources(self._cluster, plan, known))

    async def _copy(
        self, plan: BuildPlan, seen: Observed, resolution: Resolution, sources: tuple[Source, ...]
    ) -> Effect:
        token = plan.requested.build or seen.handled.build
        for source in sources:
            owned = await self._cluster.claims.owner(source.slug)
            if owned is None or owned.key != NamespacedName(plan.key.namespace, source.name):
                continue
            theirs = PackageHome(self._store.location, owned, source.uid)
            record = await self._store.copy_artifact(_home(seen), theirs, plan, resolution, token)
            if record:
                return Effect(replace(seen, record=record, missing=None))
        return Effect(replace(seen, sources=()))


def _home(seen: Observed) -> PackageHome:
    """Where the package's objects lie: nothing is done for one that has no slug."""
    assert seen.home
    return seen.home
