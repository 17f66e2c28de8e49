"""Flows that run: with their packages, on schedule and on request, over rebuilds, new versions, rollbacks, deletions."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from mypy_boto3_s3.client import S3Client

from dagy.core.flows.revisions import revisions_in, rollback_patch
from tests.e2e.artifacts import keys_below
from tests.e2e.kube import Json, Kube, KubectlError, condition, package

pytestmark = pytest.mark.e2e

REPORT = """
import importlib.metadata, json, os, sys
import idna, certifi
print(json.dumps({
    "idna": importlib.metadata.version("idna"), "certifi": certifi.where(), "uid": os.getuid(),
    "flow": os.environ["DAGY_FLOW_VERSION"], "secrets": [n for n in os.environ if n.startswith("AWS_")],
}), flush=True)
"""
DAILY = REPORT + 'sys.exit(int(os.environ.get("EXIT", "0")))\n'
LONG = REPORT + "import signal\nsignal.pause()\n"


@pytest.fixture
def restricted(kube: Kube) -> Iterator[Kube]:
    """A namespace in which only restricted pods run."""
    kube("label", "namespace", kube.namespace, "pod-security.kubernetes.io/enforce=restricted")
    yield kube
    for kind in ("fd", "jobs"):  # before the packages, which they use
        kube("delete", kind, "--all", "--timeout=60s")


def upload(s3: S3Client, bucket: str, kube: Kube, deployment: str, **modules: str) -> Json:
    """A ZIP of modules where uploads of that deployment go; spec.artifact."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, code in modules.items():
            archive.writestr(f"{name}.py", code)
    sha256 = hashlib.sha256(data.getvalue()).hexdigest()
    key = f"{kube.namespace}/flows/{deployment}/{sha256}.zip"
    s3.put_object(Bucket=bucket, Key=key, Body=data.getvalue())
    return {"uri": f"s3://{bucket}/{key}", "sha256": sha256, "sizeBytes": len(data.getvalue())}


def flow(name: str, artifact: Json, *slugs: str, **spec: Any) -> Json:
    spec = {"artifact": artifact, "flowName": "daily_etl", "flowVersion": "1", "depPackageSlugs": list(slugs), **spec}
    return {"apiVersion": "dagy.io/v1", "kind": "FlowDeployment", "metadata": {"name": name}, "spec": spec}


def until(kube: Kube, kind: str, test: Callable[[Json], bool], *selector: str, seconds: float = 150) -> Json:
    """Watch until an object passes the test; the object then."""
    last: Json = {}
    for _, obj in kube.watch(kind, *selector, seconds=seconds):
        if test(obj):
            return obj
        last = obj
    raise KubectlError(f"No {kind} got there within {seconds:.0f} s; last seen: {json.dumps(last, indent=1)}")


def deployed(kube: Kube, name: str, revision: int) -> Json:
    """Wait until that revision is deployed."""

    def there(obj: Json) -> bool:
        status = obj.get("status", {})
        return status.get("revision") == revision and condition(obj, "Ready").get("status") == "True"

    return until(kube, "fd", there, "--field-selector", f"metadata.name={name}", seconds=90)


def run(kube: Kube, name: str, token: str) -> str:
    """Ask for a run and wait until its Job is there; the Job's name."""
    kube("annotate", "fd", name, f"dagy.io/run={token}", "--overwrite")
    job = until(kube, "jobs", lambda j: j["metadata"].get("annotations", {}).get("dagy.io/run") == token)
    return str(job["metadata"]["name"])


def ended(kube: Kube, job: str) -> str:
    """Wait until a Job has ended; Complete or Failed."""

    def outcome(obj: Json) -> str:
        return next(
            (c["type"] for c in obj.get("status", {}).get("conditions", []) if c["type"] in ("Complete", "Failed")), ""
        )

    return outcome(until(kube, "jobs", lambda j: bool(outcome(j)), "--field-selector", f"metadata.name={job}"))


def report(kube: Kube, target: str) -> Json:
    """What a run printed."""
    found: Json = json.loads(kube("logs", target, "-c", "flow").splitlines()[0])
    return found


def speaking(kube: Kube, job: str, *, but: str = "") -> str:
    """Wait until a pod of a Job runs and has printed; its name. `but`: the name of a pod that doesn't count."""

    def up(pod: Json) -> bool:
        return pod["metadata"]["name"] != but and any(
            c.get("ready") for c in pod.get("status", {}).get("containerStatuses", [])
        )

    name = until(kube, "pods", up, "-l", f"job-name={job}")["metadata"]["name"]
    kube("wait", f"pod/{name}", "--for=condition=Ready", "--timeout=60s")
    for line in kube("logs", name, "-c", "flow", "--follow", "--limit-bytes=1").splitlines():
        assert line == "{"
    return str(name)


