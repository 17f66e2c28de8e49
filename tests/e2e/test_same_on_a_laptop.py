"""`dagy validate` and `dagy build` say and make what the cluster says and makes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from mypy_boto3_s3.client import S3Client

from dagy.model.rest.packages import RestArtifact
from dagy.model.status import ArtifactStatus
from tests.e2e import artifacts
from tests.e2e.kube import Json, Kube, condition, package

pytestmark = pytest.mark.e2e


def dagy(folder: Path, manifest: Json, *arguments: str) -> dict[str, Any]:
    """The command's answer for a package."""
    path = folder / "package.yaml"
    path.write_text(yaml.safe_dump(manifest))
    done = subprocess.run(
        [sys.executable, "-c", "from dagy.cli import main; main()", *arguments, str(path), "--json"],
        cwd=folder,
        # Caches of its own: what other builds left on this machine must not be what makes the bytes the same. Bytecode
        # is that of one release of the interpreter.
        env={
            **os.environ,
            "UV_CACHE_DIR": str(folder / "uv-cache"),
            "DAGY_SHARED_CACHE": str(folder / "shared"),
            "DAGY_PYTHON_ROOT": str(artifacts.STATE / "cache/interpreters"),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.stdout, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_the_same_lock_and_the_same_bytes(kube: Kube, s3: S3Client, tmp_path: Path) -> None:
    """Pure Python, native modules, scripts; the lists are resolved twice within seconds, against one index."""
    manifest = package("twin", "requests", "pyyaml", "httpx[cli]", python="3.12")
    kube.apply(manifest)
    here = dagy(tmp_path, manifest, "build", "-o", "out.zip")
    there = kube.wait("twin", "Ready")["status"]
    assert here["phase"] == there["phase"] == "COMPLETED"
    assert here["lock_hash"] == there["lockHash"]
    assert here["lock"] == artifacts.fetch(s3, there["artifact"]["lockUri"]).decode()
    assert here["dependencies"] == there["dependencies"]
    made = here["artifact"]
    theirs = RestArtifact.model_validate(ArtifactStatus.model_validate(there["artifact"]).model_dump())
    assert made == {"path": "out.zip", **theirs.model_dump(mode="json", include=set(made))}
    assert hashlib.sha256((tmp_path / "out.zip").read_bytes()).hexdigest() == there["artifact"]["sha256"]


@pytest.mark.parametrize(
    ("name", "dependencies"),
    [
        ("exclusive", ["requests==2.31.0", "urllib3<1.21"]),
        ("two-problems", ["idna==99.0", "no-such-package-as-this-one"]),
        ("malformed", ["idna", "requests=>2"]),
    ],
)
def test_the_same_sentence(kube: Kube, tmp_path: Path, name: str, dependencies: list[str]) -> None:
    manifest = package(name, *dependencies)
    kube.apply(manifest)
    here = dagy(tmp_path, manifest, "validate")
    there = kube.wait(name)
    status = there["status"]
    assert here["phase"] == status["phase"] == "INVALID"
    assert here["message"] == status["message"]
    assert here["reason"] == condition(there, "Ready")["reason"]
    assert [e["message"] for e in here["errors"]] == [e["message"] for e in status["validation"]["errors"]]
