"""A private index with passwords and an authority of its own: who gets in, what is told, and that no secret leaks."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import tomllib
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import yaml
from mypy_boto3_s3.client import S3Client

from tests.cluster.layout import current_layout
from tests.e2e.artifacts import fetch, keys_below
from tests.e2e.conftest import ROOT
from tests.e2e.kube import BUILDS, SYSTEM, Json, Kube, condition, own_namespace, package
from tests.e2e.private_index import PrivateIndex, start
from tests.fakes.index import Release

pytestmark = pytest.mark.e2e

DOCS = (ROOT / "docs/indexes.md").read_text()
PASSWORD, TOKEN, WRONG = (f"{word}/{uuid.uuid4().hex}+=" for word in ("Pass", "Tok", "Bad"))
"""With characters that look different in URLs."""

_SPY = b"""
import json, os, pathlib, urllib.request, zipfile
def _readable():
    found = {}
    for root in ("/credentials", "/input", "/ca", "/work", "/tmp", "/proc", "/var/run/secrets", "/run"):
        for folder, _, names in os.walk(root):
            if folder.startswith("/proc") and folder.count("/") > 2:
                continue
            for name in names:
                path = pathlib.Path(folder, name)
                try:
                    if path.is_file() and (not folder.startswith("/proc") or name in ("environ", "cmdline")):
                        found[str(path)] = path.read_bytes()[:20000].decode("latin-1")
                except OSError:
                    pass
    return found
def _asked(path):
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(os.environ.get("GATEWAY", "http://127.0.0.1:7080") + path, timeout=5) as answer:
            return answer.status, answer.read().decode("latin-1")
    except OSError as error:
        return getattr(error, "code", None), str(error)
def get_requires_for_build_wheel(config_settings=None): return []
def build_wheel(directory, config_settings=None, metadata_directory=None):
    name = "spy-1.0-py3-none-any.whl"
    told = json.dumps({"environment": dict(os.environ), "files": _readable(), "gateway": [_asked(p) for p in PATHS]})
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        wheel.writestr("spy.json", told)
        wheel.writestr("spy-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: spy\\nVersion: 1.0\\n")
        wheel.writestr("spy-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("spy-1.0.dist-info/RECORD", "spy.json,,\\nspy-1.0.dist-info/METADATA,,\\nspy-1.0.dist-info/RECORD,,\\n")
    return name
"""
_PYPROJECT = (
    b'[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    b'[project]\nname = "spy"\nversion = "1.0"\n'
)


def spy(root: str) -> Release:
    """A source distribution whose build looks for the index's credentials, and for more than the index's pages."""
    paths = [
        "/-/failures",
        f"/{root.replace('://', '/')}",
        f"/{root.replace('://', '/')}simple/",
        "/http/169.254.169.254/",
    ]
    backend = f"PATHS = {paths!r}\n".encode() + _SPY
    return Release(
        "spy", "1.0", sdist=True, files={"spy-1.0/pyproject.toml": _PYPROJECT, "spy-1.0/backend.py": backend}
    )


@pytest.fixture(scope="module")
def team(admin: Kube) -> Iterator[Kube]:
    """The namespace of those who may use the index, and of the index itself."""
    with own_namespace(admin) as kube:
        yield kube


@pytest.fixture(scope="module")
def stranger(admin: Kube) -> Iterator[Kube]:
    """A namespace whose administrator has allowed nothing yet."""
    with own_namespace(admin) as kube:
        yield kube


@pytest.fixture(scope="module")
def index(team: Kube) -> PrivateIndex:
    """The index. It also has an idna of its own, older than PyPI's, which must win."""
    root = f"https://private-index.{team.namespace}.svc.cluster.local/"
    releases = [Release("your-internal-lib", "1.2"), Release("certifi", "1.0"), spy(root)]
    team("label", "namespace", team.namespace, "dagy.io/builds-may-reach=true")
    running = start(team, {"ci": PASSWORD, "__token__": TOKEN}, releases)
    _allow(team)
    team.apply(_config_map(running))
    return running


def documented(kind: str) -> Json:
    """The sample of that kind in docs/indexes.md."""
    samples = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL)]
    return next(sample for sample in samples if sample["kind"] == kind)


def _allow(kube: Kube) -> None:
    """Run the command of docs/indexes.md."""
    [command] = re.findall(r"kubectl --namespace team-a (create rolebinding .*?)\n```", DOCS, re.DOTALL)
    kube(*command.replace("\\\n", " ").split())


def _config_map(index: PrivateIndex) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "company-ca"},
        "data": {"ca.crt": index.certificate},
    }


def secret(name: str, index: PrivateIndex, kind: str = "dagy.io/index-credentials", **fields: str) -> Json:
    given = fields or {"username": "ci", "password": PASSWORD}
    sample = documented("Secret")
    return {
        **sample,
        "metadata": {"name": name},
        "type": kind,
        "stringData": {"url": index.root, **given},
    }


