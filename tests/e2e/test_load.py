"""What users can do to the API and to admission, all of it at once: no replica starts again, and pods start meanwhile.

DAGY_LOAD_SECONDS makes it longer. What it measured is printed (`pytest -s`).
"""

from __future__ import annotations

import gzip
import itertools
import json
import os
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from mypy_boto3_s3.client import S3Client

from tests.e2e import load
from tests.e2e.api_access import api_environment
from tests.e2e.kube import SYSTEM, Json, Kube, KubectlError, package

pytestmark = pytest.mark.e2e

SECONDS = float(os.environ.get("DAGY_LOAD_SECONDS", "20"))
REPLICAS = ("-l", "app.kubernetes.io/name in (dagy-api, dagy-webhook)")
ANSWERS_WITHIN, ADMITTED_WITHIN = 10.0, 10.0
"""Seconds that a busy machine may add to the one and the two that are wanted; what it took is printed."""
FAT = {"kubectl.kubernetes.io/last-applied-configuration": "x" * 100_000}
FILES, PATH_LENGTH = 199_000, 1_000
HOSTILE = ("six", "idna", "certifi", "attrs")


def restarts(kube: Kube) -> dict[str, int]:
    pods = kube.list("pods", *REPLICAS, namespace=SYSTEM)
    return {p["metadata"]["name"]: sum(s["restartCount"] for s in p["status"]["containerStatuses"]) for p in pods}


def megabytes(kube: Kube) -> dict[str, float]:
    """Memory that can't be given back, of each pod of the control plane."""
    (node,) = kube.list("nodes")
    summary = json.loads(kube("get", "--raw", f"/api/v1/nodes/{node['metadata']['name']}/proxy/stats/summary"))
    return {
        pod["podRef"]["name"]: pod["memory"]["workingSetBytes"] / 1e6
        for pod in summary["pods"]
        if pod["podRef"]["namespace"] == SYSTEM and "workingSetBytes" in pod.get("memory", {})
    }


def asking(name: str, *slugs: str) -> Json:
    annotations = {"dagy.io/dep-packages": ",".join(slugs), "dagy.io/python-version": "3.12"}
    container = {"name": "main", "image": "python:3.12-slim"}
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "annotations": annotations},
        "spec": {"containers": [container]},
    }  # fmt: skip


def hostile_slugs(kube: Kube, s3: S3Client) -> list[str]:
    """Packages whose lists of files are as long as they may be, and have nothing in common."""
    kube.apply(*(package(f"hostile-{name}", name) for name in HOSTILE))
    slugs = []
    for name in HOSTILE:
        status = kube.wait(f"hostile-{name}", "Ready")["status"]
        lines = (f"644 {n:064x} {name}/{n:06d}{'x' * PATH_LENGTH}\n".encode() for n in range(FILES))
        bucket, _, key = status["artifact"]["contentsUri"].removeprefix("s3://").partition("/")
        s3.put_object(Bucket=bucket, Key=key, Body=gzip.compress(b"".join(lines), 1))
        larger = json.dumps({"status": {"artifact": {"fileCount": FILES}}})
        kube("patch", "dp", f"hostile-{name}", "--subresource=status", "--type=merge", f"--patch={larger}")
        slugs.append(status["slug"])
    return slugs


@contextmanager
def proxied(kube: Kube) -> Iterator[httpx.Client]:
    """The API server in the administrator's name: what is measured is its answer, and not the start of a program."""
    command = [kube.kubectl, "--kubeconfig", kube.kubeconfig, "proxy", "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as proxy:
        try:
            assert proxy.stdout
            where = proxy.stdout.readline().strip().rpartition(" ")[2]  # "Starting to serve on 127.0.0.1:34567"
            with httpx.Client(base_url=f"http://{where}", timeout=60) as client:
                yield client
        finally:
            proxy.kill()


@contextmanager
def attached(kube: Kube, slugs: list[str]) -> Iterator[list[str]]:
    """Pods that ask for those, in all orders, one after the other, while the body runs; what is answered."""
    answers: list[str] = []
    stop = threading.Event()

    def ask() -> None:
        for number in (2, 3, 4):
            for some in itertools.permutations(slugs, number):
                if stop.is_set():
                    return
                try:
                    kube("create", "-f", "-", "--dry-run=server", stdin=asking("hostile", *some))
                except KubectlError as error:
                    answers.append(str(error))
                else:
                    answers.append("admitted")

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answers
    finally:
        stop.set()
        thread.join()


def test_what_users_do_keeps_no_pod_from_starting(kube: Kube, s3: S3Client, tmp_path: Path) -> None:
    environment = api_environment(kube, tmp_path)
    kube.apply(package("small", "idna==3.7"))
    slug = kube.wait("small", "Ready")["status"]["slug"]
    hostile = hostile_slugs(kube, s3)
    for n in range(60):
        fat = package(f"fat-{n}", "idna", suspend=True)
        fat["metadata"]["annotations"] = FAT
        path = f"/apis/dagy.io/v1/namespaces/{kube.namespace}/deppackages"
        kube("create", f"--raw={path}", "-f", "-", stdin=fat)
    before = restarts(kube)
    logs = f"/dep-packages/{kube.namespace}/small/logs"
    pods = f"/api/v1/namespaces/{kube.namespace}/pods"
    answered, admitted, memory = [], [], dict[str, float]()
    trust = ssl.create_default_context(cafile=environment["DAGY_CA_FILE"])
    with (
        load.running(environment, kube.namespace, logs),
        attached(kube, hostile) as answers,
        httpx.Client(base_url=environment["DAGY_API_URL"], verify=trust, timeout=60) as client,
        proxied(kube) as server,
    ):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            began = time.monotonic()
            assert client.get("/healthz").status_code == 200
            answered.append(time.monotonic() - began)
            began = time.monotonic()
            answer = server.post(pods, params={"dryRun": "All"}, json=asking("asks", slug))
            admitted.append(time.monotonic() - began)
            assert answer.status_code == 201, answer.text
            made = answer.json()
            assert [c["name"] for c in made["spec"]["initContainers"]] == ["dagy-attach"]
            memory = {name: max(used, memory.get(name, 0)) for name, used in megabytes(kube).items()}
    for what, took in (("/healthz", sorted(answered)), ("admitted", sorted(admitted))):
        print(f"\n{what}: {took[len(took) // 2]:.2f} s in the middle, {took[-1]:.2f} s at most of {len(took)}", end="")
    print(f"\nlong lists of files: {len(answers)} answers, {answers.count('admitted')} let in")
    print("\n".join(f"{name}: {used:.0f} MB" for name, used in sorted(memory.items())))
    assert restarts(kube) == before, "a replica has started again"
    assert answers, "a review of hostile lists came to an end"
    assert max(answered) < ANSWERS_WITHIN
    assert max(admitted) < ADMITTED_WITHIN
