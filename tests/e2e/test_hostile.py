"""Strangers' code on the cluster: it gets nothing, harms nobody else, and the result says what happened.

All packages are applied at once; each test waits for its own. What the code found it reports in its own ZIP, and past
all steps in the container's log.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mypy_boto3_s3.client import S3Client

from tests.e2e import static_index
from tests.e2e.artifacts import fetch
from tests.e2e.kube import BUILDS, SYSTEM, Json, Kube, condition, own_namespace, package
from tests.fakes.index import Release

pytestmark = pytest.mark.e2e

BACKEND = Path(__file__).with_name("hostile_backend.py").read_bytes()
_BUILD_SYSTEM = b'[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
OVERDUE_SECONDS = 45


def source(name: str, does: str, *, validated: bool = False, **orders: Any) -> Release:
    """A source distribution that does that when it is built: for the lock as well, where `validated`, or only then."""
    static = b"" if validated else f'[project]\nname = "{name}"\nversion = "1.0"\n'.encode()
    files = {
        "pyproject.toml": _BUILD_SYSTEM + static,
        "backend.py": BACKEND,
        "orders.json": json.dumps({"name": name, "does": does, **orders}).encode(),
    }
    return Release(name, "1.0", sdist=True, files={f"{name}-1.0/{path}": data for path, data in files.items()})


def spy(name: str, does: str, kube: Kube, s3_env: dict[str, str]) -> Release:
    """One that looks everywhere."""
    [node] = kube.list("nodes")
    [operator] = kube.list("pods", "-l", "app.kubernetes.io/name=dagy-operator", namespace=SYSTEM)
    node_ip = next(a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP")
    service = kube.get("service", "kubernetes", namespace="default")["spec"]["clusterIP"]
    inside = "http://versitygw.dagy-s3.svc.cluster.local:7070"
    bucket = s3_env["DAGY_S3_BUCKET"]
    return source(
        name,
        does,
        validated=True,
        addresses=[
            (service, 443),
            (node_ip, 6443),
            (node_ip, 10250),
            (node_ip, 2379),
            (operator["status"]["podIP"], 8080),
            ("169.254.169.254", 80),
            ("dagy-api.dagy-system.svc.cluster.local", 443),
        ],
        urls=[
            ("http://169.254.169.254/latest/meta-data/iam/security-credentials/", "GET"),
            ("http://169.254.169.254/latest/api/token", "PUT"),
            (f"https://{service}/api/v1/namespaces/dagy-builds/secrets", "GET"),
            (f"{inside}/{bucket}", "GET"),
            (f"{inside}/{bucket}/forged", "PUT"),
        ],
        paths=[
            "/work/package/artifact.zip",
            "/work/package/package.json",
            "/work/package/outcome.json",
            "/work/upload/outcome.json",
            "/input/request.json",
            "/ca/forged",
            "/app/dagy_builder/steps/pipeline.py",
            "/opt/python/3.12/lib/python3.12/os.py",
            "/etc/passwd",
            "/cache/uv/forged",
            "/proc/sys/kernel/core_pattern",
        ],
    )


@pytest.fixture(scope="module")
def team(admin: Kube) -> Iterator[Kube]:
    """A namespace with an index of hostile packages."""
    with own_namespace(admin, emptied=True) as kube:
        yield kube


def operators(kube: Kube) -> list[tuple[str, int]]:
    """The operator's pods, and how often each was started again."""
    pods = kube.list("pods", "-l", "app.kubernetes.io/name=dagy-operator", namespace=SYSTEM)
    return [(pod["metadata"]["uid"], pod["status"]["containerStatuses"][0]["restartCount"]) for pod in pods]


@pytest.fixture(scope="module")
def batch(team: Kube, s3_env: dict[str, str]) -> Iterator[Kube]:
    """All hostile packages on their way; afterwards the operator is the same process as before."""
    before = operators(team)
    hook = Release("startup-hook", "1.0", files={"sitecustomize.py": b"print('here I am')\n"})
    url = static_index.start(
        team,
        [
            spy("spy", "spy", team, s3_env),
            spy("complains", "complain", team, s3_env),
            source("forks", "fork", validated=True),
            source("eats", "allocate"),
            source("hangs", "hang"),
            source("links", "link"),
            hook,
        ],
    )

    def hostile(name: str, *dependencies: str, allow: bool = True, **build: Any) -> Json:
        sources = "Allow" if allow else "Forbid"
        index = {"extraUrls": [url]}
        options = {"retries": 0, "timeoutSeconds": 180, **build}
        return package(name, *dependencies, index=index, sourceDistributions=sources, build=options)

    team.apply(
        hostile("hangs", "hangs", timeoutSeconds=OVERDUE_SECONDS),
        hostile("spy", "spy", "idna"),
        hostile("complains", "complains"),
        hostile("forks", "forks", timeoutSeconds=OVERDUE_SECONDS),
        hostile("eats", "eats", resources={"limits": {"memory": "300Mi"}}),
        hostile("links", "links"),
        hostile("hook", "startup-hook", allow=False),
        hostile("forbidden", "spy", allow=False),
    )
    yield team
    assert operators(team) == before


def settled(kube: Kube, name: str, phase: str, reason: str) -> Json:
    """The package's status, once it has settled as it should."""
    found = kube.wait(name)
    told = (found["status"]["phase"], condition(found, "Ready")["reason"])
    assert told == (phase, reason), json.dumps(found["status"], indent=1)
    status: Json = found["status"]
    return status


