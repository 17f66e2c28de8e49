"""Uploads of flow artifacts in parts: cut and resumed, completed twice, corrupt, foreign; and what is deployed then."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from dagy.model.rest.deployments import DeploymentResponse
from dagy.model.rest.uploads import UploadedParts, UploadResponse
from dagy_builder.storage.store import ObjectStore
from tests.fakes.api import Api, unique

pytestmark = pytest.mark.apiserver

MIB = 1 << 20


@dataclass
class Upload:
    """A client's side of one upload."""

    client: httpx.Client
    data: bytes
    name: str = field(default_factory=lambda: unique("flow"))
    part_size: int = 5 * MIB
    etags: dict[int, str] = field(default_factory=dict)
    started: UploadResponse | None = None

    def start(self, **fields: Any) -> httpx.Response:
        body = {
            "namespace": "team-a", "deployment_name": self.name, "filename": "artifact.zip", "size_bytes": len(self.data),
            "sha256": hashlib.sha256(self.data).hexdigest(), "part_size": self.part_size, **fields,
        }  # fmt: skip
        answer = self.client.post("/uploads", json=body)
        if answer.is_success:
            self.started = UploadResponse.read(answer.json())
        return answer

    def part(self, number: int) -> bytes:
        return self.data[(number - 1) * self.part_size : number * self.part_size]

    def md5(self, number: int) -> str:
        return hashlib.md5(self.part(number)).hexdigest()

    def send(self, number: int, url: str) -> None:
        answer = httpx.put(url, content=self.part(number), timeout=60)
        assert answer.status_code == 200, answer.text
        self.etags[number] = answer.headers["etag"]

    def send_all(self) -> None:
        assert self.started
        for part in self.started.parts:
            self.send(part.part_number, part.url)

    def wanted(self, numbers: list[int], **fields: Any) -> dict[str, Any]:
        """The body that asks for fresh URLs."""
        assert self.started
        key, size = self.started.artifact_key, len(self.data)
        return {"artifact_key": key, "part_numbers": numbers, "size_bytes": size, "part_size": self.part_size, **fields}

    def complete(self, **fields: Any) -> httpx.Response:
        assert self.started
        body = {
            "upload_id": self.started.upload_id,
            "artifact_key": self.started.artifact_key,
            "parts": [{"part_number": n, "etag": etag} for n, etag in sorted(self.etags.items())],
            "deployment_name": self.name,
            "flow_name": "daily_etl",
            "flow_version": "1",
            "dep_package_slugs": [],
            **fields,
        }
        return self.client.post("/uploads/complete", json=body)

    def progress(self) -> UploadedParts:
        assert self.started
        path = f"/uploads/{self.started.upload_id}"
        answer = self.client.get(path, params={"artifact_key": self.started.artifact_key})
        assert answer.status_code == 200, answer.text
        return UploadedParts.read(answer.json())


@pytest.fixture
def alice(api: Api) -> Iterator[httpx.Client]:
    with api.client("alice") as client:
        yield client


