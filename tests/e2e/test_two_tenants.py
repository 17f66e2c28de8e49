"""Two tenants of one cluster: whatever one may do in a namespace, what the other has stays as it was, and is not told.

Each attack is tried by somebody who may edit one namespace, and by somebody who may do everything in it.
"""

from __future__ import annotations

import base64
import ssl
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from mypy_boto3_s3.client import S3Client

from tests.e2e.api_access import PORT
from tests.e2e.artifacts import fetch, keys_below
from tests.e2e.kube import SYSTEM, Json, Kube, KubectlError, own_namespace, package

pytestmark = pytest.mark.e2e

EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
RIGHTS = ("edit", "everything")


@dataclass(frozen=True)
class Victim:
    """A tenant with a finished package."""

    kube: Kube
    s3: S3Client
    bucket: str
    status: Json

    def objects(self) -> dict[str, str]:
        """Key and ETag of everything that is in the bucket for that namespace."""
        keys = keys_below(self.s3, self.bucket, f"{self.kube.namespace}/")
        return {key: self.s3.head_object(Bucket=self.bucket, Key=key)["ETag"] for key in keys}


@dataclass(frozen=True)
class Attacker:
    """A tenant with a package, and somebody in it with certain rights there."""

    kube: Kube
    account: str
    status: Json

    def __call__(self, *arguments: str, stdin: object = None) -> str:
        """kubectl in that account's name."""
        return self.kube(*arguments, f"--as=system:serviceaccount:{self.kube.namespace}:{self.account}", stdin=stdin)

    def api(self) -> httpx.Client:
        """The API, with that account's token."""
        tls = self.kube.get("secret", "dagy-api-tls", namespace=SYSTEM)["data"]
        context = ssl.create_default_context(cadata=base64.b64decode(tls["ca.crt"]).decode())
        address = self.kube.get("configmap", "dagy-api", namespace=SYSTEM)["data"]["DAGY_API_HOSTS"]
        token = self.kube("create", "token", self.account, "--duration=1h").strip()
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=f"https://{address}:{PORT}", verify=context, headers=headers, timeout=60)


@pytest.fixture(scope="module")
def victim(admin: Kube, s3: S3Client, bucket: str) -> Iterator[Victim]:
    with own_namespace(admin, emptied=True) as kube:
        kube.apply(package("theirs", "idna"))
        yield Victim(kube, s3, bucket, kube.wait("theirs", "Ready")["status"])


@pytest.fixture(scope="module")
def tenant(admin: Kube) -> Iterator[Kube]:
    """The attackers' namespace."""
    with own_namespace(admin, emptied=True) as kube:
        kube.apply(package("mine", "six"))
        kube.wait("mine", "Ready")
        yield kube


@pytest.fixture(scope="module", params=RIGHTS)
def attacker(request: pytest.FixtureRequest, tenant: Kube) -> Attacker:
    account = f"mallory-{request.param}"
    subject = {"kind": "ServiceAccount", "name": account, "namespace": tenant.namespace}
    if request.param == "everything":
        role: Json = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": account}, "rules": [EVERYTHING]}  # fmt: skip
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": account}
        tenant.apply(role)
    else:
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"}
    tenant.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account}},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": account}, "roleRef": reference, "subjects": [subject]},
    )  # fmt: skip
    return Attacker(tenant, account, tenant.get("dp", "mine")["status"])


def _forge(attacker: Attacker, status: Json) -> bool:
    """Write to the status of the attacker's own package; whether that was let."""
    patch = ("patch", "dp", "mine", "--subresource=status", "--type=merge", "--patch-file=/dev/stdin")
    try:
        attacker(*patch, stdin={"status": status})
    except KubectlError as error:
        if "forbidden" not in str(error):
            raise
        return False
    return True


