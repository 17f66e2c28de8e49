"""Each failure of docs/reasons.md that comes from outside the requirements, provoked for real; and cancel in each phase.

All packages are applied at once and fail side by side; each test waits for its own. Meanwhile the builds' S3 is a name
that nobody listens at, so that an upload goes on until it is cancelled.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from mypy_boto3_s3.client import S3Client

from dagy.core.common.reasons import CATALOGUE
from dagy_builder.contract import Fault
from tests.e2e import faults
from tests.e2e.conftest import changed_secret, changed_settings
from tests.e2e.faults import failing, log_of
from tests.e2e.ghost_node import ghost_node
from tests.e2e.kube import BUILDS, Json, Kube, KubectlError, condition, eventually, package

pytestmark = pytest.mark.e2e

OVERDUE_SECONDS = 30
PATIENCE_SECONDS = 150.0
ON_GHOST = "on-a-ghost"
ENDS = ("FAILED", "INVALID", "COMPLETED")
ENTRIES = {str(reason): entry for reason, entry in CATALOGUE.items()}


@pytest.fixture(scope="module")
def team(admin: Kube) -> Iterator[Kube]:
    """A namespace with what failures are provoked with."""
    with faults.namespace(admin) as kube:
        yield kube


@pytest.fixture(scope="module")
def batch(team: Kube) -> Iterator[Kube]:
    """All that fails, on its way."""
    many = {
        "DAGY_MAX_BUILDS": "12",
        "DAGY_MAX_BUILDS_PER_NAMESPACE": "12",
        "DAGY_MAX_VALIDATIONS": "12",
        "DAGY_MAX_VALIDATIONS_PER_NAMESPACE": "12",
        "DAGY_MAX_CPU": "2000",
    }
    with (
        changed_settings(team, "dagy-operator", **many),
        changed_secret(team, BUILDS, AWS_ENDPOINT_URL=faults.url(team, faults.NOBODY)),
    ):
        with ghost_node(team) as has_taken:
            team.apply(_valid_elsewhere(team))
            has_taken(f"dagy.io/package-uid={team.get('dp', ON_GHOST)['metadata']['uid']}")
        team.apply(*_packages(team))
        yield team


def limited(limits: dict[str, str]) -> Json:
    """Resources of a build."""
    return {"resources": {"limits": limits}}


def _packages(kube: Kube) -> list[Json]:
    nobody = {"url": faults.url(kube, faults.NOBODY, "simple")}
    manual = failing(kube, "cancel-queued", "fine")
    manual["spec"]["buildPolicy"] = "Manual"
    changed = failing(kube, "changed", "changing")
    changed["spec"]["buildPolicy"] = "Manual"
    return [
        failing(kube, "overdue", "hangs", timeoutSeconds=OVERDUE_SECONDS),
        # The upload waits for S3, and the ZIP lies in the pod's volume meanwhile.
        failing(kube, "full", "big", **limited({"ephemeral-storage": "10Mi"})),
        failing(kube, "out-of-memory", "fine", **limited({"memory": "16Mi"})),
        package("down", "fine", index=nobody, build={"retries": 1}),
        failing(kube, "evicted", "slow"),
        failing(kube, "lost", "slow"),
        changed,
        manual,
    ]


def _valid_elsewhere(kube: Kube) -> Json:
    """A package that is validated once more, and then is content."""
    found = failing(kube, ON_GHOST, "fine", retries=1)
    found["spec"]["buildPolicy"] = "Manual"
    found["metadata"]["annotations"] = {"dagy.io/validate": "1"}
    return found


def failed(kube: Kube, name: str, reason: str, *words: str, attempts: int = 1) -> Json:
    """The status of a package that has failed, and tells why in the same words everywhere."""
    found = kube.until(name, lambda dp: _phase(dp) in ENDS, seconds=PATIENCE_SECONDS)
    status, ready = found["status"], condition(found, "Ready")
    assert (status["phase"], ready["reason"]) == ("FAILED", reason), status
    assert condition(found, "Stalled")["status"] == condition(found, "Settled")["status"] == "True"
    assert status["message"] == ready["message"]
    assert all(word in status["message"] for word in words), status["message"]
    selector = f"involvedObject.name={name},reason={reason}"
    event = next(event for _, event in kube.watch("events", "--field-selector", selector, seconds=PATIENCE_SECONDS))
    assert event["message"] == status["message"]
    told = status["build"]["attempts"]
    assert [attempt["number"] for attempt in told] == list(range(1, attempts + 1))
    assert {attempt["reason"] for attempt in told} == {reason}
    retried = ENTRIES[reason].fault is Fault.INFRASTRUCTURE
    assert retried or attempts == 1
    return status


def _phase(package: Json) -> str:
    return str(package.get("status", {}).get("phase"))


def reaches(kube: Kube, name: str, phase: str) -> None:
    """Wait until the package is in that phase."""
    kube.until(name, lambda dp: _phase(dp) == phase, seconds=PATIENCE_SECONDS)


def build_pod(kube: Kube, name: str) -> str:
    """The pod of its build."""
    uid = kube.get("dp", name)["metadata"]["uid"]
    (pod,) = kube.list("pods", "-l", f"dagy.io/package-uid={uid},dagy.io/job=build", namespace=BUILDS)
    return str(pod["metadata"]["name"])


def test_a_pod_that_is_evicted(batch: Kube) -> None:
    reaches(batch, "evicted", "INSTALLING")
    pod = build_pod(batch, "evicted")
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": BUILDS}}
    batch("create", "--raw", f"/api/v1/namespaces/{BUILDS}/pods/{pod}/eviction", "-f", "-", stdin=body)
    failed(batch, "evicted", "Evicted", "request a build to try again")


def test_a_pod_that_is_gone(batch: Kube) -> None:
    reaches(batch, "lost", "INSTALLING")
    batch("delete", "pod", build_pod(batch, "lost"), "--force", "--grace-period=0", namespace=BUILDS)
    failed(batch, "lost", "PodLost", "disappeared")


def test_a_file_that_changes_between_lock_and_build(batch: Kube, s3: S3Client) -> None:
    reaches(batch, "changed", "PENDING")
    batch("annotate", "dp", "changed", "dagy.io/validate=1")
    reaches(batch, "changed", "VALID")
    batch("exec", faults.INDEX, "--", "touch", "/tmp/replaced")
    batch("annotate", "dp", "changed", "dagy.io/build=1")
    status = failed(batch, "changed", "HashMismatch", "changing", "SHA-256")
    assert "Hash mismatch" in log_of(s3, status)


@pytest.mark.parametrize(
    ("phase", "requirement"), [("VALIDATING", "hangs"), ("INSTALLING", "slow"), ("UPLOADING", "fine")]
)
def test_cancel(batch: Kube, s3: S3Client, phase: str, requirement: str) -> None:
    name = f"cancel-{phase.lower()}"
    batch.apply(failing(batch, name, requirement))  # only now: it gives up by itself after two minutes
    reaches(batch, name, phase)
    step = {"VALIDATING": "resolve", "INSTALLING": "install", "UPLOADING": "upload"}[phase]
    eventually(lambda: _has_said(batch, name, step, f"{step}: started"), "the step has begun its log")
    batch("annotate", "dp", name, "dagy.io/cancel=1")
    status = failed(batch, name, "Cancelled")
    assert f"{step}: started" in log_of(s3, status)
    _no_pod_is_left(batch, name)


def _has_said(kube: Kube, name: str, step: str, words: str) -> bool:
    job = "validate" if step == "resolve" else "build"
    label = f"dagy.io/package-uid={kube.get('dp', name)['metadata']['uid']},dagy.io/job={job}"
    try:
        return words in kube("logs", "-l", label, f"--container={step}", namespace=BUILDS)
    except KubectlError:  # it has not started yet
        return False


def test_cancel_while_no_node_can_take_the_pod(batch: Kube) -> None:
    batch("annotate", "dp", "cancel-queued", "dagy.io/validate=1")
    reaches(batch, "cancel-queued", "VALID")
    huge = {"spec": {"build": {"resources": {"requests": {"cpu": "1000"}}}}}
    batch("patch", "dp", "cancel-queued", "--type=merge", "--patch-file=/dev/stdin", stdin=huge)
    batch("annotate", "dp", "cancel-queued", "dagy.io/build=1")
    batch.until("cancel-queued", lambda dp: "no node can take the pod" in dp["status"]["message"])
    assert _phase(batch.get("dp", "cancel-queued")) == "QUEUED"
    batch("annotate", "dp", "cancel-queued", "dagy.io/cancel=1")
    failed(batch, "cancel-queued", "Cancelled")
    _no_pod_is_left(batch, "cancel-queued")


def test_cancel_while_it_is_packed(batch: Kube, s3: S3Client) -> None:
    """With little CPU, so that packing takes longer than to say stop."""
    batch.apply(failing(batch, "cancel-packaging", "big", **limited({"cpu": "100m"})))
    reaches(batch, "cancel-packaging", "PACKAGING")
    batch("annotate", "dp", "cancel-packaging", "dagy.io/cancel=1")
    status = failed(batch, "cancel-packaging", "Cancelled")
    assert "package: started" in log_of(s3, status)
    _no_pod_is_left(batch, "cancel-packaging")


def _no_pod_is_left(kube: Kube, name: str) -> None:
    label = f"dagy.io/package-uid={kube.get('dp', name)['metadata']['uid']}"
    kube("wait", "--for=delete", "pod", "-l", label, "--timeout=60s", namespace=BUILDS)


def test_memory_that_is_not_enough(batch: Kube) -> None:
    failed(batch, "out-of-memory", "OutOfMemory", "spec.build.resources.limits.memory")


def test_a_disk_that_is_not_enough(batch: Kube) -> None:
    failed(batch, "full", "DiskFull", "limits.ephemeral-storage", "30Mi")  # three containers of 10 Mi


def test_an_attempt_that_takes_too_long(batch: Kube) -> None:
    failed(batch, "overdue", "DeadlineExceeded", "spec.build.timeoutSeconds")


def test_an_index_that_is_down_is_tried_again(batch: Kube, s3: S3Client) -> None:
    status = failed(batch, "down", "IndexUnreachable", "does not answer", "Attempt 2 was the last one", attempts=2)
    assert {attempt["job"] for attempt in status["build"]["attempts"]} == {"validate"}
    assert "=== IndexUnreachable ===" in log_of(s3, status)


def test_a_node_that_is_gone(batch: Kube) -> None:
    """Its pod is taken away by the control plane, which lets a minute pass; then another node has its turn."""
    reaches(batch, ON_GHOST, "VALID")
    (attempt,) = batch.get("dp", ON_GHOST)["status"]["build"]["attempts"]
    assert (attempt["number"], attempt["reason"]) == (1, "PodLost")
    assert "disappeared before its result was read, with its node" in attempt["message"]