def cut_in_the_middle(url: str, data: bytes) -> None:
    def half() -> Iterator[bytes]:
        yield data[: len(data) // 2]
        raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        httpx.put(url, content=half(), headers={"Content-Length": str(len(data))})


def test_300_mb_cut_in_the_middle_resume_and_completing_twice_changes_nothing(
    alice: httpx.Client, objects: ObjectStore
) -> None:
    upload = Upload(alice, os.urandom(300 * 10**6), part_size=32 * MIB)
    assert upload.start().status_code == 201
    assert upload.started
    urls = {part.part_number: part.url for part in upload.started.parts}
    assert len(urls) == 9
    for number in (1, 2, 4):
        upload.send(number, urls[number])
    cut_in_the_middle(urls[3], upload.part(3))

    # versitygw keeps a part that was cut, in its full length; its ETag is the MD5 of what arrived.
    known = {part.part_number for part in upload.progress().parts if part.etag == upload.md5(part.part_number)}
    assert known == {1, 2, 4}
    missing = sorted(set(urls) - known)
    path = f"/uploads/{upload.started.upload_id}/parts"
    fresh = alice.post(path, json=upload.wanted(missing)).json()
    for part in fresh["parts"]:
        upload.send(part["part_number"], part["url"])

    first = upload.complete(schedule="0 3 * * *")
    assert first.status_code == 201, first.text
    deployment = DeploymentResponse.read(first.json())
    assert (deployment.name, deployment.flow_name, deployment.schedule) == (upload.name, "daily_etl", "0 3 * * *")
    assert deployment.flow_artifact.size_bytes == len(upload.data)
    key = deployment.flow_artifact.uri.removeprefix(f"s3://{objects.bucket}/")
    assert objects.get(key, len(upload.data)) == upload.data
    again = upload.complete(schedule="0 3 * * *")
    assert (again.status_code, again.headers["etag"]) == (200, first.headers["etag"])
    assert upload.progress().completed
    same = Upload(alice, upload.data, upload.name, upload.part_size)
    same.start()
    same.send_all()
    once_more = same.complete()
    assert (once_more.status_code, once_more.headers["etag"]) == (200, first.headers["etag"])
    assert not same.progress().parts, "the second upload of the same file left its parts behind"


def test_a_new_version_replaces_the_flow_and_keeps_the_options(alice: httpx.Client) -> None:
    one = Upload(alice, b"one")
    one.start()
    one.send_all()
    assert one.complete(schedule="0 3 * * *", env=[{"name": "A", "value": "1"}]).status_code == 201
    two = Upload(alice, b"two", one.name)
    two.start()
    two.send_all()
    answer = two.complete(flow_version="2")
    assert answer.status_code == 200
    deployment = DeploymentResponse.read(answer.json())
    assert (deployment.flow_version, deployment.schedule) == ("2", "0 3 * * *")
    assert [(e.name, e.value) for e in deployment.env] == [("A", "1")]
    assert deployment.flow_artifact.sha256 == hashlib.sha256(b"two").hexdigest()
    cleared = two.complete(flow_version="2", schedule=None)
    assert cleared.json()["schedule"] is None
    with_path = alice.get(f"/deployments/team-a/{one.name}")
    assert with_path.headers["etag"] == cleared.headers["etag"]
    listed = alice.get("/deployments", params={"namespace": "team-a"}).json()["items"]
    assert one.name in [d["name"] for d in listed]


def test_parts_that_are_missing_or_wrong_are_named(alice: httpx.Client) -> None:
    upload = Upload(alice, os.urandom(12 * MIB))
    upload.start()
    upload.send_all()
    right = dict(upload.etags)
    upload.etags = {1: right[1], 3: right[3]}
    gap = upload.complete()
    assert (gap.status_code, gap.json()["code"]) == (409, "UploadIncomplete")
    assert "part 2 is missing" in gap.json()["detail"]
    upload.etags = {**right, 2: right[1]}
    wrong = upload.complete()
    assert (wrong.status_code, wrong.json()["code"]) == (409, "UploadIncomplete")
    assert "part 2" in wrong.json()["detail"]
    upload.etags = right
    assert upload.complete().status_code == 201


def test_another_file_than_announced_is_deleted_and_not_deployed(alice: httpx.Client, objects: ObjectStore) -> None:
    upload = Upload(alice, b"announced")
    upload.start()
    upload.data = b"uploaded!"
    upload.send_all()
    answer = upload.complete()
    assert (answer.status_code, answer.json()["code"]) == (409, "UploadCorrupt")
    assert upload.started
    assert objects.head(upload.started.artifact_key) is None
    assert alice.get(f"/deployments/team-a/{upload.name}").status_code == 404


def test_an_upload_can_be_given_up(alice: httpx.Client) -> None:
    upload = Upload(alice, b"x")
    upload.start()
    upload.send_all()
    assert upload.started
    path, key = f"/uploads/{upload.started.upload_id}", {"artifact_key": upload.started.artifact_key}
    assert [alice.delete(path, params=key).status_code for _ in range(2)] == [204, 204]
    assert alice.get(path, params=key).status_code == 404
    answer = upload.complete()
    assert (answer.status_code, answer.json()["code"]) == (404, "UploadNotFound")


def test_nobody_uploads_for_others(api: Api, alice: httpx.Client) -> None:
    upload = Upload(alice, b"mine")
    upload.start()
    upload.send_all()
    assert upload.started
    with api.client("bob") as bob:
        theirs = Upload(bob, upload.data, upload.name, etags=upload.etags, started=upload.started)
        assert theirs.complete().status_code == 404
        path, key = f"/uploads/{upload.started.upload_id}", {"artifact_key": upload.started.artifact_key}
        assert bob.get(path, params=key).status_code == bob.delete(path, params=key).status_code == 404
        assert theirs.start().status_code == 404
    with api.client("vera") as vera:
        assert Upload(vera, b"x").start().status_code == 403
    renamed = upload.complete(deployment_name="another")
    assert (renamed.status_code, renamed.json()["code"]) == (422, "ForeignKey")
    for key in ("rest/team-a/ABCDEFGH/x.zip", "../secret", "rest/team-a/flows/../" + "0" * 64 + ".zip"):
        foreign = upload.complete(artifact_key=key)
        assert foreign.status_code == 422, key
    assert upload.complete().status_code == 201


def test_packages_that_cannot_be_attached_stop_the_deployment(alice: httpx.Client) -> None:
    upload = Upload(alice, b"flow")
    upload.start()
    upload.send_all()
    unknown = upload.complete(dep_package_slugs=["NOSUCH01"])
    assert (unknown.status_code, unknown.json()["code"]) == (409, "UnknownSlug")
    assert "NOSUCH01" in unknown.json()["detail"]
    many = upload.complete(dep_package_slugs=[f"SLUG{i:04d}" for i in range(21)])
    assert (many.status_code, many.json()["code"]) == (409, "TooManyPackages")
    assert alice.get(f"/deployments/team-a/{upload.name}").status_code == 404
    assert upload.complete().status_code == 201


def test_a_url_takes_no_more_than_its_part(alice: httpx.Client) -> None:
    upload = Upload(alice, os.urandom(7 * MIB))
    upload.start()
    assert upload.started
    first, last = (part.url for part in upload.started.parts)
    [fresh] = alice.post(f"/uploads/{upload.started.upload_id}/parts", json=upload.wanted([2])).json()["parts"]
    for url, size in ((first, 5 * MIB + 1), (first, 4 * MIB), (last, 5 * MIB), (fresh["url"], 5 * MIB)):
        answer = httpx.put(url, content=bytes(size), timeout=60)
        assert (answer.status_code, "SignatureDoesNotMatch" in answer.text) == (403, True), size
    assert not upload.progress().parts
    upload.send(1, first)
    upload.send(2, fresh["url"])
    assert upload.complete().status_code == 201


def test_an_upload_takes_no_more_than_a_flow_may_have(alice: httpx.Client) -> None:
    upload = Upload(alice, os.urandom(6 * MIB))
    upload.start()
    upload.send_all()
    assert upload.started
    path = f"/uploads/{upload.started.upload_id}/parts"
    for fields, status, says in (
        ({"numbers": [3]}, 422, "there is no part 3: 6.3 MB have 2"),
        ({"numbers": [10_000], "size_bytes": 3 << 30}, 413, "The file has 3.2 GB, and a flow artifact may have 2.1 GB"),
        ({"numbers": [1], "part_size": 4 << 30}, 422, "part_size"),
        ({"numbers": [1], "size_bytes": 5 * MIB}, 422, "S3 has a part 2 of 1048576 bytes, which is none of them"),
    ):
        answer = alice.post(path, json=upload.wanted(**fields))  # type: ignore[arg-type]
        assert answer.status_code == status, answer.text
        assert says in answer.json()["detail"]
    assert upload.complete().status_code == 201


def test_a_file_that_is_too_large_is_refused_at_once(alice: httpx.Client) -> None:
    answer = Upload(alice, b"x").start(size_bytes=3 << 30)
    assert (answer.status_code, answer.json()["code"]) == (413, "TooLarge")
