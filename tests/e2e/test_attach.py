"""Packages in pods: a Job, a Deployment and a CronJob import them under restricted pod security; the rest is refused."""

from __future__ import annotations

import json
import queue
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from mypy_boto3_s3.client import S3Client

from tests.cluster.kube import scaled_down
from tests.e2e.kube import SYSTEM, Json, Kube, KubectlError, eventually, package

pytestmark = pytest.mark.e2e

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
PACKAGES = {
    "names": ("3.12", "idna==3.7"),
    "trust": ("3.12", "certifi"),
    "older": ("3.12", "idna==3.6"),
    "eleven": ("3.11", "idna==3.7"),
    # Two distributions that both bring serial/__init__.py.
    "serial": ("3.12", "serial"),
    "pyserial": ("3.12", "pyserial"),
}
TELL = """
import json, os, sys
import idna, certifi
def refused(path):
    try:
        open(path, "w")
    except OSError as error:
        return error.strerror
told = {
    "idna": idna.__file__, "certifi": certifi.__file__, "path": os.environ["PYTHONPATH"], "uid": os.getuid(),
    "packages": refused(os.path.dirname(idna.__file__) + "/x"), "root": refused("/x"),
    "credentials": [name for name in os.environ if "AWS" in name or "DAGY" in name],
    "token": os.path.exists("/var/run/secrets/dagy.io"),
}
print(json.dumps(told), flush=True)
"""


class Team:
    """A namespace with packages."""

    def __init__(self, kube: Kube, slugs: dict[str, str]) -> None:
        self.kube, self.slugs = kube, slugs
        # The one image of the cluster that has Python 3.12.
        self.image = kube.get("configmap", "dagy-operator", namespace=SYSTEM)["data"]["DAGY_BUILDER_IMAGE"]

    def list(self, *names: str) -> str:
        return ",".join(self.slugs[name] for name in names)

    def template(self, packages: str | None, *, code: str = TELL, image: str | None = None, **spec: Any) -> Json:
        """A pod template; an image by another name than python's needs the annotation that tells its version."""
        annotations = {} if packages is None else {"dagy.io/dep-packages": packages}
        if image is None:
            annotations["dagy.io/python-version"] = "3.12"
        hardened = {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        main = {"name": "main", "image": image or self.image, "securityContext": hardened, "command": ["/opt/python/3.12/bin/python3", "-c", code],
                "env": [{"name": "PYTHONPATH", "value": "/mine"}]}  # fmt: skip
        security = {"runAsNonRoot": True, "runAsUser": 12345, "seccompProfile": {"type": "RuntimeDefault"}}
        return {
            "metadata": {"annotations": annotations, "labels": {"app": "x"}},
            "spec": {"restartPolicy": "Never", "securityContext": security, "containers": [main], **spec},
        }

    def pod(self, name: str, packages: str | None, **options: Any) -> Json:
        template = self.template(packages, **options)
        return {"apiVersion": "v1", "kind": "Pod", **template, "metadata": {**template["metadata"], "name": name}}

    def finished(self, name: str, phase: str = "Succeeded") -> Json:
        try:
            self.kube("wait", f"--for=jsonpath={{.status.phase}}={phase}", f"pod/{name}", "--timeout=120s")
        except KubectlError as error:
            raise KubectlError(f"{error}\n{json.dumps(self.kube.get('pod', name)['status'], indent=1)}") from None
        return self.kube.get("pod", name)


@pytest.fixture(scope="module")
def team(admin: Kube) -> Iterator[Team]:
    name = f"e2e-attach-{uuid.uuid4().hex[:6]}"
    admin.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}})
    kube = Kube(admin.kubectl, admin.kubeconfig, name)
    kube.apply(*(package(name, requirement, python=python) for name, (python, requirement) in PACKAGES.items()))
    yield Team(kube, {name: kube.wait(name, "Ready")["status"]["slug"] for name in PACKAGES})
    admin("delete", "namespace", name, "--wait=false")


