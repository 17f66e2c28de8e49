"""docs/s3-policies: each role can do its work with them and nothing else, on a real S3 server that enforces policies.

The keys come from a file, as in the pods of an installation that gives each role credentials of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dagy.adapters.presigned import PresignedStore
from dagy.core.common.keys import FlowHome, Location
from dagy_builder.storage.errors import StorageError
from dagy_builder.storage.multipart import PART_BYTES, MultipartUpload
from dagy_builder.storage.store import ObjectStore
from tests.fakes.homes import home
from tests.s3_users import UsersServer, users_server

pytestmark = pytest.mark.apiserver

POLICIES = Path(__file__).parents[2] / "docs/s3-policies"
BUCKET = "artifacts"
HOME, FLOWS = home(bucket=BUCKET), FlowHome(Location(BUCKET), "team-a")
PACKAGE, LOG_KEY, FLOW_KEY = HOME.folder.text, HOME.log("job"), FLOWS.upload("etl", "0" * 64).key
ZIP_KEY, NOTHING = (
    HOME.artifact_of(f"s3://{BUCKET}/{PACKAGE}{'a' * 16}-cp312-manylinux_2_28_x86_64-{'b' * 16}.zip"),
    HOME.log("nothing"),
)
assert ZIP_KEY
ZIP, LOG, FLOW = ZIP_KEY.text, LOG_KEY.text, FLOW_KEY.text
As = Callable[[str], None]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[UsersServer, dict[str, dict[str, str]]]]:
    folder = tmp_path_factory.mktemp("s3-users")
    with users_server(folder, BUCKET) as running:
        names = [path.stem for path in sorted(POLICIES.glob("*.json"))]
        yield (
            running,
            {
                name: running.user(name, (POLICIES / f"{name}.json").read_text(), folder / f"{name}.credentials")
                for name in names
            },
        )


@pytest.fixture
def be(server: tuple[UsersServer, dict[str, dict[str, str]]], monkeypatch: pytest.MonkeyPatch) -> As:
    """What S3 clients that are made from now on are: one of the roles."""

    def become(role: str) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        for name, value in server[1][role].items():
            monkeypatch.setenv(name, value)

    return become


@pytest.fixture(autouse=True)
def _filled(be: As) -> None:
    """A package and a flow's code."""
    be("operator")
    store = ObjectStore(BUCKET)
    for key in (ZIP, LOG, FLOW):
        store.put(key, b"content", "application/zip")


def refused(*calls: Callable[[], object]) -> None:
    for call in calls:
        with pytest.raises(StorageError, match="lets these credentials not do"):
            call()


def test_the_operator_keeps_everything_and_nobody_elses_bucket(
    be: As, server: tuple[UsersServer, dict[str, dict[str, str]]]
) -> None:
    be("operator")
    store = ObjectStore(BUCKET)
    assert LOG in list(store.list(""))
    assert store.get(f"{PACKAGE}nothing") is None
    assert store.copy(LOG, f"{PACKAGE}build.log")
    upload = MultipartUpload(store, f"{PACKAGE}unfinished.zip", "application/zip", {})
    upload.send([b"x" * PART_BYTES])
    assert store.delete_prefix(PACKAGE) == 3
    assert not list(store.list(PACKAGE))


def test_the_api_reads_all_and_writes_flows(be: As) -> None:
    be("api")
    files, store = PresignedStore(BUCKET), ObjectStore(BUCKET)
    assert files.text(LOG_KEY) == "content"
    assert files.text(NOTHING) is None
    other = FLOWS.upload("etl", "1" * 64).key
    upload = files.start(other)
    assert files.parts(other, upload) == []
    files.abort(other, upload)
    stored = files.read(FLOW_KEY, 100)
    assert stored
    assert stored.size == len(b"content")
    files.delete(FLOW_KEY)
    assert files.size(FLOW_KEY) is None
    refused(
        lambda: store.put(ZIP, b"other", "application/zip"), lambda: files.delete(ZIP_KEY), lambda: files.start(ZIP_KEY)
    )  # fmt: skip


def test_a_build_writes_packages_and_no_flow(be: As) -> None:
    be("builds")
    store, key = ObjectStore(BUCKET), f"{PACKAGE}new.zip"
    upload = MultipartUpload(store, key, "application/zip", {})
    upload.send([b"x" * PART_BYTES, b"y"])
    assert upload.complete()
    assert not store.put_new(key, b"z", "application/zip")
    assert store.head(f"{PACKAGE}nothing") is None
    abandoned = MultipartUpload(store, f"{PACKAGE}old.zip", "application/zip", {})
    abandoned.send([b"x" * PART_BYTES])
    store.abort_uploads(PACKAGE, [f"{PACKAGE}old.zip"])
    assert key in list(store.list(PACKAGE))
    store.delete(key)
    refused(
        lambda: store.get(FLOW), lambda: store.put(FLOW, b"other", "application/zip"), lambda: store.delete(FLOW)
    )  # fmt: skip


def test_the_webhook_only_reads(be: As) -> None:
    be("webhook")
    store = ObjectStore(BUCKET)
    assert store.get(LOG) == b"content"
    assert store.get(f"{PACKAGE}nothing") is None
    refused(lambda: store.put(LOG, b"other", "text/plain"), lambda: store.delete(LOG), lambda: store.delete(FLOW))
