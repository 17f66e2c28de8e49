"""Deploying through the SDK: real API, real S3; uploads that are cut, repeated, refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dagy.client import ApiError, Client, ConflictError, InvalidError, StoreError
from dagy.client.files.artifacts import read_artifact
from dagy.client.files.parts import PartSender, slices
from dagy.client.http.requests import Call, answer
from dagy.deploy import upload_artifact_via_api
from dagy.model.rest.packages import DepPackageBody
from dagy.model.rest.uploads import UploadResponse
from dagy_builder.storage.store import ObjectStore
from tests.fakes.api import Api, unique
from tests.fakes.operator import PlayedOperator

pytestmark = pytest.mark.apiserver

# Deploys a file, and stands still once its first part is there, until it is killed.
STANDS_STILL = """
import sys, threading
from dagy.deploy import upload_artifact_via_api
def progress(done, total):
    if done:
        print(done, flush=True)
        threading.Event().wait()
upload_artifact_via_api(artifact_path=sys.argv[1], deployment_name=sys.argv[2], flow_name="flow", flow_version="1",
                        namespace="team-a", progress=progress)
"""


@pytest.fixture
def slug(served: Api, played: PlayedOperator, environment: None) -> str:
    """A package that is built."""
    name = unique()
    with Client(served.url, namespace="team-a") as client:
        client.packages.save(name, DepPackageBody(python_version="3.12", dependencies=["six"]))
    return played.completes("team-a", name)


@pytest.fixture
def environment(served: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a user sets."""
    monkeypatch.setenv("DAGY_API_URL", served.url)
    monkeypatch.setenv("DAGY_API_TOKEN", served.users.token("dora"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def artifact(path: Path, padding: int = 0) -> Path:
    """A flow, with bytes that can't be compressed."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("flow.py", "print('hello')\n")
        archive.writestr("data.bin", os.urandom(padding))
    return path


def deploy(path: Path, name: str, *slugs: str, version: str = "1", **options: object) -> object:
    return upload_artifact_via_api(
        artifact_path=path, deployment_name=name, flow_name="flow", flow_version=version, namespace="team-a",
        dep_package_slugs=slugs, **options,
    )  # fmt: skip


def test_what_is_deployed_is_what_was_asked_for(
    environment: None, slug: str, played: PlayedOperator, objects: ObjectStore, tmp_path: Path
) -> None:
    name, path, seen = unique("d"), artifact(tmp_path / "a.zip"), []
    options = {
        "schedule": "0 3 * * *",
        "env": {"TARGET": "x"},
        "progress": lambda done, total: seen.append((done, total)),
    }
    deploy(path, name, slug, **options)
    spec = played.get("team-a", name, "flowdeployment")["spec"]
    local = read_artifact(path)
    assert (spec["artifact"]["sha256"], spec["artifact"]["sizeBytes"]) == (local.sha256, local.size_bytes)
    assert objects.get(spec["artifact"]["uri"].split("/", 3)[3]) == path.read_bytes()
    assert (spec["flowName"], spec["flowVersion"], spec["depPackageSlugs"]) == ("flow", "1", [slug])
    assert (spec["schedule"], spec["env"]) == ("0 3 * * *", [{"name": "TARGET", "value": "x"}])
    assert (seen[0], seen[-1]) == ((0, local.size_bytes), (local.size_bytes, local.size_bytes))
    # A new version: options that are left out stay, packages don't.
    deploy(path, name, version="2")
    spec = played.get("team-a", name, "flowdeployment")["spec"]
    assert (spec["flowVersion"], spec["schedule"], spec.get("depPackageSlugs", [])) == ("2", "0 3 * * *", [])


def test_an_upload_that_was_killed_goes_on_where_it_was(
    environment: None, played: PlayedOperator, objects: ObjectStore, tmp_path: Path
) -> None:
    name, path = unique("d"), artifact(tmp_path / "large.zip", 70 << 20)
    with subprocess.Popen(
        [sys.executable, "-c", STANDS_STILL, str(path), name], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert int(process.stdout.readline()) >= 5 << 20
        process.send_signal(signal.SIGKILL)
    (state,) = (tmp_path / "cache/dagy/uploads").iterdir()
    first = json.loads(state.read_text())["upload_id"]
    seen: list[int] = []
    deploy(path, name, progress=lambda done, _total: seen.append(done))
    assert 0 < seen[0] < path.stat().st_size
    assert seen[-1] == path.stat().st_size
    uri = played.get("team-a", name, "flowdeployment")["spec"]["artifact"]["uri"]
    assert objects.get(uri.split("/", 3)[3], limit=1 << 30) == path.read_bytes()
    assert first
    assert not list((tmp_path / "cache/dagy/uploads").iterdir())
    generation = played.get("team-a", name, "flowdeployment")["metadata"]["generation"]
    deploy(path, name)
    assert played.get("team-a", name, "flowdeployment")["metadata"]["generation"] == generation


def test_an_upload_state_that_leads_nowhere_costs_nothing(
    environment: None, played: PlayedOperator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, path = unique("d"), artifact(tmp_path / "a.zip")
    with Client() as client:
        sent = client.uploads.upload(read_artifact(path), name, "team-a")
        client.uploads.abort(sent.upload_id, sent.artifact_key)
    assert list((tmp_path / "cache/dagy/uploads").iterdir())
    deploy(path, name)
    assert played.get("team-a", name, "flowdeployment")["spec"]["flowVersion"] == "1"


def test_refusals_are_the_servers_sentences(environment: None, tmp_path: Path) -> None:
    path = artifact(tmp_path / "a.zip")
    with pytest.raises(
        ConflictError, match="No package that namespace team-a may use has the slug A1B2C3D4"
    ) as refused:
        deploy(path, unique("d"), "A1B2C3D4")
    assert refused.value.code == "UnknownSlug"
    with pytest.raises(InvalidError, match=r"dep_package_slugs\.0"):
        deploy(path, unique("d"), "not-a-slug")
    with pytest.raises(ApiError):
        upload_artifact_via_api(
            artifact_path=path, deployment_name=unique("d"), flow_name="flow", flow_version="1", namespace="team-b"
        )


@pytest.fixture
def store() -> Iterator[httpx.Client]:
    with httpx.Client() as store:
        yield store


def test_a_url_that_has_expired_is_replaced_once(
    environment: None, store: httpx.Client, tmp_path: Path, served: Api
) -> None:
    path = artifact(tmp_path / "a.zip")
    local = read_artifact(path)
    start = {
        "namespace": "team-a",
        "deployment_name": unique("d"),
        "size_bytes": local.size_bytes,
        "sha256": local.sha256,
    }
    with Client() as client:
        started = client._session.send(Call("POST", "/uploads", answer(UploadResponse), body=start))
    good = started.parts[0].url
    bad = good.replace("X-Amz-Signature=", "X-Amz-Signature=0")
    cut, asked = slices(local.size_bytes, started.part_size), []

    def fresh(number: int) -> str:
        asked.append(number)
        return good

    assert PartSender(store, path, fresh, lambda size: None).send(cut, {1: bad}).keys() == {1}
    assert asked == [1]
    with pytest.raises(StoreError, match="answered 403") as refused:
        PartSender(store, path, lambda number: bad, lambda size: None).send(cut, {1: bad})
    assert "Signature" not in str(refused.value)