def workloads(team: Team) -> list[Json]:
    template = team.template(team.list("names", "trust"))
    forever = team.template(
        team.list("names", "trust"), code=f"{TELL}\nimport signal\nsignal.pause()", restartPolicy="Always"
    )
    forever["spec"]["securityContext"] |= {"runAsUser": 1001, "fsGroup": 2000}
    image_user = team.template(team.list("names", "trust"))
    del image_user["spec"]["securityContext"]["runAsUser"]
    deployment = {"selector": {"matchLabels": {"app": "x"}}, "template": forever}
    cron = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": image_user}}}
    return [
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job"}, "spec": {"template": template}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "deployment"}, "spec": deployment},
        {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "cron"}, "spec": cron},
    ]


def test_job_deployment_and_cronjob_import_both(team: Team) -> None:
    kube = team.kube
    kube.apply(*workloads(team))
    kube("create", "job", "--from=cronjob/cron", "cron-now")
    kube("rollout", "status", "deployment/deployment", "--timeout=120s")
    kube("wait", "--for=condition=Complete", "job/job", "job/cron-now", "--timeout=120s")
    first, second = (f"/dagy/packages/{team.slugs[name]}" for name in ("names", "trust"))
    for source, uid in (("job/job", 12345), ("deployment/deployment", 1001), ("job/cron-now", 65532)):
        eventually(lambda source=source: "idna" in kube("logs", source, "-c", "main"), f"{source} tells")
        told = json.loads(kube("logs", source, "-c", "main").splitlines()[-1])
        assert told == {
            "idna": f"{first}/idna/__init__.py", "certifi": f"{second}/certifi/__init__.py", "path": f"{first}:{second}:/mine",
            "uid": uid, "packages": "Read-only file system", "root": "Read-only file system", "credentials": [], "token": False,
        }  # fmt: skip
    assert not kube.list("secrets"), "no credentials of any kind are in the namespace"


def test_refused_with_sentences_and_nothing_is_created(team: Team) -> None:
    kube = team.kube
    kube.apply(package("saved", "idna", buildPolicy="Manual"))
    saved = kube.until("saved", lambda dp: dp.get("status", {}).get("slug") and dp["status"]["phase"] == "PENDING")[
        "status"
    ]["slug"]
    here = kube.namespace
    python = {"image": "python:3.12-slim"}
    refused: list[tuple[str, dict[str, Any], str]] = [
        ("ZZZZZZZZ", {}, f"No package that namespace {here} may use has the slug ZZZZZZZZ."),
        (saved, {}, f"Package {here}/saved ({saved}) is PENDING, not COMPLETED, so there is nothing to attach"),
        (team.list("eleven"), python, "is for Python 3.11, but image python:3.12-slim of container main has Python 3.12."),
        (team.list("names", "older"), {}, f"brings idna 3.7 and {here}/older ({team.slugs['older']}) brings idna 3.6; only one can be imported."),
        (team.list("serial", "pyserial"), {}, "both bring the file serial/"),
        (",".join(f"MANY{i:04d}" for i in range(21)), {}, "21 packages are asked for, and a pod takes at most 20."),
    ]  # fmt: skip
    for slugs, options, sentence in refused:
        with pytest.raises(KubectlError) as caught:
            kube("create", "-f", "-", stdin=team.pod("refused", slugs, **options))
        assert sentence in str(caught.value)
    with pytest.raises(KubectlError, match="not found"):
        kube.get("pod", "refused")


def test_a_jobs_events_say_why_its_pods_are_refused(team: Team) -> None:
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "wrong"},
        "spec": {"template": team.template("ZZZZZZZZ")},
    }
    team.kube("create", "-f", "-", stdin=job)
    involved = "involvedObject.kind=Job,involvedObject.name=wrong,reason=FailedCreate"

    def said() -> bool:
        return any(
            "has the slug ZZZZZZZZ" in e["message"] for e in team.kube.list("events", "--field-selector", involved)
        )

    eventually(said, "an Event of the Job with the sentence")
    assert not team.kube.list("pods", "-l", "job-name=wrong")


