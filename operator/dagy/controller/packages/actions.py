"""Acting: one method for each action of dagy.core.package.decide. Each can be repeated without harm."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

import aiohttp

from dagy.adapters.kube.api import KubeError
from dagy.adapters.packages.artifact_store import ArtifactStore
from dagy.adapters.packages.cluster import Cluster
from dagy.controller.packages.context import ReconcileContext
from dagy.controller.packages.job_input import JobInput
from dagy.controller.packages.limiter import ConcurrencyLimiter
from dagy.controller.packages.observe import Observer
from dagy.core.common.failure import Failure
from dagy.core.common.keys import PackageHome
from dagy.core.common.resources import not_allowed
from dagy.core.common.timestamp import moment
from dagy.core.jobs.index_access import references_of
from dagy.core.jobs.manifests import JobSettings, job_manifest
from dagy.core.metrics.metric import Recorder, unrecorded
from dagy.core.metrics.packages import cancelled_samples, job_samples
from dagy.core.outcomes.facts import STEPS, JobFact
from dagy.core.outcomes.logs import StepLog
from dagy.core.outcomes.results import lock_in, log_text, rejection_in
from dagy.core.outcomes.step_outcomes import Complete, Incomplete
from dagy.core.package.decide import (
    Action,
    CancelJob,
    CopyArtifact,
    DeleteJobs,
    ForgetAttempts,
    KeepLog,
    ProvideInput,
    ReadImage,
    ReadRecord,
    StartJob,
    StoreLock,
)
from dagy.core.package.observed import Lock, Resolution
from dagy.core.package.plan import answers
from dagy.core.package.records import Record
from dagy.core.package.reuse import Source
from dagy.model import constants as names
from dagy.model.base import NamespacedName
from dagy.model.status import JobKind
from dagy_builder.contract import Fault, Reason, Step
from dagy_builder.redact import one_line
from dagy_builder.storage.store import StorageError

_PATIENCE = timedelta(minutes=1)
_CAUSE_CHARACTERS = 300


class Performer:
    """Performs actions in the cluster and in S3."""

    def __init__(
        self,
        cluster: Cluster,
        store: ArtifactStore,
        observer: Observer,
        limiter: ConcurrencyLimiter,
        settings: JobSettings,
        *,
        record: Recorder = unrecorded,
    ) -> None:
        self._cluster, self._store, self._observer = cluster, store, observer
        self._input = JobInput(cluster, store, observer, settings)
        self._limiter, self._settings, self._record = limiter, settings, record

    async def perform(self, ctx: ReconcileContext, action: Action) -> bool:
        """Perform it, and keep its findings in `ctx`. Return True when the world has changed, worth a look at once.

        Raises KubeError and StorageError; the pass is then repeated later.
        """
        match action:
            case StartJob():
                position = await self._start(ctx, action)
                ctx.queue_position = position or None
                return not position
            case ProvideInput(job, resolution):
                return await self._input.provide_again(ctx, job, resolution)
            case KeepLog(job, failure):
                changed = await self._keep_log(ctx, job, failure)
                self._record(job_samples(job, failure, ctx.now))
                return changed
            case StoreLock(job):
                return await self._store_lock(ctx, job)
            case ReadRecord(job, resolution):
                return await self._read_record(ctx, job, resolution)
            case ReadImage(record):
                told = await self._store.with_image(ctx.home, ctx.plan, record)
                ctx.learn(replace(ctx.seen, record=told))
                return told != record
            case CopyArtifact(resolution, sources):
                return await self._copy(ctx, resolution, sources)
            case CancelJob(job):
                await self._keep_log(ctx, job, None)
                self._record(cancelled_samples(job))
                return await self._cancel(ctx, job)
            case DeleteJobs(jobs):
                return await self._delete(ctx, jobs)
            case ForgetAttempts(jobs):
                for job in jobs:
                    await self._store.delete_log(ctx.home, job.name)
                return await self._delete(ctx, jobs)
            case _:
                assert_never(action)

    async def _start(self, ctx: ReconcileContext, start: StartJob) -> int:
        """Start the Job. Return its place in the queue, from 1, if it has to wait; 0 when the world has changed."""
        manifest = job_manifest(ctx.plan, start, self._settings)
        if start.cancelled:  # it never runs, and so needs nothing
            await self._cluster.create_job(manifest)
            await self._look_again(ctx)
            return 0
        refused = not_allowed(ctx.plan.options.resources, self._settings.maxima)
        if refused:
            ctx.learn(replace(ctx.seen, not_allowed=refused))
            return 0
        entry = ctx.queue_entry
        position = self._limiter.stand_in_line(start.kind, entry)
        if position:
            return position
        untold = await self._observer.with_untold(ctx.plan, ctx.seen, start.kind)
        if untold:
            ctx.learn(untold)
            return 0
        given = await self._input.gather(ctx, start)
        if given is None:
            # The lock is not in S3 (any more): resolve again, whatever status says.
            ctx.learn(replace(ctx.seen, resolution=None, record=None, missing=None))
            return 0
        if isinstance(given, Failure):
            ctx.learn(replace(ctx.seen, index_refused=given))
            return 0
        created: list[str] = []

        async def create() -> None:
            job = await self._cluster.create_job(manifest)
            created.append(job["metadata"]["uid"])

        position = await self._limiter.start(start.kind, entry, create)
        if not position:
            await self._input.provide(ctx.plan, start, created[0], given)
            await self._look_again(ctx)
        return position

    async def _look_again(self, ctx: ReconcileContext) -> bool:
        ctx.learn(replace(ctx.seen, jobs=await self._cluster.jobs({names.LABEL_PACKAGE_UID: ctx.plan.uid})))
        return True

    async def _delete(self, ctx: ReconcileContext, jobs: tuple[JobFact, ...]) -> bool:
        for job in jobs:
            await self._cluster.delete_job(job.name)
        ctx.drop_jobs({job.name for job in jobs})
        return False

    async def _keep_log(self, ctx: ReconcileContext, job: JobFact, failure: Failure | None) -> bool:
        if references_of(ctx.plan).secrets:  # the Job stays, to count the attempt; its Secret must not
            await self._cluster.delete_secret(job.name)
        if job.overdue and failure:
            return await self._end(ctx, job, failure)
        uri, result = job.log_uri, job.result
        if job.pod and (job.kind is JobKind.VALIDATE or not uri):
            logs = await asyncio.gather(*(self._log(ctx, job, step) for step in STEPS[job.kind]))
            # The outcome that was heard is the same, and whole.
            result = result if isinstance(result, Complete) else logs[-1].result
            parts = [(step, log.text) for step, log in zip(STEPS[job.kind], logs, strict=True)]
            text = await asyncio.to_thread(log_text, parts, failure)  # megabytes, if somebody wants it so
            uri = uri or await self._store.keep_log(ctx.home, job.name, text)
        marks = {names.ANNOTATION_LOG_KEPT: uri} if uri else {}
        if failure:
            marks[names.ANNOTATION_FAILURE] = failure.to_annotation()
        if marks:
            await self._cluster.mark_job(job.name, marks)
        ctx.learn_job(replace(job, log_uri=uri, failure=failure or job.failure, result=result))
        if uri:
            ctx.logs[job.kind] = uri
        rejection = rejection_in(result)
        if uri and rejection:
            ctx.rejections[job.name] = rejection
        return False

    async def stop_all(self, ctx: ReconcileContext) -> None:
        """Cancel what runs of a package whose place in S3 is not known (now), so that no log can be kept there."""
        await self._look_again(ctx)
        for job in ctx.seen.jobs:
            if job.live:
                await self._cancel(ctx, job)

    async def _cancel(self, ctx: ReconcileContext, job: JobFact) -> bool:
        if job.suspended:  # its queue would start it yet, so it makes way for a tombstone
            # Kueue looks by name: it gives a place on once the Job goes or is gone, and not where another has its name.
            await self._cluster.delete_job(job.name, job.uid, foreground=True)
            ctx.learn_job(replace(job, deleting=True))
            return True
        await self._cluster.mark_job(job.name, {names.REQUEST_CANCEL: ctx.plan.requested.cancel}, stop=True)
        return await self._look_again(ctx)

    async def _end(self, ctx: ReconcileContext, job: JobFact, failure: Failure) -> bool:
        """Stop a Job whose pod has not started: it has no log, and its slot is another's."""
        await self._cluster.mark_job(job.name, {names.ANNOTATION_FAILURE: failure.to_annotation()}, stop=True)
        self._limiter.wake()
        ctx.learn_job(replace(job, failure=failure, overdue=None))
        return False

    async def _log(self, ctx: ReconcileContext, job: JobFact, step: Step) -> StepLog:
        """Read a log. One that can't be had is given up when its pod goes, or a while after its Job's end."""
        assert job.pod
        try:
            return await self._cluster.log(job.pod, step)
        except (KubeError, aiohttp.ClientError, OSError) as error:
            going = (job.pod.deleting or job.pod.disruption) and not (
                isinstance(error, KubeError) and error.status < 500
            )
            if not going and _ended_lately(job, ctx.now):
                raise
            # Nor will it, and the outcome must not wait for it.
            said = one_line(str(error) or type(error).__name__, _CAUSE_CHARACTERS)
            return StepLog(f"(The node did not hand out this log: {said})", Incomplete("the node did not hand it out"))

    async def _store_lock(self, ctx: ReconcileContext, job: JobFact) -> bool:
        plan, seen = ctx.plan, ctx.seen
        job = next((j for j in seen.jobs if j.name == job.name), job)
        result = job.result or (await self._log(ctx, job, Step.RESOLVE)).result
        lock = lock_in(job, result)
        if isinstance(lock, Failure):  # known from now on as the end of this attempt
            await self._cluster.mark_job(job.name, {names.ANNOTATION_FAILURE: lock.to_annotation()})
            ctx.learn_job(replace(job, failure=lock))
            return True
        token = plan.requested.refresh or seen.handled.refresh
        resolution = Resolution(plan.spec_hash, lock.hash, token, lock.warnings)
        await self._store.keep_lock(ctx.home, Lock(resolution, lock.text))
        ctx.learn(await self._observer.with_lock(plan, seen, resolution))
        return True

    async def _read_record(self, ctx: ReconcileContext, job: JobFact, resolution: Resolution) -> bool:
        record = await self._store.record(ctx.home, ctx.plan, resolution.lock_hash)
        requested, handled = ctx.plan.requested.build, ctx.seen.handled.build
        if not isinstance(record, Record) or not answers(record.build_token, requested, handled):
            failure = _without_record(job, self._store.location.bucket)
            if _ended_lately(job, ctx.now):  # what was written may not be seen yet
                raise StorageError(Reason(failure.reason), failure.message, failure.fault)
            await self._cluster.mark_job(job.name, {names.ANNOTATION_FAILURE: failure.to_annotation()})
            ctx.learn_job(replace(job, failure=failure))
            return True
        kept = next((j.log_uri for j in ctx.seen.jobs if j.name == job.name), "")
        image_id = job.pod.image_id if job.pod else ""
        record = await self._store.finish_record(ctx.home, record, kept, image_id)
        ctx.learn(replace(ctx.seen, record=record, missing=None))
        return True

    async def _copy(self, ctx: ReconcileContext, resolution: Resolution, sources: tuple[Source, ...]) -> bool:
        token = ctx.plan.requested.build or ctx.seen.handled.build
        for source in sources:
            owned = await self._cluster.claims.owner(source.slug)
            if owned is None or owned.key != NamespacedName(ctx.plan.key.namespace, source.name):
                continue
            theirs = PackageHome(self._store.location, owned, source.uid)
            record = await self._store.copy_artifact(ctx.home, theirs, ctx.plan, resolution, token)
            if record:
                ctx.learn(replace(ctx.seen, record=record, missing=None))
                return True
        ctx.learn(replace(ctx.seen, sources=()))
        return True


def _ended_lately(job: JobFact, now: datetime) -> bool:
    """Return True within a minute of the Job's end. One far ahead is by another clock, and not waited for."""
    return not job.ended_at or abs(now - moment(job.ended_at)) < _PATIENCE


def _without_record(job: JobFact, bucket: str) -> Failure:
    return Failure(
        Reason.UPLOAD_FAILED,
        f"Job {job.name} reported a finished upload, but bucket {bucket} has no record of it that can be read, or not "
        "the ZIP. Either something deletes or changes objects there, or the bucket that the Jobs write to is another "
        "one than the operator's (DAGY_S3_BUCKET and AWS_ENDPOINT_URL in the Secret and in the operator's "
        "environment).",
        Fault.INFRASTRUCTURE,
    )