def private(name: str, index: PrivateIndex, *secrets: str, ca: bool = True, **spec: Any) -> Json:
    """A package that only the private index can provide."""
    settings: dict[str, Any] = {"url": index.url, "secretNames": list(secrets)}
    if ca:
        settings["caBundle"] = {"configMapKeyRef": {"name": "company-ca"}}
    return package(name, *spec.pop("dependencies", ["your-internal-lib"]), index=settings, **spec)


def test_the_documented_sample_and_dependency_confusion(team: Kube, index: PrivateIndex, s3: S3Client) -> None:
    """Two indexes know certifi: PyPI's is newer, and the private one, which is asked first, wins."""
    text = yaml.safe_dump_all([documented("Secret"), documented("DepPackage")])
    text = text.replace("https://pkg.example.com/", index.root).replace("correct-horse-battery", PASSWORD)
    objects = list(yaml.safe_load_all(text))
    objects[1]["spec"]["dependencies"].append("certifi")
    team.apply(*objects)
    status = team.wait(objects[1]["metadata"]["name"])["status"]
    assert status["phase"] == "COMPLETED", status["message"]
    lock = tomllib.loads(fetch(s3, status["artifact"]["lockUri"]).decode())
    assert {p["name"]: (p["version"], p["index"]) for p in lock["packages"] if p["name"] != "idna"} == {
        "certifi": ("1.0", index.url),
        "your-internal-lib": ("1.2", index.url),
    }
    assert next(p for p in lock["packages"] if p["name"] == "idna")["index"] == "https://pypi.org/simple"
    files = zipfile.ZipFile(io.BytesIO(fetch(s3, status["s3Uri"]))).namelist()
    assert {"your_internal_lib.py", "certifi.py"} <= set(files)
    assert not team.list("secrets", "-l", f"dagy.io/slug={status['slug']}", namespace=BUILDS)


def test_a_token(team: Kube, index: PrivateIndex) -> None:
    team.apply(secret("token", index, token=TOKEN), private("by-token", index, "token"))
    assert team.wait("by-token", "Ready")["status"]["phase"] == "COMPLETED"


def test_a_wrong_password_is_not_tried_again_and_a_new_one_is_used(team: Kube, index: PrivateIndex) -> None:
    team.apply(secret("rotated", index, username="ci", password=WRONG), private("rotating", index, "rotated"))
    denied = team.wait("rotating")
    assert (denied["status"]["phase"], condition(denied, "Ready")["reason"]) == ("FAILED", "IndexAccessDenied")
    assert f"{index.url} refuses the credentials of Secret rotated (HTTP 403)" in denied["status"]["message"]
    jobs = team.list("jobs", "-l", f"dagy.io/slug={denied['status']['slug']}", namespace=BUILDS)
    assert [job["metadata"]["labels"]["dagy.io/attempt"] for job in jobs] == ["1"]
    assert not team.list("secrets", "-l", f"dagy.io/slug={denied['status']['slug']}", namespace=BUILDS)
    team.apply(secret("rotated", index))
    team("annotate", "dp", "rotating", "dagy.io/validate=1")
    assert team.wait("rotating", "Ready")["status"]["phase"] == "COMPLETED"


def test_what_is_missing_is_named(team: Kube, index: PrivateIndex) -> None:
    """Each in its sentence, and none of them ends in a Job where no Job could do it."""
    team.apply(
        secret("good", index),
        secret("plain", index, kind="Opaque"),
        secret("aimless", index, kind="dagy.io/index-credentials", url="", token=TOKEN),
        secret("elsewhere", index, url="https://elsewhere.example/", token=TOKEN),
        private("no-secret", index),
        private("no-authority", index, "good", ca=False),
        private("opaque", index, "plain"),
        private("no-url", index, "aimless"),
        private("not-for-this", index, "elsewhere"),
        private("absent", index, "nowhere"),
    )
    expected = {
        "no-secret": ("IndexAccessDenied", "no credentials were sent to it"),
        "no-authority": ("IndexNotTrusted", "spec.index.caBundle"),
        "opaque": ("IndexSecretUnusable", "Secret plain is not of type dagy.io/index-credentials"),
        "no-url": ("IndexSecretUnusable", "Secret aimless needs the key url"),
        "not-for-this": ("IndexSecretUnusable", "None of the Secrets in spec.index.secretNames is for an index"),
        "absent": ("IndexSecretUnusable", f"There is no Secret nowhere in namespace {team.namespace}"),
    }
    for name, (reason, sentence) in expected.items():
        if reason == "IndexSecretUnusable":
            found = team.held_up(name, reason)
        else:
            found = team.wait(name)
            assert (found["status"]["phase"], condition(found, "Ready")["reason"]) == ("FAILED", reason), name
        assert sentence in found["status"]["message"], name
        assert "elsewhere.example" not in json.dumps(found["status"])


def test_the_operator_reads_secrets_only_where_it_is_allowed_to(stranger: Kube, index: PrivateIndex) -> None:
    """The message holds the very command that helps; then the package goes on by itself."""
    stranger.apply(_config_map(index), secret("mine", index), private("asks", index, "mine"))
    refused = stranger.held_up("asks", "IndexSecretUnusable")["status"]
    assert "The operator may not read Secret mine" in refused["message"]
    [command] = [text.split() for text in re.findall("`kubectl (.*?)`", refused["message"])]
    stranger(*command[2:], namespace=command[1])
    assert stranger.wait("asks", "Ready")["status"]["phase"] == "COMPLETED"


