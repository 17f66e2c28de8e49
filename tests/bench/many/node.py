"""The Job controller, the kubelet and the garbage collector, played for thousands of Jobs before a real API server.

Logs are served as a kubelet serves them, through the API server, so that the operator's process is the real one. What a
Job does depends on the names of its package's requirements.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import ssl
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from dagy.adapters.kube.api import KubeApi, KubeError, namespaced
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
from tests.cluster import pki
from tests.cluster.doctor import free_port
from tests.fakes.kubelet import BUCKET, BUILDS

Json = dict[str, Any]
NAME = "bench"
EXCLUSIVE, HEAVY, ENDLESS = "unsatisfiable", "heavy", "endless"
"""Requirements that exclude each other; that need too much memory; whose build never ends."""
_STEP_SECONDS, _POLL_SECONDS = 0.2, 0.1
_WATCH_SECONDS = 4 * 3600


class Node:
    """One node for all pods."""

    def __init__(self, api: KubeApi, objects: ObjectStore) -> None:
        self._api, self._objects = api, objects
        self._running: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._logs: dict[tuple[str, str], asyncio.Future[bytes]] = {}
        self.started = 0
        """Pods so far."""

    async def serve(self, folder: Path, port: int) -> web.AppRunner:
        """Serve logs on that port of the loopback address, and join the cluster."""
        key, certificate = pki.issue(pki.new_authority(NAME), NAME, hosts=["127.0.0.1"])
        (folder / "node.pem").write_bytes(key + certificate)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(folder / "node.pem")
        app = web.Application()
        app.add_routes([web.get("/containerLogs/{namespace}/{pod}/{container}", self._serve_log)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
        await self._api.post("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NAME}})
        address = {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}]}
        status = {**address, "daemonEndpoints": {"kubeletEndpoint": {"Port": port}}}
        await self._api.merge(f"/api/v1/nodes/{NAME}/status", {"status": status})
        return runner

    async def follow(self, version: str) -> None:
        """Act on each Job that comes or goes after that version, until cancelled."""
        query = {
            "watch": "true",
            "resourceVersion": version,
            "timeoutSeconds": _WATCH_SECONDS,
            "labelSelector": f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY}",
        }
        rest = b""
        async for chunk in self._api.stream(namespaced("jobs", BUILDS), query=query, idle_seconds=_WATCH_SECONDS):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._heard(json.loads(line))

    def _heard(self, event: Json) -> None:
        job, uid = event["object"], event["object"]["metadata"]["uid"]  # an error of the watch has none, and fails
        if event["type"] == "DELETED":
            if task := self._running.pop(uid, None):
                task.cancel()
            self._start(self._collect(job))
        elif event["type"] == "ADDED" and not job["spec"].get("suspend"):
            self._running[uid] = self._start(self._run(job))

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(_unless_gone(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def end(self) -> None:
        """End all that runs."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, job: Json) -> None:
        name, kind = job["metadata"]["name"], JobKind(job["metadata"]["labels"][names.LABEL_JOB_KIND])
        pod = await self._api.create(namespaced("pods", BUILDS), _pod(job))
        assert pod
        self.started += 1
        while (given := await self._api.get(namespaced("configmaps", BUILDS, name))) is None:
            await asyncio.sleep(_POLL_SECONDS)  # as a kubelet does
        started, done, ok = _now(), list[Json](), True
        for step in STEPS[kind]:
            running = {"name": step, "state": {"running": {"startedAt": started}}}
            await self._report(name, [*done, running], "Running")
            if ENDLESS in given["data"]["request.json"] and kind is JobKind.BUILD:
                await asyncio.Event().wait()
            await asyncio.sleep(_STEP_SECONDS)
            ended, ok = await self._end(job, pod, step, given)
            done.append({"name": step, "state": {"terminated": {**ended, "startedAt": started, "finishedAt": _now()}}})
            if not ok:
                break
        await self._report(name, done, "Succeeded" if ok else "Failed")
        await self._api.merge(namespaced("jobs", BUILDS, name, "status"), {"status": _status(ok=ok)})

    async def _end(self, job: Json, pod: Json, step: Step, given: Json) -> tuple[Json, bool]:
        """Do a step; the container's end, and whether it went well."""
        request = BuildRequest.from_json(json.loads(given["data"]["request.json"]))
        lock = unpack(base64.b64decode(given["binaryData"][LOCK_FILE])) if "binaryData" in given else lock_of(request)
        if step is Step.INSTALL and HEAVY in lock:
            return {"exitCode": 137, "reason": "OOMKilled"}, False
        outcome = StepOutcome(step, ok=True)
        if step is Step.RESOLVE and EXCLUSIVE in " ".join(request.requirements):
            problem = {"message": "They exclude each other.", "requirement": EXCLUSIVE}
            outcome = StepOutcome(
                step, ok=False, reason=Reason.UNSATISFIABLE_REQUIREMENTS, message="They exclude each other.",
                fault=Fault.USER, problems=[problem],
            )  # fmt: skip
        elif step is Step.RESOLVE:
            lock_hash = hashlib.sha256(lock.encode()).hexdigest()
            result = {"lock": base64.b64encode(pack(lock)).decode(), "lockHash": lock_hash, "warnings": []}
            outcome = StepOutcome(step, ok=True, result=result)
        elif step is Step.UPLOAD:
            await asyncio.to_thread(upload, self._objects, request, lock)
        told = "\n".join([f"{step}: the log", *framed(outcome.to_text(), pod["metadata"]["uid"]), ""]).encode()
        self._log(job["metadata"]["name"], step).set_result(told)
        return {"exitCode": 0 if outcome.ok else 65, "message": clipped(outcome)}, outcome.ok

    async def _collect(self, job: Json) -> None:
        name = job["metadata"]["name"]
        for plural in ("pods", "configmaps"):
            await _unless_gone(self._remove(namespaced(plural, BUILDS, name)))
        for step in Step:
            self._logs.pop((name, step), None)

    async def _remove(self, path: str) -> None:
        await self._api.request("DELETE", path, query={"gracePeriodSeconds": 0, "propagationPolicy": "Background"})

    async def _report(self, pod: str, statuses: list[Json], phase: str) -> None:
        filled = [{"image": "i", "imageID": "i", "ready": False, "restartCount": 0, **s} for s in statuses]
        status = {"status": {"phase": phase, "containerStatuses": filled}}
        await self._api.merge(namespaced("pods", BUILDS, pod, "status"), status)

    def _log(self, pod: str, step: str) -> asyncio.Future[bytes]:
        return self._logs.setdefault((pod, step), asyncio.get_running_loop().create_future())

    async def _serve_log(self, request: web.Request) -> web.Response:
        log = self._log(request.match_info["pod"], request.match_info["container"])
        if request.query.get("follow") == "true":
            return web.Response(body=await asyncio.shield(log))
        return web.Response(body=log.result() if log.done() else b"")


