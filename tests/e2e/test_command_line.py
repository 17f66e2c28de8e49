"""`dagy` on the cluster: packages from their creation to their end, deployments over two revisions."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.api_access import api_environment
from tests.e2e.kube import Kube

pytestmark = pytest.mark.e2e

Dagy = Callable[..., subprocess.CompletedProcess[str]]
PROGRAM = Path(sys.executable).parent / "dagy"


@pytest.fixture
def dagy(kube: Kube, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dagy:
    """The program, as somebody who may edit the test's namespace."""
    environment = {**os.environ, **api_environment(kube, tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [str(PROGRAM), *arguments, "-n", kube.namespace]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == code, f"{arguments}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    return run


def test_packages(dagy: Dagy, kube: Kube, tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("idna==3.7\nsix\n")
    dagy("packages", "create", "ml", "idna==3.6", "--python", "3.12")
    followed = dagy("packages", "logs", "ml", "-f").stdout.splitlines()  # before there is a Job, through both steps
    built = dagy("packages", "wait", "ml").stdout
    assert "ml (" in built
    assert ": COMPLETED, " in built
    assert [line for line in followed if line.startswith("idna==3.6")], followed
    assert [line for line in followed if "upload: s3://" in line]
    slug = json.loads(dagy("packages", "show", "ml", "--json").stdout)["slug"]
    assert "idna==3.6" in dagy("packages", "logs", slug, "--step", "validate").stdout

    told = dagy("packages", "import", "more.txt", "--into", slug, code=1).stderr
    assert "existing  idna==3.6\n    incoming  idna==3.7\n" in told
    dagy("packages", "import", "more.txt", "--into", slug, "--use", "idna")
    dagy("packages", "rebuild", slug, "--wait")
    dagy("packages", "download", slug)
    sha256 = kube.get("dp", "ml")["status"]["artifact"]["sha256"]
    path = tmp_path / f"{slug}.zip"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    with zipfile.ZipFile(path) as archive:
        assert {"idna-3.7.dist-info/METADATA", "six.py"} <= set(archive.namelist())

    refused = dagy("packages", "create", "ml", "idna==0.0.1", "--python", "3.12", "--replace", "--wait", code=1)
    assert ": INVALID: " in refused.stderr
    assert "idna" in refused.stderr
    dagy("packages", "delete", slug)


def test_deployments(dagy: Dagy, kube: Kube, tmp_path: Path) -> None:
    deploy = ("deploy", "artifact.zip", "--deployment", "nightly", "--python", "3.12")
    for version in ("one", "two"):
        with zipfile.ZipFile(tmp_path / "artifact.zip", "w") as archive:
            archive.writestr("nightly.py", f"print('version {version}')\n")
        dagy(*deploy, "--flow-version", version)
    row = dagy("deployments", "list").stdout.splitlines()[1].split()
    assert row[1:6] == ["nightly", "nightly", "two", "2", "Ready"]
    assert dagy("run", "nightly", "--wait").stdout == "version two\n"
    assert dagy("deployments", "rollback", "nightly").stdout.startswith(
        f"{kube.namespace}/nightly: nightly one is revision "
    )
    job = dagy("run", "nightly").stdout.strip()
    assert dagy("deployments", "logs", "nightly", job, "--follow").stdout == "version one\n"
    shown = dagy("deployments", "show", "nightly").stdout
    assert job in shown
    assert "nightly, version one" in shown
    dagy("deployments", "rollback", "nightly", "--revision", "99", code=1)
    dagy("deployments", "delete", "nightly")
    assert "nightly" in dagy("run", "nothing-nightly", code=1).stderr