def test_on_schedule_and_on_request_with_two_packages(restricted: Kube, s3: S3Client, bucket: str) -> None:
    kube = restricted
    kube.apply(package("one", "idna==3.7"), package("two", "certifi"), package("newer", "idna==3.10"))
    one, two, newer = (kube.wait(name, "Ready")["status"]["slug"] for name in ("one", "two", "newer"))
    code = upload(s3, bucket, kube, "etl", daily_etl=DAILY)
    kube.apply(flow("etl", code, one, two, schedule="* * * * *"), flow("clash", code, one, newer))
    assert deployed(kube, "etl", 1)["status"]["cronJobName"] == "etl"

    clash = until(
        kube, "fd", lambda o: condition(o, "Stalled").get("status") == "True", "--field-selector", "metadata.name=clash"
    )
    assert condition(clash, "Ready")["reason"] == "VersionConflict"
    assert "brings idna 3.7 and" in clash["status"]["message"]
    assert not kube.list("jobs,cronjobs,controllerrevisions", "-l", "dagy.io/flow-deployment=clash")

    asked = run(kube, "etl", "1")
    assert ended(kube, asked) == "Complete"
    said = report(kube, f"job/{asked}")
    assert (said["idna"], said["uid"], said["secrets"]) == ("3.7", 65532, [])
    assert f"/dagy/packages/{two}/" in said["certifi"]

    kube("patch", "fd", "etl", "--type=merge", "-p", json.dumps({"spec": {"env": [{"name": "EXIT", "value": "3"}]}}))
    deployed(kube, "etl", 2)
    failing = run(kube, "etl", "2")
    assert ended(kube, failing) == "Failed"
    (pod,) = kube.list("pods", "-l", f"job-name={failing}")
    (container,) = pod["status"]["containerStatuses"]
    assert container["state"]["terminated"]["exitCode"] == 3
    assert report(kube, f"job/{failing}")["idna"] == "3.7"

    def scheduled(job: Json) -> bool:
        owner = job["metadata"]["ownerReferences"][0]["kind"]
        return owner == "CronJob" and bool(job.get("status", {}).get("conditions"))

    by_schedule = until(kube, "jobs", scheduled, "-l", "dagy.io/flow-deployment=etl")["metadata"]["name"]
    ended(kube, by_schedule)
    assert report(kube, f"job/{by_schedule}")["idna"] == "3.7"

    kube("patch", "fd", "etl", "--type=merge", "-p", '{"spec": {"schedule": null}}')
    kube("wait", "--for=delete", "cronjob/etl", "--timeout=60s")
    (owner,) = kube.get("job", by_schedule)["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"]) == ("FlowDeployment", "etl"), "taken over, and not deleted with its schedule"


def test_what_runs_keeps_its_artifacts_whatever_happens_around_it(restricted: Kube, s3: S3Client, bucket: str) -> None:
    kube = restricted
    kube.apply(package("one", "idna==3.7", revisionHistoryLimit=0), package("two", "certifi"))
    slugs = [kube.wait(name, "Ready")["status"]["slug"] for name in ("one", "two")]
    kube.apply(flow("etl", upload(s3, bucket, kube, "etl", daily_etl=LONG), *slugs, retries=3, revisionHistoryLimit=1))
    deployed(kube, "etl", 1)
    long = run(kube, "etl", "1")
    first = speaking(kube, long)
    assert report(kube, first)["idna"] == "3.7"

    kube.apply(package("one", "idna==3.10", revisionHistoryLimit=0))
    kube.until(
        "one", lambda dp: "idna==3.10" in dp["status"]["dependencies"] and condition(dp, "Ready")["status"] == "True"
    )
    kube("delete", "pod", first, "--grace-period=0", "--force")
    second = speaking(kube, long, but=first)
    assert report(kube, second)["idna"] == "3.7", "a retry keeps the artifact of its run"

    newer = upload(s3, bucket, kube, "etl", daily_etl=DAILY)
    kube.apply(flow("etl", newer, *slugs, flowVersion="2", revisionHistoryLimit=1))
    deployed(kube, "etl", 2)
    next_run = run(kube, "etl", "2")
    assert ended(kube, next_run) == "Complete"
    said = report(kube, f"job/{next_run}")
    assert (said["idna"], said["flow"]) == ("3.10", "2")
    assert [p["metadata"]["name"] for p in kube.list("pods", "-l", f"job-name={long}")] == [second], "left alone"

    now = kube.get("fd", "etl")
    kept = revisions_in(kube.list("controllerrevisions", "-l", "dagy.io/flow-deployment=etl"), now["metadata"]["uid"])
    patch = rollback_patch(now, next(one.revision for one in kept if one.number == 1))
    kube("patch", "fd", "etl", "--type=merge", "-p", json.dumps({"spec": {**patch["spec"], "args": None}}))
    rolled = deployed(kube, "etl", 3)
    assert rolled["status"]["flowVersion"] == "1"
    kube("delete", "job", long, "--timeout=60s")
    again = run(kube, "etl", "3")
    assert report(kube, speaking(kube, again))["idna"] == "3.7", "the artifact of then"

    blocked_then_forced(kube, s3, bucket, slugs[0])


def blocked_then_forced(kube: Kube, s3: S3Client, bucket: str, slug: str) -> None:
    """Deleting the package that the flow etl uses."""
    kube("delete", "dp", "one", "--wait=false")
    blocked = kube.until("one", lambda dp: bool(condition(dp, "DeletionBlocked")))
    assert f"flow deployments use it: {kube.namespace}/etl." in condition(blocked, "DeletionBlocked")["message"]
    assert condition(blocked, "Ready")["status"] == "True"
    assert keys_below(s3, bucket, f"{kube.namespace}/{slug}/")
    kube("annotate", "dp", "one", "dagy.io/force-delete=true")
    kube("wait", "--for=delete", "dp/one", "--timeout=60s")
    assert not keys_below(s3, bucket, f"{kube.namespace}/{slug}/")
    lost = until(
        kube,
        "fd",
        lambda o: condition(o, "Ready")["status"] == "False",
        "--field-selector",
        "metadata.name=etl",
        seconds=60,
    )
    assert condition(lost, "Ready")["reason"] == "UnknownSlug"
    kube("delete", "fd", "etl", "--timeout=60s")
    assert not keys_below(s3, bucket, f"{kube.namespace}/flows/etl/")