@asynccontextmanager
async def node(api: KubeApi, folder: Path) -> AsyncIterator[Node]:
    """A node that works while the block runs."""
    played = Node(api, ObjectStore(BUCKET))
    runner = await played.serve(folder, free_port())
    _, version = await api.list(namespaced("jobs", BUILDS))
    following = asyncio.create_task(played.follow(version))
    try:
        yield played
    finally:
        failed = following.done()  # by itself it never ends
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await played.end()
        await runner.cleanup()
        assert not failed, "the node's watch has ended"


async def _unless_gone(work: Coroutine[Any, Any, None]) -> None:
    """Do it; when its object goes in the middle there is nothing to do."""
    try:
        await work
    except KubeError as error:
        if error.status not in (404, 409):
            raise


def _pod(job: Json) -> Json:
    name, uid, template = job["metadata"]["name"], job["metadata"]["uid"], job["spec"]["template"]
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid}
    labels = {**template["metadata"]["labels"], "job-name": name}
    annotations = job["metadata"].get("annotations", {})
    metadata = {"name": name, "labels": labels, "annotations": annotations, "ownerReferences": [owner]}
    return {"metadata": metadata, "spec": {**template["spec"], "nodeName": NAME}}


def _status(*, ok: bool) -> Json:
    """The status of a Job that has ended, with all that the API server asks of one."""
    now, kinds = _now(), ("SuccessCriteriaMet", "Complete") if ok else ("FailureTarget", "Failed")
    times = {"startTime": now, **({"completionTime": now, "succeeded": 1} if ok else {"failed": 1})}
    about = {"status": "True", "lastTransitionTime": now, "lastProbeTime": now, "reason": "", "message": ""}
    return {"conditions": [{"type": kind, **about} for kind in kinds], **times}


def _now() -> str:
    return timestamp(datetime.now(UTC), micro=False)
