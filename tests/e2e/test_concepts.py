"""docs/concepts.md and docs/sdk.md: every command and program, run as it stands there; only the host is another."""

from __future__ import annotations

import hashlib
import json
import os
import re
import ssl
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.api_access import ACCOUNT, api_environment
from tests.e2e.kube import Json, Kube, KubectlError, package

pytestmark = pytest.mark.e2e

DOCS = Path(__file__).parents[2] / "docs"
# The slugs of the pages, of three packages that are made for them: a package may ask for the slug that it had before.
SLUGS = {
    "A1B2C3D4": ("concepts-names", "idna"),
    "X9Y8Z7W6": ("concepts-trust", "certifi"),
    "M3N4P5Q6": ("concepts-six", "six"),
}
FLOW = """
import importlib, os, sys
for name in ("idna", "certifi", "six"):
    try:
        print(importlib.import_module(name).__file__)
    except ImportError:
        print("no", name)
sys.exit(int(os.environ.get("EXIT", "0")))
"""


def samples(page: str, language: str) -> list[str]:
    """The blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def packages(admin: Kube) -> Iterator[None]:
    """The three packages, built, in the namespace of commands that name none."""
    admin.apply(*(package(name, requirement, slug=slug) for slug, (name, requirement) in SLUGS.items()))
    for name, _ in SLUGS.values():
        admin.wait(name, "Ready")
    yield
    admin("delete", "fd", "my-pipeline", "--ignore-not-found", "--timeout=120s")
    admin(
        "delete", "dp", *(name for name, _ in SLUGS.values()), "daily-etl-deps", "--ignore-not-found", "--timeout=120s"
    )


@pytest.fixture(scope="module")
def access(admin: Kube, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What somebody sets who may edit the namespace."""
    yield api_environment(admin, tmp_path_factory.mktemp("access"))
    admin("delete", "rolebinding,serviceaccount", ACCOUNT)


@pytest.fixture
def here(access: dict[str, str], packages: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the flow's code in it, and the environment of somebody who works there."""
    (tmp_path / "dist").mkdir()
    for path in (tmp_path / "artifact.zip", tmp_path / "dist/artifact.zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("daily_etl.py", FLOW)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name, value in access.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def shell(command: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(["bash", "-ec", command], capture_output=True, text=True, timeout=300, check=False)
    print(command, done.stdout, done.stderr, sep="\n")
    return done


def python(program: str) -> str:
    program = program.replace("https://api.dagy.io", os.environ["DAGY_API_URL"])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def attached(admin: Kube) -> list[str]:
    """What the deployment's present revision has."""
    status: Json = admin.get("fd", "my-pipeline")["status"]
    return [one["slug"] for one in status["packages"]]


def test_the_command_line(here: Path, admin: Kube, s3_env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    single, several, run = samples("concepts.md", "sh")
    assert shell(several).returncode == 0
    assert attached(admin) == ["A1B2C3D4", "X9Y8Z7W6", "M3N4P5Q6"]
    ended = shell(run)
    assert ended.returncode == 0
    assert [Path(line).parent.name for line in ended.stdout.splitlines()[:2]] == ["idna", "certifi"]
    assert "six.py" in ended.stdout

    # Without a URL: the API inside the command, with the kubeconfig.
    monkeypatch.delenv("DAGY_API_URL")
    monkeypatch.setenv("KUBECONFIG", admin.kubeconfig)
    for name, value in s3_env.items():
        monkeypatch.setenv(name, value)
    assert shell(single).returncode == 0
    assert attached(admin) == ["A1B2C3D4"]
    assert shell(f"{single.rstrip()} --env EXIT=3").returncode == 0
    failed = shell(run)
    assert failed.returncode == 3
    assert "no certifi" in failed.stdout
    assert "Failed, exit code 3" in failed.stderr
    refused = shell(single.replace("A1B2C3D4", "NOSUCH00"))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "has the slug NOSUCH00" in refused.stderr


def test_the_sdk(here: Path, admin: Kube) -> None:
    (concepts,) = samples("concepts.md", "python")
    python(concepts)
    assert attached(admin) == ["A1B2C3D4", "X9Y8Z7W6"]
    deploy, save = samples("sdk.md", "python")
    assert python(deploy).startswith("default my-pipeline ")
    slug, phase, uri = python(save).splitlines()[0].split()
    assert (phase, (here / "daily-etl-deps.zip").stat().st_size > 0) == ("COMPLETED", True)
    assert slug in uri


def test_over_http(here: Path, admin: Kube) -> None:
    (body,), (lookup,) = samples("concepts.md", "json"), samples("concepts.md", "http")
    data = (here / "artifact.zip").read_bytes()
    headers = {"Authorization": f"Bearer {os.environ['DAGY_API_TOKEN']}"}
    trust = ssl.create_default_context(cafile=os.environ["DAGY_CA_FILE"])
    with httpx.Client(base_url=os.environ["DAGY_API_URL"], headers=headers, verify=trust, timeout=60) as api:
        start = {"deployment_name": "my-pipeline", "size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        upload = api.post("/uploads", json=start).raise_for_status().json()
        with httpx.Client() as s3:
            etag = s3.put(upload["parts"][0]["url"], content=data).raise_for_status().headers["etag"]
        parts = [{"part_number": 1, "etag": etag}]
        filled = json.loads(body.replace('"parts": [...]', '"parts": []'))
        filled |= {"upload_id": upload["upload_id"], "artifact_key": upload["artifact_key"], "parts": parts}
        first = api.post("/uploads/complete", json=filled).raise_for_status().json()
        again = api.post("/uploads/complete", json=filled).raise_for_status().json()
        assert (first["dep_package_slugs"], again["etag"]) == (["A1B2C3D4", "X9Y8Z7W6"], first["etag"])
        method, path = lookup.split()
        found = api.request(method, path.format(slug="A1B2C3D4")).raise_for_status().json()
    assert (found["name"], found["build_status"]) == ("concepts-names", "COMPLETED")
    assert found["package_size"] > 0
    assert found["s3_uri"].startswith("s3://")
    try:
        admin("wait", "fd/my-pipeline", "--for=condition=Ready", "--timeout=120s")
    except KubectlError as error:
        raise KubectlError(f"{error}\n{json.dumps(admin.get('fd', 'my-pipeline'), indent=1)}") from None
