"""A read-only observer: it watches the API server in a thread of its own, and checks what must always be so."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from dagy.adapters.kube.api import KubeApi, KubeError, custom_path
from dagy.adapters.kube.watches import changes
from tests.fakes.connections import connect
from tests.fakes.kubelet import BUCKET, BUILDS

Json = dict[str, Any]
_KINDS = {
    "deppackages": custom_path("deppackages"),
    "flowdeployments": custom_path("flowdeployments"),
    "slugclaims": custom_path("slugclaims"),
    "jobs": f"/apis/batch/v1/namespaces/{BUILDS}/jobs",
    "pods": f"/api/v1/namespaces/{BUILDS}/pods",
}
_WATCH_SECONDS = 3600
_HAND_STATUS = {"status erased", "status spoiled"}
_HAND_S3 = {"ZIPs deleted", "records spoiled", "locks spoiled", "locks odd"}
STOPPED = "an operator was stopped"
"""Its last request may come after all that others have done meanwhile: a Job that had ended is made once more."""
_HAND_JOBS = {
    "Jobs deleted", "Jobs' labels taken", "status erased", "status spoiled", "finalizers taken", "claims deleted",
    "locks spoiled", "locks odd", "records spoiled", "ZIPs deleted", STOPPED,
}  # fmt: skip


@dataclass
class Seen:
    """What was seen of one run."""

    transitions: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=dict)
    """The newest resourceVersion seen, by UID; a deletion is newer than all."""
    status: dict[str, Json] = field(default_factory=dict)
    slugs: dict[str, str] = field(default_factory=dict)
    jobs: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    live: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    pods: dict[str, int] = field(default_factory=dict)
    """The version at which a Job's pod had ended, by the Job's name: it is no more at work, whatever it says itself."""
    doubted: int = 0
    """Statuses that seem to say what is not so, and are being read again."""
    together: list[tuple[int, set[str]]] = field(default_factory=list)
    """Jobs of one package that lived at once, with the version at which the last of them came."""

    def at_once(self) -> list[str]:
        """Jobs that were at work at once. Events of Jobs and of pods overtake each other, so this is told at the end."""
        found = []
        for version, names in self.together:
            working = sorted(name for name in names if self.pods.get(name, version) >= version)
            if len(working) > 1 and len({name.split("-")[2] for name in working}) == 1:
                found.append(f"two Jobs of one package at once: {working}")
        return found


class Observer:
    """Watches everything, and keeps it by run."""

    def __init__(self, kubeconfig: str, data: Path) -> None:
        self._kubeconfig, self._data = kubeconfig, data
        self._seen: dict[str, Seen] = defaultdict(Seen)
        self._excused: dict[str, Callable[[], set[str]]] = {}
        self._news = threading.Condition()
        self._started = threading.Barrier(len(_KINDS) + 1)
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()
        self._started.wait(30)

    def stop(self) -> None:
        """End."""
        self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(self._loop)])
        self._thread.join(10)

    def expect(self, namespace: str, excused: Callable[[], set[str]]) -> None:
        """Take note of a new run, and of the way to know what was done by hand in it."""
        self._excused[namespace] = excused

    def caught_up(self, namespace: str, versions: dict[str, int], seconds: float = 10.0) -> Seen:
        """Return what was seen of a run, once everything up to these versions has been."""

        def done() -> bool:
            seen = self._seen[namespace]
            caught_up = all(seen.versions.get(uid, 0) >= version for uid, version in versions.items())
            return caught_up and not seen.doubted

        with self._news:
            found = self._news.wait_for(done, seconds)
            seen = self._seen.pop(namespace, Seen())
            seen.broken += seen.at_once()
        if not found:
            seen.broken.append("the observer did not see all that was written")
        return seen

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._watch_all())
        except asyncio.CancelledError:
            pass
        finally:
            self._loop.close()

    async def _watch_all(self) -> None:
        self._api = api = await connect(self._kubeconfig)
        try:
            await asyncio.gather(*(self._watch(api, plural, path) for plural, path in _KINDS.items()))
        finally:
            await api.close()

    async def _watch(self, api: KubeApi, plural: str, path: str) -> None:
        begun = False
        while True:
            try:
                _, version = await api.list(path)
                async for events in changes(api, path, version, _WATCH_SECONDS):
                    if not begun:
                        begun = True
                        await asyncio.to_thread(self._started.wait, 30)
                    for event in events:
                        self._heard(plural, event)
            except (KubeError, aiohttp.ClientError, OSError):
                await asyncio.sleep(1.0)

    def _heard(self, plural: str, event: Json) -> None:
        if event["type"] == "BOOKMARK":
            return
        obj = event["object"]
        metadata = obj["metadata"]
        package = (metadata.get("annotations") or {}).get("dagy.io/package", "").partition("/")[0]
        namespace = {"jobs": package, "pods": package, "slugclaims": (obj.get("spec") or {}).get("namespace", "")}.get(
            plural, metadata.get("namespace", "")
        )
        if namespace not in self._excused:
            return
        with self._news:
            seen, hands = self._seen[namespace], self._excused[namespace]()
            gone = event["type"] == "DELETED"
            seen.versions[metadata["uid"]] = 1 << 62 if gone else int(metadata["resourceVersion"])
            match plural:
                case "deppackages":
                    self._package(seen, obj, gone, hands)
                case "flowdeployments":
                    self._generations(seen, obj, hands)
                    seen.status[metadata["uid"]] = {**(obj.get("status") or {}), "_metadata": metadata}
                case "pods":
                    _pod(seen, obj)
                case "jobs":
                    _job(seen, obj, gone, hands)
                case "slugclaims":
                    _claim(seen, obj, gone, hands)
            self._news.notify_all()

    def _generations(self, seen: Seen, obj: Json, hands: set[str]) -> None:
        before, status = seen.status.get(obj["metadata"]["uid"], {}), obj.get("status") or {}
        old, new = before.get("observedGeneration", -1), status.get("observedGeneration", -1)
        if (old or 0) > (new or 0) and not hands & _HAND_STATUS:
            seen.broken.append(f"{obj['metadata']['name']}: observedGeneration went from {old} to {new}")
        if (new or 0) > obj["metadata"]["generation"]:
            seen.broken.append(f"{obj['metadata']['name']}: observedGeneration {new} is of the future")

    def _package(self, seen: Seen, obj: Json, gone: bool, hands: set[str]) -> None:
        metadata, status = obj["metadata"], obj.get("status") or {}
        uid, name = metadata["uid"], metadata["name"]
        before = seen.status.get(uid, {})
        if (before.get("phase"), before.get("message")) != (status.get("phase"), status.get("message")):
            seen.transitions.append(f"{name}: {status.get('phase')}: {str(status.get('message'))[:80]}")
        self._generations(seen, obj, hands)
        slug, old = status.get("slug"), before.get("slug")
        if (
            old
            and slug != old
            and not hands & _HAND_STATUS
            and not ("claims deleted" in hands and self._unused(obj, old))
        ):
            seen.broken.append(f"{name}: its slug went from {old} to {slug}")
        if slug and seen.slugs.setdefault(slug, name) != name:
            seen.broken.append(f"slug {slug} is of {name} and of {seen.slugs[slug]}")
        if not gone and "deletionTimestamp" not in metadata and not hands & (_HAND_STATUS | _HAND_S3):
            if self._untrue(status):
                self._doubts(seen, obj)
            _back(seen, name, before, {**status, "_metadata": metadata}, hands)
        seen.status[uid] = {**status, "_metadata": metadata}

    def _unused(self, obj: Json, slug: str) -> bool:
        """True when nothing was in S3 under this slug: a claim that is deleted then is not made again."""
        if STOPPED in self._excused[obj["metadata"]["namespace"]]():
            return True  # it may have written there since
        namespace, uid = obj["metadata"]["namespace"], obj["metadata"]["uid"]
        return not (self._data / namespace / namespace / slug / uid).exists()

    def _untrue(self, status: Json) -> str:
        """COMPLETED means that the ZIP is there, byte for byte; what is wrong otherwise."""
        artifact = status.get("artifact")
        if status.get("phase") != "COMPLETED":
            return ""
        path = self._data / artifact["uri"].removeprefix(f"s3://{BUCKET}/") if artifact else None
        if path is None or not path.is_file():
            return f"COMPLETED without its ZIP: {path}"
        if artifact and hashlib.sha256(path.read_bytes()).hexdigest() != artifact["sha256"]:
            return f"COMPLETED with another ZIP: {path}"
        return ""

    def _doubts(self, seen: Seen, obj: Json) -> None:
        """Read the object again: an observer that is late sees the disk of later, and the object may be gone by then."""
        seen.doubted += 1
        task = self._loop.create_task(self._read_again(seen, obj))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read_again(self, seen: Seen, obj: Json) -> None:
        metadata = obj["metadata"]
        now = await self._api.get(custom_path("deppackages", metadata["namespace"], metadata["name"])) or {}
        same = now.get("metadata", {}).get("uid") == metadata["uid"] and "deletionTimestamp" not in now["metadata"]
        wrong = self._untrue(now.get("status") or {}) if same else ""
        with self._news:
            seen.doubted -= 1
            if wrong:
                seen.broken.append(f"{metadata['name']}: {wrong}")
            self._news.notify_all()


def _settled(status: Json) -> bool:
    return any(c["type"] == "Settled" and c["status"] == "True" for c in status.get("conditions") or [])


def _asked(status: Json) -> tuple[Any, ...]:
    metadata = status.get("_metadata") or {}
    requests = {k: v for k, v in (metadata.get("annotations") or {}).items() if k.startswith("dagy.io/")}
    return metadata.get("generation"), sorted(requests.items())


def _back(seen: Seen, name: str, before: Json, status: Json, hands: set[str]) -> None:
    """What has settled stays so until somebody asks for something else."""
    if hands:
        return
    if _settled(before) and not _settled(status) and _asked(before) == _asked(status):
        if before.get("observedGeneration") != (before.get("_metadata") or {}).get("generation"):
            return  # it was of an earlier spec
        requests = ("lastHandledValidate", "lastHandledBuild", "lastHandledRefresh")
        annotations = status["_metadata"].get("annotations") or {}
        tokens = {f"lastHandled{k.removeprefix('dagy.io/').capitalize()}": v for k, v in annotations.items()}
        if all(before.get(r) == tokens.get(r) for r in requests if r in tokens):
            seen.broken.append(f"{name}: went back from {before.get('phase')} to {status.get('phase')} by itself")


def _job(seen: Seen, job: Json, gone: bool, hands: set[str]) -> None:
    name, uid, package = (
        job["metadata"]["name"],
        job["metadata"]["uid"],
        job["metadata"].get("labels", {}).get("dagy.io/package-uid", ""),
    )
    if job["spec"].get("parallelism") != 0:  # a tombstone never runs, and may come when the Job has ended and is gone
        seen.jobs[name].add(uid)
    if len(seen.jobs[name]) > 1 and not hands & _HAND_JOBS:
        seen.broken.append(f"Job {name} was made {len(seen.jobs[name])} times")
    ended = any(c["type"] in ("Complete", "Failed") for c in (job.get("status") or {}).get("conditions") or [])
    idle = job["spec"].get("suspend") or job["spec"].get("activeDeadlineSeconds") == 0
    live = seen.live[package]
    live.discard(name)
    if not (gone or ended or idle):
        live.add(name)
    if len(live) > 1 and not hands & _HAND_JOBS:
        seen.together.append((int(job["metadata"]["resourceVersion"]), set(live)))


def _pod(seen: Seen, pod: Json) -> None:
    job = (pod["metadata"].get("labels") or {}).get("job-name", "")
    if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        seen.pods.setdefault(job, int(pod["metadata"]["resourceVersion"]))


def _claim(seen: Seen, claim: Json, gone: bool, hands: set[str]) -> None:
    if gone and "claims deleted" not in hands:
        seen.broken.append(f"claim {claim['metadata']['name']} was deleted")