def test_a_package_of_another_namespace_is_used_by_right(team: Team, kube: Kube) -> None:
    """The webhook and the API ask the same: may the pod's service account get that package."""
    other = Team(kube, team.slugs)
    kube("annotate", "namespace", kube.namespace, f"dagy.io/packages-from={team.kube.namespace}")
    with pytest.raises(KubectlError, match=f"and the service account {kube.namespace}/default may get the package"):
        kube("create", "-f", "-", stdin=other.pod("theirs", team.list("names", "trust")))
    subject = {"kind": "ServiceAccount", "name": "default", "namespace": kube.namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "dagy-view"}
    team.kube.apply(
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "theirs"}, "roleRef": role, "subjects": [subject]}
    )  # fmt: skip
    eventually(lambda: kube("auth", "can-i", "get", "deppackages/names", f"--as=system:serviceaccount:{kube.namespace}:default", "-n", team.kube.namespace).strip() == "yes", "the role")  # fmt: skip
    kube("create", "-f", "-", stdin=other.pod("theirs", team.list("names", "trust")))
    other.finished("theirs")


def test_an_object_that_was_changed_is_not_used(team: Team, s3: S3Client) -> None:
    team.kube.apply(package("changed", "six"))
    status = team.kube.wait("changed", "Ready")["status"]
    bucket, key = status["s3Uri"].removeprefix("s3://").split("/", 1)
    s3.put_object(Bucket=bucket, Key=key, Body=bytes(status["artifact"]["sizeBytes"]))
    team.kube("create", "-f", "-", stdin=team.pod("changed", status["slug"]))
    (init,) = team.finished("changed", "Failed")["status"]["initContainerStatuses"]
    ended = init["state"]["terminated"]
    assert ended["exitCode"] == 65
    assert f"instead of {status['artifact']['sha256']}; nothing of it was used." in ended["message"]


def test_while_the_webhook_is_down(team: Team) -> None:
    with scaled_down(team.kube, SYSTEM, "dagy-webhook", replicas=2):
        team.kube("create", "-f", "-", stdin=team.pod("plain", None, code="print(1)"))
        team.finished("plain")
        with pytest.raises(KubectlError, match=r'failed calling webhook "pods\.dagy\.io"'):
            team.kube("create", "-f", "-", stdin=team.pod("asks", team.list("names")))
        with pytest.raises(KubectlError, match="not found"):
            team.kube.get("pod", "asks")

    def admitted() -> bool:
        try:
            team.kube("create", "-f", "-", "--dry-run=server", stdin=team.pod("asks", team.list("names")))
        except KubectlError as error:
            # kube-proxy learns of ready pods a moment after the Deployment's status.
            if "connection refused" in str(error) or "no endpoints available" in str(error):
                return False
            raise
        return True

    eventually(admitted, "the webhook answers again")


def test_certificates_rotate_without_a_failed_admission(team: Team) -> None:
    stop, answers = threading.Event(), queue.SimpleQueue[Exception | None]()

    def create() -> None:
        while not stop.is_set():
            try:
                team.kube("create", "-f", "-", "--dry-run=server", stdin=team.pod("again", team.list("names", "trust")))
                answers.put(None)
            except Exception as error:
                answers.put(error)

    def admitted() -> None:
        if error := answers.get(timeout=60):
            raise error

    pods = team.kube.list("pods", "-l", "app.kubernetes.io/name=dagy-webhook", namespace=SYSTEM)
    replicas = [pod["metadata"]["name"] for pod in pods]
    # From inside, because nobody but the API server reaches them.
    ask = "import ssl; print(ssl.get_server_certificate(('127.0.0.1', 9443)))"

    def served() -> list[str]:
        return [team.kube("exec", name, "--", "python3", "-c", ask, namespace=SYSTEM) for name in replicas]

    before = served()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(create)
        try:
            admitted()
            team.kube(
                "patch",
                "secret",
                "dagy-webhook-tls",
                "--type=merge",
                "-p",
                '{"data": {"tls.crt": ""}}',
                namespace=SYSTEM,
            )
            eventually(lambda: not set(served()) & set(before), "every replica serves a new certificate")
            while not answers.empty():
                admitted()
            for _ in range(2):  # of which the second began after the rotation
                admitted()
        finally:
            stop.set()
    assert len(set(served())) == 1, "all replicas serve the same one"