def test_package_code_never_meets_the_credentials(team: Kube, index: PrivateIndex, s3: S3Client) -> None:
    team.apply(
        secret("spied", index),
        private("spying", index, "spied", dependencies=["spy"], sourceDistributions="Allow"),
    )
    status = team.wait("spying")["status"]
    assert status["phase"] == "COMPLETED", status["message"]
    told = json.loads(zipfile.ZipFile(io.BytesIO(fetch(s3, status["s3Uri"]))).read("spy.json"))
    assert "/input/request.json" in told["files"], "the spy saw nothing at all, so it proves nothing"
    assert not [path for path in told["files"] if path.startswith("/credentials")]
    assert [status for status, _ in told["gateway"]] == [200, 404, 404, 404]
    assert not leaks("spy.json", json.dumps(told).encode())


def test_the_operators_own_index_and_credentials(team: Kube, index: PrivateIndex) -> None:
    """A company's mirror: packages name nothing at all."""
    settings = {"DAGY_INDEX_URL": index.url, "DAGY_INDEX_SECRETS": "company-mirror"}
    replace(team, namespace=BUILDS).apply(secret("company-mirror", index))
    try:
        _set(team, settings)
        spec: dict[str, Any] = {"index": {"caBundle": {"configMapKeyRef": {"name": "company-ca"}}}}
        team.apply(package("of-the-mirror", "your-internal-lib", **spec))
        assert team.wait("of-the-mirror", "Ready")["status"]["phase"] == "COMPLETED"
    finally:
        _set(team, dict.fromkeys(settings))
        team("delete", "secret", "company-mirror", namespace=BUILDS)


def _set(kube: Kube, settings: dict[str, Any]) -> None:
    kube("patch", "configmap", "dagy-operator", "--type=merge", "-p", json.dumps({"data": settings}), namespace=SYSTEM)
    kube("rollout", "restart", "deployment/dagy-operator", namespace=SYSTEM)
    kube("rollout", "status", "deployment/dagy-operator", "--timeout=90s", namespace=SYSTEM)


def spellings(value: str) -> set[bytes]:
    """A secret as it is, as URLs hold it, and in base64 wherever it begins in the encoded text."""
    found = {value, quote(value), quote(value, safe=""), quote_plus(value)}
    for before in ("", "x", "xx"):
        packed = base64.b64encode(f"{before}{value}".encode()).decode()
        found.add(packed[4 if before else 0 : -4])  # what doesn't depend on the neighbours
    return {text.encode() for text in found}


SECRETS = {spelled for value in (PASSWORD, TOKEN, WRONG) for spelled in spellings(value)}


def leaks(where: str, data: bytes) -> list[str]:
    """Places where a secret stands: in the data, and in what is packed in it."""
    found = [where] if any(spelled in data for spelled in SECRETS) else []
    if data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                found += leaks(f"{where}!{name}", archive.read(name))
    if data[:2] == b"\x1f\x8b":
        found += leaks(f"{where}!", gzip.decompress(data))
    return found


def test_no_secret_is_to_be_found_anywhere(
    team: Kube, stranger: Kube, index: PrivateIndex, s3: S3Client, bucket: str
) -> None:
    """After all that: logs of everything, objects of every kind but Secrets, everything in S3."""
    assert leaks("itself", b"..." + base64.b64encode(f"ci:{PASSWORD}".encode())) == ["itself"]
    # What is told of a wrong password stands in all these places, so they were looked at.
    told = b"the credentials of Secret told-of"
    team.apply(secret("told-of", index, username="ci", password=WRONG), private("telling", index, "told-of"))
    assert condition(team.wait("telling"), "Ready")["reason"] == "IndexAccessDenied"
    found: list[str] = []
    looked: dict[str, int] = {"logs": 0, "objects": 0, "s3": 0}
    for path in (p for p in current_layout().logs.rglob("*") if p.is_file()):
        data = path.read_bytes()
        looked["logs"] += told in data
        found += leaks(str(path), data)
    kinds = team("api-resources", "--verbs=list", "-o", "name").split()
    for kind in sorted(set(kinds) - {"secrets"}):
        data = team("get", kind, "--all-namespaces", "-o", "json").encode()
        looked["objects"] += told in data
        found += leaks(kind, data)
    for namespace in (SYSTEM, BUILDS):
        for pod in team.list("pods", namespace=namespace):
            log = team("logs", pod["metadata"]["name"], "--all-containers", "--ignore-errors", namespace=namespace)
            found += leaks(f"log of {pod['metadata']['name']}", log.encode())
    for key in keys_below(s3, bucket, ""):
        data = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        looked["s3"] += told in data
        found += leaks(key, data)
    assert found == []
    on_this_machine = (current_layout().root / "node.json").exists()
    assert all(looked[place] for place in looked if place != "logs" or on_this_machine), looked
