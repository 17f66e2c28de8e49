"""The API of the cluster, by HTTPS from outside it, with a user's token: from nothing to the downloaded ZIP."""

from __future__ import annotations

import base64
import hashlib
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dagy.model.rest.packages import DepPackageResponse
from tests.e2e.kube import SYSTEM, Json, Kube

pytestmark = pytest.mark.e2e

API_PORT = 30443


@pytest.fixture
def client(kube: Kube, tmp_path: Path) -> Iterator[httpx.Client]:
    """A user who may edit the test's namespace and nothing else."""
    kube("create", "serviceaccount", "user")
    kube("create", "rolebinding", "user", "--clusterrole=edit", f"--serviceaccount={kube.namespace}:user")
    token = kube("create", "token", "user", "--duration=1h").strip()
    address = kube.get("configmap", "dagy-api", namespace=SYSTEM)["data"]["DAGY_API_HOSTS"]
    authority = base64.b64decode(kube.get("secret", "dagy-api-tls", namespace=SYSTEM)["data"]["ca.crt"]).decode()
    url, headers = f"https://{address}:{API_PORT}", {"Authorization": f"Bearer {token}"}
    with httpx.Client(
        base_url=url, headers=headers, verify=ssl.create_default_context(cadata=authority), timeout=120
    ) as c:
        yield c


def followed(client: httpx.Client, path: str, **query: str) -> list[tuple[float, str]]:
    """The log's lines, and when each came."""
    with client.stream("GET", f"{path}/logs", params={"follow": "true", **query}) as answer:
        assert answer.status_code == 200
        return [(time.monotonic(), line) for line in answer.iter_lines()]


def test_from_a_request_to_the_zip(client: httpx.Client, kube: Kube) -> None:
    path = f"/dep-packages/{kube.namespace}/web"
    # A small package may be built between two looks for its pod.
    body: Json = {"python_version": "3.12", "dependencies": ["idna==3.10", "certifi", "IDNA==3.11", "scikit-learn"]}
    created = client.put(path, json=body)
    assert created.status_code == 201, created.text
    assert created.json()["dependencies"] == ["certifi", "IDNA==3.11", "scikit-learn"]

    lines = followed(client, path)
    texts = [text for _, text in lines]
    assert [t for t in texts if t.startswith("===")] == [
        f"=== {s} ===" for s in ("resolve", "install", "package", "upload")
    ]
    assert any("idna" in text for text in texts)
    assert not any("dagy-result" in text for text in texts)
    assert lines[-1][0] - lines[0][0] > 1.0, "the lines came all at once: this was no live log"

    done = DepPackageResponse.read(client.get(path).json())
    assert (done.build_status, done.settled) == ("COMPLETED", True)
    assert done.package_size
    assert done.slug
    assert client.get(f"/dep-packages/by-slug/{done.slug}").json()["id"] == done.id
    kept = client.get(f"{path}/logs", params={"step": "build"})
    assert "=== upload ===" in kept.text

    told = client.get(f"{path}/download", params={"redirect": "false"}).json()
    data = httpx.get(told["url"], timeout=60).content  # without any credentials
    assert hashlib.sha256(data).hexdigest() == told["sha256"]
    assert len(data) == done.package_size

    again = client.put(path, json=body)
    assert (again.status_code, again.headers["etag"]) == (200, created.headers["etag"])
    wrong = client.patch(path, json={"dependencies": ["no-such-package-of-anybody"]})
    assert wrong.status_code == 200
    told_log = "\n".join(text for _, text in followed(client, path, step="validate"))
    invalid = DepPackageResponse.read(client.get(path).json())
    assert (invalid.id, invalid.build_status, invalid.reason) == (done.id, "INVALID", "PackageNotFound")
    assert invalid.validation
    assert invalid.validation.errors[0].requirement == "no-such-package-of-anybody"
    assert "no-such-package-of-anybody" in told_log
    assert invalid.package_size == done.package_size, "the last good ZIP stays"

    assert client.get("/dep-packages/dagy-system/x").status_code == 404
    assert client.delete(path).status_code == 202
    kube("wait", "--for=delete", "dp/web", "--timeout=60s")
    assert client.get(path).status_code == 404


def test_a_replica_goes_and_no_request_fails(client: httpx.Client, kube: Kube) -> None:
    replicas = ("-l", "app.kubernetes.io/name=dagy-api")
    old = [pod["metadata"]["name"] for pod in kube.list("pods", *replicas, namespace=SYSTEM)]
    assert len(old) == 2
    kube("delete", "pod", old[0], "--wait=false", namespace=SYSTEM)
    answers = []
    for _, pod in kube.watch("pods", *replicas, seconds=120, namespace=SYSTEM):
        answers.append(client.get("/dep-packages", params={"namespace": kube.namespace}).status_code)
        ready = any(s["ready"] for s in pod["status"].get("containerStatuses", []))
        if ready and pod["metadata"]["name"] not in old:
            break
    assert set(answers) == {200}
