"""What lies in artifacts, on a real S3 server: lock, contents, bill of materials, record, differences."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from dagy.model.rest.artifacts import ArtifactContents, ArtifactDiff, ArtifactLock, BuildRecord
from dagy_builder.storage.store import ObjectStore
from tests.fakes.api import Api
from tests.fakes.artifacts import RECORD, Built, archive, distribution, lock

pytestmark = pytest.mark.apiserver


class Served(Built):
    """Such a package, and what users get of it from the API."""

    def __init__(self, api: Api, objects: ObjectStore) -> None:
        super().__init__(api.users, objects)
        self._api = api

    def get(self, path: str, user: str = "vera", **query: str) -> Any:
        return self.of_package(f"/artifacts{path}", user, **query)

    def of_package(self, path: str, user: str = "vera", **query: str) -> Any:
        with self._api.client(user) as client:
            return client.get(f"/dep-packages/team-a/{self.name}{path}", params=query)


@pytest.fixture
def built(api: Api, objects: ObjectStore) -> Served:
    return Served(api, objects)


def test_what_lies_in_it(built: Served) -> None:
    files = distribution("alpha", "1.2", "alpha/__init__.py", "alpha/big.so", content=b"x" * 1000)
    files |= distribution("beta_x", "2.0", "beta.py") | {"unclaimed.txt": b"?"}
    sha = built.add(archive(files), lock(alpha="1.2", **{"beta-x": "2.0"}))
    locked = ArtifactLock.model_validate(built.get(f"/{sha}/lock").json())
    assert [(one.name, one.version, one.direct) for one in locked.packages] == [
        ("alpha", "1.2", True),
        ("beta-x", "2.0", False),
    ]
    assert locked.packages[0].wheel == "alpha-1.2-py3-none-any.whl"
    answer = built.get(f"/{sha}/contents")
    assert answer.headers["content-encoding"] == "gzip"
    found = ArtifactContents.model_validate(answer.json())
    assert {one.path: one.size for one in found.files} == {path: len(content) for path, content in files.items()}
    assert next(one for one in found.files if one.path == "alpha/big.so").compressed < 100
    assert [(one.name, one.version, one.files) for one in found.distributions] == [
        ("alpha", "1.2", 3),
        ("beta-x", "2.0", 2),
    ]
    assert built.get(f"/{sha}/sbom").json() == {"bomFormat": "CycloneDX"}
    record = BuildRecord.model_validate(built.get(f"/{sha}/record").json())
    assert (record.uv, record.python, record.seconds) == ("0.13.8", "3.12.4", RECORD["seconds"])


def test_two_of_them_differ(built: Served) -> None:
    before = built.add(archive(distribution("alpha", "1.2", "alpha.py") | distribution("old", "1", "old.py")), lock(alpha="1.2", old="1", same="1"))  # fmt: skip
    after = built.add(
        archive(distribution("alpha", "1.3", "alpha.py", "more.py")), lock(alpha="1.3", new="3", same="1")
    )
    found = ArtifactDiff.model_validate(built.get(":diff", **{"from": before, "to": after}).json())
    assert [(one.name, one.version) for one in found.added] == [("new", "3")]
    assert [(one.name, one.version) for one in found.removed] == [("old", "1")]
    (alpha,) = found.changed
    assert (alpha.name, alpha.from_version, alpha.to_version, alpha.direction) == ("alpha", "1.2", "1.3", "up")
    assert alpha.bytes_from
    assert alpha.bytes_to
    assert alpha.bytes_from < alpha.bytes_to
    same = ArtifactDiff.model_validate(built.get(":diff", **{"from": after, "to": after}).json())
    assert same == ArtifactDiff(added=[], removed=[], changed=[])


def test_the_largest_that_are_promised(built: Served) -> None:
    files = {f"package/module_{number:05}/some_rather_long_name_of_a_file.py": b"" for number in range(65_000)}
    sha = built.add(archive(files), lock(alpha="1"), fileCount=65_000)
    found = built.get(f"/{sha}/contents")
    assert found.status_code == 200, found.text
    assert len(found.json()["files"]) == 65_000
    large = built.add(archive({"a.py": b"x" * 70_000}, zip64=True), lock(alpha="1"))
    assert built.get(f"/{large}/contents").json()["files"][0]["size"] == 70_000


def test_only_those_of_the_package_and_of_who_may_see_it(built: Served, api: Api, objects: ObjectStore) -> None:
    sha = built.add(archive({"a.py": b"1"}), lock(alpha="1"))
    other = Served(api, objects)
    theirs = other.add(archive({"secret.py": b"2"}), lock(secret="1"))
    for path in ("lock", "contents", "sbom", "record"):
        assert built.get(f"/{theirs}/{path}").json()["code"] == "NotFound"
        assert built.get(f"/{sha}/{path}", user="bob").status_code == 404
        assert built.get(f"/nonsense/{path}").status_code == 422
    stolen = other.known[0]
    again = built.add(archive({"b.py": b"3"}), lock(alpha="1"), uri=stolen["uri"], lockUri=stolen["lockUri"])
    for path in ("lock", "contents"):
        assert built.get(f"/{again}/{path}").json()["code"] == "NotFound", "status may say what it wants"


def test_what_is_gone_or_spoiled_is_said(built: Served) -> None:
    sha = built.add(b"no ZIP at all", "no lock")
    assert "can't be read" in built.get(f"/{sha}/contents").json()["detail"]
    assert "can't be read" in built.get(f"/{sha}/lock").json()["detail"]
    built.forget(sha)
    for path in ("lock", "pylock.toml", "contents", "sbom", "record"):
        answer = built.get(f"/{sha}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "NotFound"), answer.text
    assert "not in S3 any more" in built.of_package("/download").json()["detail"]


def test_the_lock_itself(built: Served) -> None:
    text = lock(alpha="1.2")
    answer = built.get(f"/{built.add(archive({}), text)}/pylock.toml")
    assert (answer.headers["content-type"], answer.text) == ("application/toml", text)


def test_an_earlier_one_can_be_downloaded(built: Served) -> None:
    earlier, present = built.add(b"earlier", lock(alpha="1")), built.add(b"present", lock(alpha="2"))
    for sha256, data, name in ((None, b"present", "py3.12.zip"), (present, b"present", f"{present[:12]}.zip"), (earlier, b"earlier", f"{earlier[:12]}.zip")):  # fmt: skip
        told = built.of_package("/download", redirect="false", **({"sha256": sha256} if sha256 else {})).json()
        assert httpx.get(told["url"]).content == data
        assert told["filename"].endswith(name)
    assert built.of_package("/download", sha256="0" * 64).status_code == 404