@pytest.fixture(scope="module")
def spied(batch: Kube, s3: S3Client) -> tuple[Json, dict[str, Any], str]:
    """Status of the spy's package, what it tells in its ZIP, and the logs of both Jobs."""
    status = settled(batch, "spy", "COMPLETED", "ArtifactReady")
    with zipfile.ZipFile(io.BytesIO(fetch(s3, status["s3Uri"]))) as archive:
        told = json.loads(archive.read("spy.json"))
    uris = (status["validation"]["logUri"], status["artifact"]["logUri"])
    return status, told, "".join(fetch(s3, uri).decode() for uri in uris)


def test_a_spy_finds_no_secret(batch: Kube, spied: tuple[Json, dict[str, Any], str], s3_env: dict[str, str]) -> None:
    _, told, _ = spied
    assert told["processes"]["/proc/1/environ"].startswith("error: "), "the step's own process is closed to it"
    assert {answer.partition(":")[0] for answer in told["process_one"].values()} == {"no"}, told["process_one"]
    assert told["files"]["/input/request.json"], "it could read"
    everything = json.dumps(told)
    assert s3_env["AWS_SECRET_ACCESS_KEY"] not in everything
    assert s3_env["AWS_ACCESS_KEY_ID"] not in everything
    for name in ("AWS_", "DAGY_S3"):
        assert name not in everything
    assert not [path for path in told["files"] if "secrets" in path or path.startswith(("/credentials", "/cache"))]
    # Its own container's processes, and nobody else's: the other steps run beside it.
    lines = [line for path, line in told["processes"].items() if path.endswith("cmdline")]
    assert any("install" in line for line in lines)
    assert not [line for line in lines if "package" in line.split("\0") or "upload" in line.split("\0")]
    assert told["processes"].keys() >= {"/proc/1/environ"}


@pytest.fixture(scope="module")
def complained(batch: Kube, s3: S3Client) -> str:
    """The log of a validation whose package code failed, and said before what it had seen."""
    status = settled(batch, "complains", "INVALID", "ResolutionFailed")
    return fetch(s3, status["validation"]["logUri"]).decode()


def test_a_spy_reaches_nobody_but_its_indexes(spied: tuple[Json, dict[str, Any], str], complained: str) -> None:
    _, told, _ = spied
    said = [line.strip().split(" ", 2) for line in complained.splitlines() if line.strip().startswith("spied: ")]
    validating = {name: json.loads(answers) for _, name, answers in said}
    for one in (told, validating):
        assert {answer.partition(":")[0] for answer in one["reached"].values()} == {"no"}, one["reached"]
        # S3 answers, because the upload of the same pod needs it; without credentials it gives nothing.
        refused = {url: answer for url, answer in one["asked"].items() if answer.partition(":")[0] != "no"}
        assert not refused, refused
        assert {answer.partition(":")[0] for answer in one["written"].values()} == {"no"}, one["written"]


def test_what_a_spy_forged_is_in_nothing(
    batch: Kube, spied: tuple[Json, dict[str, Any], str], complained: str, s3: S3Client
) -> None:
    status, _, log = spied
    assert "Past everything" not in log + complained, "a step's log is closed to package code"
    assert "All is well" in complained, "its own words are kept"
    for text in (log, complained):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert not [line for line in text.splitlines() if line.startswith("dagy-result:")]
    assert status["artifact"]["packageCount"] == 2
    record = fetch(s3, status["artifact"]["lockUri"]).decode()
    assert "spy" in record
    assert "idna" in record


def test_the_next_build_is_clean(batch: Kube, spied: tuple[Json, dict[str, Any], str], s3: S3Client) -> None:
    _, told, _ = spied
    assert told["poisoned"] >= 0
    batch.apply(package("after", "idna", "certifi"))
    status = settled(batch, "after", "COMPLETED", "ArtifactReady")
    with zipfile.ZipFile(io.BytesIO(fetch(s3, status["s3Uri"]))) as archive:
        files = {info.filename: archive.read(info) for info in archive.infolist()}
    assert not [path for path, data in files.items() if b"POISONED" in data]
    hashed = 0
    for path in [path for path in files if path.endswith(".dist-info/RECORD")]:
        for file, digest, _ in csv.reader(files[path].decode().splitlines()):
            if digest:
                found = base64.urlsafe_b64encode(hashlib.sha256(files[file]).digest()).rstrip(b"=").decode()
                assert digest == f"sha256={found}", file
                hashed += 1
    assert hashed > 10


def test_a_fork_bomb(batch: Kube) -> None:
    """It gets as many processes as a pod may have; they hold the build's output open, so that it ends at the deadline."""
    settled(batch, "forks", "FAILED", "DeadlineExceeded")


def test_memory_without_end(batch: Kube) -> None:
    status = settled(batch, "eats", "FAILED", "OutOfMemory")
    assert "install" in status["message"]


def test_what_ignores_signals_ends_at_the_deadline(batch: Kube) -> None:
    settled(batch, "hangs", "FAILED", "DeadlineExceeded")
    selector = ("-l", f"dagy.io/slug={batch.get('dp', 'hangs')['status']['slug']}")
    running = [pod for pod in batch.list("pods", *selector, namespace=BUILDS) if pod["status"]["phase"] == "Running"]
    assert not running


def test_a_link_in_the_tree(batch: Kube) -> None:
    status = settled(batch, "links", "FAILED", "TreeRefused")
    assert "environment.txt" in status["message"]
    assert "it is a symbolic link" in status["message"]


def test_a_wheel_that_would_run_at_every_start(batch: Kube) -> None:
    status = settled(batch, "hook", "FAILED", "TreeRefused")
    assert "sitecustomize.py" in status["message"]
    assert "Python would run it at the start of every program" in status["message"]


def test_where_it_is_forbidden_nothing_runs_and_the_way_is_told(batch: Kube) -> None:
    status = settled(batch, "forbidden", "INVALID", "NoWheel")
    assert "sourceDistributions" in status["message"]