def test_a_status_leads_to_nobody_elses_files(victim: Victim, attacker: Attacker) -> None:
    theirs = victim.status
    log = fetch(victim.s3, theirs["artifact"]["logUri"]).decode()
    forged = {
        "s3Uri": theirs["s3Uri"],
        "artifact": theirs["artifact"],
        "validation": {"logUri": theirs["validation"]["logUri"]},
        "build": {"logUri": theirs["artifact"]["logUri"]},
    }
    let = _forge(attacker, forged)
    assert let == attacker.account.endswith("everything"), "the roles are not what this test is about"
    path = f"/dep-packages/{attacker.kube.namespace}/mine"
    with attacker.api() as client:
        told = client.get(f"{path}/download", params={"redirect": "false"})
        logs = client.get(f"{path}/logs")
        assert client.get(f"/dep-packages/{victim.kube.namespace}/theirs").status_code == 404
    assert victim.kube.namespace not in told.text
    assert theirs["artifact"]["sha256"] not in told.text
    assert log not in logs.text
    assert "idna" not in logs.text


def test_a_history_deletes_nothing_of_others(victim: Victim, attacker: Attacker) -> None:
    before, bucket = victim.objects(), victim.bucket
    assert before
    history = [
        victim.status["artifact"],
        {**victim.status["artifact"], "uri": f"s3://{bucket}/{victim.kube.namespace}/"},
        {**victim.status["artifact"], "uri": f"s3://{bucket}/"},
    ]
    _forge(attacker, {"history": history})
    attacker("patch", "dp", "mine", "--type=merge", "-p", '{"spec": {"revisionHistoryLimit": 0}}')
    attacker("annotate", "--overwrite", "dp", "mine", f"dagy.io/build={uuid.uuid4().hex}")
    attacker.kube.wait("mine", "Ready")
    assert victim.objects() == before
    assert victim.kube.get("dp", "theirs")["status"] == victim.status


def test_a_label_deletes_nothing_of_others(victim: Victim, attacker: Attacker) -> None:
    before = victim.objects()
    slug, name = victim.status["slug"], f"labelled-{uuid.uuid4().hex[:6]}"
    labelled = package(name, "idna", buildPolicy="Manual")
    labelled["metadata"] |= {"labels": {"dagy.io/slug": slug}, "finalizers": ["dagy.io/artifacts"]}
    attacker("create", "-f", "-", stdin=labelled)
    attacker("delete", "dp", name, "--timeout=60s")
    assert victim.objects() == before


def test_nobody_is_given_code_by_a_slug_that_others_took(victim: Victim, attacker: Attacker) -> None:
    squatted = package(f"squat-{uuid.uuid4().hex[:6]}", "idna", slug=f"SQ{uuid.uuid4().hex[:6].upper()}")
    with pytest.raises(KubectlError, match=r"spec\.slug is for those who may create slugclaims"):
        attacker("create", "-f", "-", stdin=squatted)
    everybody = {"kind": "Group", "name": "system:serviceaccounts", "apiGroup": "rbac.authorization.k8s.io"}
    offer = {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "for-all"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "dagy-view"}, "subjects": [everybody],
    }  # fmt: skip
    attacker.kube.apply(offer)
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {"name": "main", "image": "docker.io/library/python:3.12-slim", "securityContext": security}
    means = {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "means", "annotations": {"dagy.io/dep-packages": attacker.status["slug"]}},
        "spec": {"containers": [container], "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}}},
    }  # fmt: skip
    with pytest.raises(KubectlError, match="No package that namespace") as refused:
        victim.kube("create", "--dry-run=server", "-f", "-", stdin=means)
    assert attacker.kube.namespace not in str(refused.value), "whose a slug is, is nobody else's business"


def test_four_giants_stop_nobody(victim: Victim, attacker: Attacker) -> None:
    giant = {"resources": {"requests": {"cpu": "900"}}}
    names = [f"giant-{uuid.uuid4().hex[:6]}" for _ in range(4)]
    for name in names:
        attacker("create", "-f", "-", stdin=package(name, "six", build=giant))
    after = f"after-{uuid.uuid4().hex[:6]}"
    victim.kube.apply(package(after, "certifi"))
    assert victim.kube.wait(after, "Ready")["status"]["phase"] == "COMPLETED"
    for name in names:
        attacker("delete", "dp", name, "--timeout=60s")
    assert victim.kube.get("dp", "theirs")["status"] == victim.status
