"""The kubelet's part, played: pods for Jobs, the ends of their containers, and what the builder's upload leaves in S3."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from datetime import UTC, datetime
from typing import Any

from dagy.adapters.kube.api import KubeApi, namespaced
from dagy.core.common.timestamp import timestamp
from dagy.core.outcomes.facts import STEPS
from dagy.model.base import NamespacedName
from dagy.model.status import JobKind
from dagy_builder import keys
from dagy_builder.contract import Artifact, BuildRequest, Step, StepOutcome
from dagy_builder.log_frames import framed
from dagy_builder.packed_lock import LOCK_FILE, pack, unpack
from dagy_builder.steps.outcome import clipped
from dagy_builder.storage.store import ObjectStore

BUILDS, BUCKET = "dagy-builds", "dagy"
YANKED = '`idna==3.0` is yanked (reason: "broken")'
LOCK = 'lock-version = "1.0"\n'


class Kubelet:
    """Makes pods for Jobs and lets their containers end; plays the builder's upload, too."""

    def __init__(self, api: KubeApi, objects: ObjectStore, only: NamespacedName | None = None) -> None:
        self._api, self._objects, self._only = api, objects, only
        # Packages that share a lock are copied from each other.
        self.lock = f"{LOCK}# {uuid.uuid4()}\n"
        self.logs: dict[tuple[str, str], str] = {}
        self.jobs_seen: set[str] = set()
        self.late = False
        """True when it does not notice any more that last steps end; a follower of their logs knows it (`reported`)."""
        self.reported: dict[str, StepOutcome] = {}
        self.cut_logs = 0
        """The number of validations that end well with a log whose beginning is lost."""

    async def step(self, failure: StepOutcome | None = None) -> bool:
        """Let the first live Job do its next step. Return False when there is nothing to do."""
        everything, _ = await self._api.list(namespaced("jobs", BUILDS))
        jobs = [job for job in everything if self._mine(job) and not await self._lets_go(job)]
        await self._collect_garbage({job["metadata"]["uid"] for job in jobs})
        self.jobs_seen |= {job["metadata"]["uid"] for job in jobs}
        for job in sorted(jobs, key=lambda job: str(job["metadata"]["name"])):
            if job["spec"].get("suspend") or job["spec"].get("activeDeadlineSeconds") == 0:
                continue
            if await self._advance(job, failure):
                return True
        return False

    def _mine(self, item: dict[str, Any]) -> bool:
        return self._only is None or item["metadata"].get("annotations", {}).get("dagy.io/package") == str(self._only)

    async def _lets_go(self, job: dict[str, Any]) -> bool:
        """Let a Job go that waited for the end of what it owns."""
        if "foregroundDeletion" not in job["metadata"].get("finalizers", []):
            return False
        await self._api.merge(namespaced("jobs", BUILDS, job["metadata"]["name"]), {"metadata": {"finalizers": None}})
        return True

    async def _collect_garbage(self, jobs: set[str]) -> None:
        """Delete the objects of Jobs that are gone, and Jobs that waited for theirs, as the garbage collector would."""
        for kind in ("pods", "configmaps", "secrets"):
            items, _ = await self._api.list(namespaced(kind, BUILDS), labelSelector="dagy.io/job")
            for item in filter(self._mine, items):
                if item["metadata"]["ownerReferences"][0]["uid"] not in jobs:
                    path = namespaced(kind, BUILDS, item["metadata"]["name"])
                    await self._api.request("DELETE", path, query={"gracePeriodSeconds": 0})

    async def _advance(self, job: dict[str, Any], failure: StepOutcome | None) -> bool:
        name, kind = job["metadata"]["name"], JobKind(job["metadata"]["labels"]["dagy.io/job"])
        pod = await self._api.get(namespaced("pods", BUILDS, name))
        if pod is None:
            labels = {**job["spec"]["template"]["metadata"]["labels"], "job-name": name}
            spec = {**job["spec"]["template"]["spec"], "serviceAccountName": "default"}
            owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": job["metadata"]["uid"]}
            metadata = {
                "name": name,
                "labels": labels,
                "annotations": job["metadata"]["annotations"],
                "ownerReferences": [owner],
            }
            await self._api.create(namespaced("pods", BUILDS), {"metadata": metadata, "spec": spec})
            pod = await self._api.get(namespaced("pods", BUILDS, name))
            assert pod
        statuses = pod["status"].get("containerStatuses", [])
        done = [s for s in statuses if "terminated" in s["state"]]
        steps = STEPS[kind]
        if len(done) == len(steps) or any(s["state"]["terminated"]["exitCode"] for s in done):
            return False
        if len(statuses) == len(done):
            await self._report(name, [*done, {"name": steps[len(done)], "state": {"running": {}}}], "Running")
            return True
        if name in self.reported:
            return False
        outcome = failure or await self._succeed(job, steps[len(done)])
        told = framed(outcome.to_text(), pod["metadata"]["uid"])
        if self.cut_logs and outcome.ok and outcome.step == Step.RESOLVE:
            self.cut_logs -= 1
            told = told[1:]
        self.logs[name, outcome.step] = "\n".join([f"{outcome.step}: the log", *told, ""])
        if self.late and outcome.step is steps[-1]:
            self.reported[name] = outcome
            return True
        ended = {
            "exitCode": 0 if outcome.ok else 65,
            "message": clipped(outcome),
            "finishedAt": timestamp(datetime.now(UTC), micro=False),
        }
        phase = "Running" if outcome.ok and len(done) + 1 < len(steps) else "Succeeded" if outcome.ok else "Failed"
        await self._report(name, [*done, {"name": outcome.step, "state": {"terminated": ended}}], phase)
        return True

    async def succeed(self, job: dict[str, Any], pod: dict[str, Any]) -> None:
        """End all steps of a pod well that a real Job controller has made."""
        name, ended = pod["metadata"]["name"], list[dict[str, Any]]()
        for step in STEPS[JobKind(job["metadata"]["labels"]["dagy.io/job"])]:
            outcome = await self._succeed(job, step)
            told = framed(outcome.to_text(), pod["metadata"]["uid"])
            self.logs[name, step] = "\n".join([f"{step}: the log", *told, ""])
            now = timestamp(datetime.now(UTC), micro=False)
            terminated = {"exitCode": 0, "message": clipped(outcome), "finishedAt": now}
            ended.append({"name": step, "state": {"terminated": terminated}})
        await self._report(name, ended, "Succeeded")

    async def _succeed(self, job: dict[str, Any], step: Step) -> StepOutcome:
        if step is Step.RESOLVE:
            packed = base64.b64encode(pack(self.lock)).decode()
            lock_hash = hashlib.sha256(self.lock.encode()).hexdigest()
            return StepOutcome(step, ok=True, result={"lock": packed, "lockHash": lock_hash, "warnings": [YANKED, 7]})
        if step is Step.UPLOAD:
            config_map = await self._api.get(namespaced("configmaps", BUILDS, job["metadata"]["name"]))
            assert config_map, "the kubelet waits for the ConfigMap"
            request = BuildRequest.from_json(json.loads(config_map["data"]["request.json"]))
            assert unpack(base64.b64decode(config_map["binaryData"][LOCK_FILE])) == self.lock
            self._upload(request)
        return StepOutcome(step, ok=True)

    def _upload(self, request: BuildRequest) -> None:
        build = keys.BuildKeys.of(request.key_prefix, request)
        key = build.artifact(request.build_token, request.attempt)
        data = f"the ZIP {key}".encode()
        sha256 = hashlib.sha256(data).hexdigest()
        lock_key = keys.sidecar_key(key, "pylock.toml")
        self._objects.put(key, data, "application/zip")
        self._objects.put(lock_key, self.lock.encode(), "application/toml")
        artifact = Artifact(
            uri=keys.uri(BUCKET, key), sha256=sha256, content_sha256="cd" * 32, size_bytes=len(data),
            uncompressed_bytes=9, file_count=1, package_count=1, python_version=request.python_version,
            architecture=request.architecture, glibc=request.glibc, lock_hash=request.lock_hash,
            built_at="2026-11-21T12:00:00Z", zip_importable=True, lock_uri=keys.uri(BUCKET, lock_key),
            compression=request.compression, bytecode=request.bytecode,
        )  # fmt: skip
        asked = {"buildToken": request.build_token, "sourceDistributions": request.source_distributions}
        record = {**artifact.to_json(), **asked}
        self._objects.put(build.record, json.dumps(record).encode(), "application/json")

    async def end_heard(self) -> None:
        """Let the pods end whose last steps have told their outcome in their logs."""
        while self.reported:
            name, outcome = self.reported.popitem()
            job = await self._api.get(namespaced("jobs", BUILDS, name))
            if job is None:
                continue
            steps = STEPS[JobKind(job["metadata"]["labels"]["dagy.io/job"])]
            ended = {"exitCode": 0, "finishedAt": timestamp(datetime.now(UTC), micro=False)}
            told = {step: {**ended, "message": clipped(outcome) if step is steps[-1] else ""} for step in steps}
            await self._report(
                name, [{"name": step, "state": {"terminated": told[step]}} for step in steps], "Succeeded"
            )

    async def _report(self, pod: str, statuses: list[dict[str, Any]], phase: str) -> None:
        filled = [{"image": "i", "imageID": "i", "ready": False, "restartCount": 0, **s} for s in statuses]
        status = {"status": {"phase": phase, "containerStatuses": filled}}
        await self._api.merge(namespaced("pods", BUILDS, pod, "status"), status)
