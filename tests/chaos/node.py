"""The kubelet, the Job controller and the garbage collector, played: they act on the feed, by the run's clock."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import datetime
from typing import Any

from dagy.adapters.kube.api import KubeError, namespaced
from dagy.core.common.timestamp import timestamp
from dagy.core.outcomes.facts import STEPS
from dagy.model import constants as names
from dagy.model.status import JobKind
from dagy_builder.contract import BuildRequest, Fault, Reason, Step, StepOutcome
from dagy_builder.log_frames import framed
from dagy_builder.packed_lock import LOCK_FILE, pack, unpack
from dagy_builder.steps.outcome import clipped
from dagy_builder.storage.store import ObjectStore
from tests.chaos.builder import lock_of, upload
from tests.chaos.feed import Change, Feed, Place
from tests.chaos.tapped import TappedApi

Json = dict[str, Any]
_STEP_SECONDS = 2.0
_AGAIN_SECONDS = 20.0
_OWNED = ("pods", "configmaps", "secrets", "jobs", "cronjobs", "controllerrevisions")


class Node:
    """Runs the pods of Jobs, and tells their ends. What a build does depends on the names of its requirements."""

    def __init__(
        self,
        api: TappedApi,
        feed: Feed,
        objects: ObjectStore,
        builds: str,
        clock: Callable[[], datetime],
        s3_away: Callable[[], bool],
    ) -> None:
        self._api, self._feed, self._objects, self._builds, self._clock = api, feed, objects, builds, clock
        self._s3_away = s3_away
        self._running: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._logs: dict[tuple[str, str], asyncio.Future[bytes]] = {}
        self.away_until = 0.0
        self.created: list[str] = []
        """Names of the Jobs that were created, one for each creation."""
        feed.listeners.append(self.heard)

    def heard(self, change: Change) -> None:
        """React as the controllers would."""
        match change.place.plural:
            case "jobs":
                self._job(change)
            case "flowdeployments" if change.deleted:
                self._start(self._collect(change.object))
            case "pods" | "configmaps" | "secrets" | "controllerrevisions" if not change.deleted:
                self._start(self._collect_orphan(change))
            case "pods" if change.deleted and (job := self._job_of(change.object)):
                if task := self._running.get(job["metadata"]["uid"]):
                    task.cancel()
                self._start(self._fail(job, "BackoffLimitExceeded"))

    def _job(self, change: Change) -> None:
        job, uid = change.object, change.uid
        if change.deleted:
            if task := self._running.pop(uid, None):
                task.cancel()
            self._start(self._collect(job))
            return
        ended = any(c["type"] in ("Complete", "Failed") for c in (job.get("status") or {}).get("conditions") or [])
        if uid not in self._running and not ended:
            if uid not in {name.partition("/")[2] for name in self.created}:
                self.created.append(f"{job['metadata']['name']}/{uid}")
            if not job["spec"].get("suspend"):
                self._running[uid] = self._start(self._run(job))
        if job["spec"].get("activeDeadlineSeconds") == 0 and not ended:
            if task := self._running.get(uid):
                task.cancel()
            self._start(self._stop(job))

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except KubeError as error:
            if error.status not in (404, 409):  # somebody was faster
                raise

    async def close(self) -> None:
        """End."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _tick(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(seconds)
        while (left := self.away_until - loop.time()) > 0:
            await asyncio.sleep(left)

    def _job_of(self, pod: Json) -> Json | None:
        name = (pod["metadata"].get("labels") or {}).get("job-name", "")
        job = self._feed.present.get(Place("jobs", pod["metadata"]["namespace"], name))
        uid = pod["metadata"]["ownerReferences"][0]["uid"]
        return job if job and job["metadata"]["uid"] == uid else None

    async def _run(self, job: Json) -> None:
        await self._tick(0.5)
        namespace, name = job["metadata"]["namespace"], job["metadata"]["name"]
        if names.LABEL_JOB_KIND not in job["metadata"].get("labels", {}):  # a flow's run
            await self._tick(_STEP_SECONDS)
            await self._condition(namespace, name, ok=True, reason="")
            return
        kind = JobKind(job["metadata"]["labels"][names.LABEL_JOB_KIND])
        pod = await self._pod(job)
        pod_name = pod["metadata"]["name"]
        await self._report(pod_name, [], "Pending")
        while (given := self._feed.present.get(Place("configmaps", namespace, name))) is None:
            await self._tick(1.0)
        done: list[Json] = []
        started = self._now()
        for step in STEPS[kind]:
            if step in (STEPS[kind][0], STEPS[kind][-1]):
                await self._report(
                    pod_name, [*done, {"name": step, "state": {"running": {"startedAt": started}}}], "Running"
                )
            await self._tick(_STEP_SECONDS)
            ended, ok = await self._end(job, pod, step, given)
            done.append(
                {"name": step, "state": {"terminated": {**ended, "startedAt": started, "finishedAt": self._now()}}}
            )
            if not ok:
                break
        await self._tick(0.3)
        await self._report(pod_name, done, "Succeeded" if ok else "Failed")
        await self._tick(0.5)
        await self._condition(namespace, name, ok=ok, reason="BackoffLimitExceeded")

    async def _pod(self, job: Json) -> Json:
        """Create the Job's pod, as soon as that is allowed."""
        while True:
            try:
                pod = await self._api.create(namespaced("pods", job["metadata"]["namespace"]), _pod(job))
            except KubeError as error:
                if error.status != 403:
                    raise
                await self._api.create(namespaced("events", self._builds), _refused(job, str(error), self._now()))
                await self._tick(_AGAIN_SECONDS)
            else:
                assert pod
                return pod

    async def _end(self, job: Json, pod: Json, step: Step, given: Json) -> tuple[Json, bool]:
        """Do a step; the container's end, and whether it went well."""
        request = BuildRequest.from_json(json.loads(given["data"]["request.json"]))
        attempt, wanted = int(job["metadata"]["labels"][names.LABEL_ATTEMPT]), " ".join(request.requirements)
        labels, packed = job["metadata"]["labels"], given.get("binaryData", {}).get(LOCK_FILE)
        lock = unpack(base64.b64decode(packed)) if packed else lock_of(request, labels[names.LABEL_INPUT_HASH])
        if (step is Step.RESOLVE and "crashes" in wanted and attempt == 1) or (
            step is Step.INSTALL and "heavy" in lock
        ):
            return {"exitCode": 137, "reason": "OOMKilled" if "heavy" in lock else "Error"}, False
        outcome = StepOutcome(step, ok=True)
        if step is Step.RESOLVE and "unsatisfiable" in wanted:
            problem = {"message": "Because a depends on b, they exclude each other.", "requirement": "unsatisfiable"}
            outcome = StepOutcome(
                step, ok=False, reason=Reason.UNSATISFIABLE_REQUIREMENTS, message="They exclude each other.",
                fault=Fault.USER, problems=[problem],
            )  # fmt: skip
        elif step is Step.RESOLVE:
            packed = base64.b64encode(pack(lock)).decode()
            outcome = StepOutcome(step, ok=True, result={"lock": packed, "lockHash": _hash(lock), "warnings": []})
        elif step is Step.UPLOAD and self._s3_away():
            outcome = StepOutcome(
                step, ok=False, reason=Reason.STORAGE_UNREACHABLE, message="S3 does not answer.",
                fault=Fault.INFRASTRUCTURE,
            )  # fmt: skip
        elif step is Step.UPLOAD:
            await asyncio.to_thread(upload, self._objects, request, lock)
        told = "\n".join([f"{step}: the log", *framed(outcome.to_text(), pod["metadata"]["uid"]), ""]).encode()
        log = self._log(pod["metadata"]["name"], step)
        if not log.done():
            log.set_result(told)
        return {"exitCode": 0 if outcome.ok else 65, "message": clipped(outcome)}, outcome.ok

    def _log(self, pod: str, step: str) -> asyncio.Future[bytes]:
        return self._logs.setdefault((pod, str(step)), asyncio.get_running_loop().create_future())

    async def log(self, pod: str, step: str, follow: bool) -> AsyncIterator[bytes]:
        """The log of a container, as the kubelet hands it out."""
        if Place("pods", self._builds, pod) not in self._feed.present:
            raise KubeError(404, "NotFound", f'pods "{pod}" not found')
        future = self._log(pod, step)
        if follow:
            yield await asyncio.shield(future)
        elif future.done():
            yield future.result()

    async def _stop(self, job: Json) -> None:
        await self._tick(0.3)
        name = job["metadata"]["name"]
        await self._remove("pods", job)
        await self._condition(job["metadata"]["namespace"], name, ok=False, reason="DeadlineExceeded")

    async def _fail(self, job: Json, reason: str) -> None:
        await self._tick(0.3)
        present = self._feed.present.get(Place("jobs", job["metadata"]["namespace"], job["metadata"]["name"]))
        if present and not (present.get("status") or {}).get("conditions"):
            await self._condition(job["metadata"]["namespace"], job["metadata"]["name"], ok=False, reason=reason)

    async def _collect(self, job: Json) -> None:
        await self._tick(0.5)
        for plural in _OWNED:
            await self._remove(plural, job)

    async def _collect_orphan(self, change: Change) -> None:
        """Delete an object whose owner is gone already."""
        owners = [owner["uid"] for owner in change.object["metadata"].get("ownerReferences") or []]
        there = {obj["metadata"]["uid"] for obj in self._feed.present.values()}
        if owners and not there.intersection(owners):
            await self._tick(0.5)
            place = change.place
            await self._api.remove(namespaced(place.plural, place.namespace, place.name))

    async def _remove(self, plural: str, job: Json) -> None:
        for place, obj in list(self._feed.present.items()):
            owners = [owner["uid"] for owner in obj["metadata"].get("ownerReferences") or []]
            if place.plural == plural and job["metadata"]["uid"] in owners:
                await self._api.remove(namespaced(plural, place.namespace, place.name))

    async def _condition(self, namespace: str, job: str, *, ok: bool, reason: str) -> None:
        kinds = ["SuccessCriteriaMet", "Complete"] if ok else ["FailureTarget", "Failed"]
        now = self._now()
        times = {"startTime": now, **({"completionTime": now, "succeeded": 1} if ok else {"failed": 1})}
        conditions = [
            {
                "type": kind,
                "status": "True",
                "lastTransitionTime": now,
                "lastProbeTime": now,
                "reason": reason,
                "message": "",
            }
            for kind in kinds
        ]
        await self._api.merge(
            namespaced("jobs", namespace, job, "status"), {"status": {"conditions": conditions, **times}}
        )

    async def _report(self, pod: str, statuses: list[Json], phase: str) -> None:
        filled = [{"image": "i", "imageID": "i", "ready": False, "restartCount": 0, **s} for s in statuses]
        status = {"status": {"phase": phase, "containerStatuses": filled}}
        await self._api.merge(namespaced("pods", self._builds, pod, "status"), status)

    def _now(self) -> str:
        return timestamp(self._clock(), micro=False)


def _pod(job: Json) -> Json:
    name, uid, template = job["metadata"]["name"], job["metadata"]["uid"], job["spec"]["template"]
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid}
    metadata = {
        "name": f"{name}-{uid[:5]}",
        "labels": {**template["metadata"]["labels"], "job-name": name},
        "annotations": job["metadata"].get("annotations", {}),
        "ownerReferences": [owner],
    }
    return {"metadata": metadata, "spec": {**template["spec"], "serviceAccountName": "default"}}


def _refused(job: Json, why: str, now: str) -> Json:
    """The Event of the Job controller that a pod could not be created."""
    about, job_name = job["metadata"], job["metadata"]["name"]
    kind = {"apiVersion": "batch/v1", "kind": "Job"}
    return {
        "metadata": {"generateName": f"{job_name}.", "namespace": about["namespace"]},
        "involvedObject": {**kind, "namespace": about["namespace"], "name": job_name, "uid": about["uid"]},
        "reason": "FailedCreate",
        "type": "Warning",
        "message": f"Error creating: {why}",
        "firstTimestamp": now,
        "lastTimestamp": now,
        "source": {"component": "job-controller"},
    }


def _hash(lock: str) -> str:
    return hashlib.sha256(lock.encode()).hexdigest()
