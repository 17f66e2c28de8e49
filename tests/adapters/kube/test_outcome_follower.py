"""Listening to the last steps of Jobs, and what the reconciler makes of it while the kubelet still says "running"."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import aiohttp
import pytest
from typing_extensions import override

from dagy.adapters.kube import outcome_follower
from dagy.adapters.kube.api import KubeApi, KubeError
from dagy.adapters.kube.outcome_follower import OutcomeFollower
from dagy.model.base import NamespacedName
from dagy_builder.contract import Step, StepOutcome
from dagy_builder.log_frames import framed
from dagy_builder.storage.store import ObjectStore
from tests.fakes.controller import Rig, create, run

KEY = NamespacedName("team-a", "ml")
OUTCOME = StepOutcome(Step.UPLOAD, ok=True)
UID = "uid-of-the-pod"
LINE = f"{framed(OUTCOME.to_text(), UID)[0]}\n".encode()


def pod(name: str, step: Step | None = Step.UPLOAD) -> dict[str, Any]:
    labels = {"job-name": f"job-of-{name}", "dagy.io/job": "build"}
    statuses = [{"name": step, "state": {"running": {}}}] if step else []
    metadata = {"name": name, "uid": UID, "labels": labels}
    return {"metadata": metadata, "status": {"phase": "Running", "containerStatuses": statuses}}


class Logs(KubeApi):
    """Each pod's log as the pieces in which it comes; an error is raised; None never ends."""

    def __init__(self, **logs: list[bytes | Exception | None]) -> None:
        self.logs, self.asked, self.closed = logs, list[str](), list[str]()

    @override
    async def stream(self, path: str, *, query: Mapping[str, Any], idle_seconds: float) -> AsyncGenerator[bytes, None]:
        pod = path.split("/")[-2]
        self.asked.append(pod)
        assert query["follow"] == "true"
        try:
            for piece in self.logs[pod]:
                if isinstance(piece, Exception):
                    raise piece
                if piece is None:
                    await asyncio.Event().wait()
                yield piece or b""
        finally:
            self.closed.append(pod)


def heard(logs: Logs, *pods: str) -> tuple[OutcomeFollower, list[NamespacedName]]:
    """What is known after all that can be heard was heard."""
    keys: list[NamespacedName] = []

    async def listen() -> OutcomeFollower:
        words = OutcomeFollower(logs, "builds", keys.append)
        for name in pods:
            words.on_pod_changed(KEY, pod(name), ended=False)
        for _ in range(20):
            await asyncio.sleep(0)
        words.stop()
        return words

    return asyncio.run(listen()), keys


@pytest.mark.parametrize(
    "pieces",
    [[b"a line\n" + LINE], [b"a li", b"ne\n" + LINE[:4], LINE[4:]], [LINE, None], [b"x\n", LINE + b"more"]],
    ids=["at once", "in pieces", "before the stream ends", "with more after it"],
)
def test_the_result_is_heard(pieces: list[bytes | Exception | None]) -> None:
    logs = Logs(p=pieces)
    words, keys = heard(logs, "p")
    assert words.reported == {"job-of-p": OUTCOME}
    assert keys == [KEY]
    assert logs.closed == ["p"]


@pytest.mark.parametrize(
    "pieces",
    [
        [b"no result\n"],
        [b"before " + LINE],
        [LINE.replace(UID.encode(), b"another")],
        [f"{framed('{}', UID)[0]}\n".encode()],
        [LINE[:-1], None],
        [KubeError(400, "BadRequest", "container is waiting")],
        [b"x", aiohttp.ClientPayloadError("cut")],
        [TimeoutError()],
        [LINE[:-1], b"x" * (5 << 20), b"\n"],
    ],
    ids=[
        "none",
        "within a line",
        "forged",
        "no outcome",
        "not whole",
        "refused",
        "cut",
        "mute",
        "before an endless line",
    ],
)
def test_what_is_no_result_is_not_heard(pieces: list[bytes | Exception | None]) -> None:
    words, keys = heard(Logs(p=pieces), "p")
    assert words.reported == {}
    assert keys == []


def test_who_ends_is_not_followed_any_more_and_forgotten_with_its_job(monkeypatch: pytest.MonkeyPatch) -> None:
    logs = Logs(mute=[None], loud=[LINE])

    async def test() -> None:
        words = OutcomeFollower(logs, "builds", lambda _key: None)
        for _ in range(2):  # a second event does not open a second stream
            for name in ("mute", "loud"):
                words.on_pod_changed(KEY, pod(name), ended=False)
            words.on_pod_changed(KEY, pod("idle", step=None), ended=False)
            for _ in range(10):
                await asyncio.sleep(0)
        assert sorted(logs.asked) == ["loud", "mute"]
        assert words.reported.keys() == {"job-of-loud"}
        monkeypatch.setattr(outcome_follower, "_END_SECONDS", 0.0)
        for name in ("mute", "loud", "never seen"):
            words.on_pod_changed(KEY, pod(name), ended=True)
        while "mute" not in logs.closed:
            await asyncio.sleep(0)
        assert words.reported.keys() == {"job-of-loud"}, "its lock is still to be kept"
        for name in ("loud", "never seen"):
            words.on_pod_changed(KEY, {"metadata": {"name": f"job-of-{name}"}}, ended=True)
        assert words.reported == {}

    asyncio.run(test())


def test_a_job_whose_end_was_missed_is_forgotten_at_the_next_listing() -> None:
    words, _ = heard(Logs(p=[LINE], q=[LINE]), "p", "q")
    known = words.known()
    assert known == {"job-of-p", "job-of-q"}
    words.reported["heard since the listing"] = OUTCOME
    words.forget_gone(known, ["job-of-p", "another"])
    assert words.reported.keys() == {"job-of-p", "heard since the listing"}


def test_what_is_remembered_has_a_bound_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcome_follower, "_MOST_REMEMBERED_BYTES", 10 * len(OUTCOME.to_text()))
    names = [f"p{number}" for number in range(30)]
    logs = Logs(**{name: [LINE] for name in names})
    words, _ = heard(logs, *names)
    assert sorted(words.reported) == sorted(f"job-of-{name}" for name in names[-10:])


def test_connections_are_left_for_others() -> None:
    names = [f"p{number}" for number in range(200)]
    silence: list[bytes | Exception | None] = [None]
    logs = Logs(**dict.fromkeys(names, silence))
    heard(logs, *names)
    assert 0 < len(logs.asked) < 50
    assert len(logs.closed) == len(logs.asked)


@pytest.mark.apiserver
def test_a_package_goes_on_before_the_kubelet_notices(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        rig.kubelet.late = True
        package = await rig.settle(await create(rig), rig.reconciler().reconcile)
        assert package["status"]["phase"] == "COMPLETED"
        record = package["status"]["artifact"]
        assert objects.get(record["logUri"].removeprefix("s3://dagy/")), "the log was kept all the same"

    run(kubeconfig, objects, test)


@pytest.mark.apiserver
def test_where_package_code_may_run_only_the_kubelet_is_believed(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        rig.kubelet.late = True
        key = await create(rig, sourceDistributions="Allow")
        reconcile = rig.reconciler().reconcile
        await reconcile(key)
        while await rig.kubelet.step():
            await reconcile(key)
        package = await rig.package(key)
        assert package
        assert package["status"]["phase"] == "VALIDATING"
        assert rig.kubelet.reported, "it was told"

    run(kubeconfig, objects, test)
