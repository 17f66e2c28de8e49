"""The wheel cache that builds share: nothing is downloaded twice, damage heals, nothing is left behind."""

from __future__ import annotations

import fcntl
import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from dagy_builder.contract import BuildRequest, Fault, Reason, StepOutcome
from dagy_builder.steps import pipeline
from dagy_builder.steps.resolve import lock_of_result
from dagy_builder.steps.shared_cache import cached_tree
from tests.fakes.index import Index


@dataclass
class Builds:
    """Builds of one lock, each in a pod of its own, with one volume."""

    index: Index
    request: BuildRequest
    lock: str
    volume: Path
    work: Path
    patch: pytest.MonkeyPatch
    count: int = 0
    said: list[str] = field(default_factory=list)

    @property
    def tree(self) -> Path:
        return self.volume / f"trees/{self.count}"

    def install(self, attempt: int = 1) -> StepOutcome:
        self.count += 1
        self.index.requests.clear()
        self.patch.setenv("DAGY_CACHED_TREE", str(self.tree))
        request = replace(self.request, attempt=attempt)
        return pipeline.install(request, self.lock, self.work / str(self.count), self.said.append)

    def package(self, attempt: int = 1) -> StepOutcome:
        request = replace(self.request, attempt=attempt)
        return pipeline.package(request, self.work / str(self.count), lambda _: None)

    @property
    def downloads(self) -> list[str]:
        return [path for path in self.index.requests if path.startswith("/files/")]


@pytest.fixture
def builds(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Builds:
    request = BuildRequest("3.12", index_url=index.url, requirements=["alpha"])
    resolved = pipeline.resolve(request, lambda _: None)
    assert resolved.result
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "volume/uv"))
    return Builds(index, request, lock_of_result(resolved.result), tmp_path / "volume", tmp_path / "work", monkeypatch)


def test_the_second_build_downloads_nothing_and_links(builds: Builds) -> None:
    assert builds.install().ok
    assert len(builds.downloads) == 2
    first = builds.package()
    assert builds.install().ok
    assert builds.downloads == []
    assert (builds.tree / "alpha.py").stat().st_nlink > 1
    second = builds.package()
    assert first.ok
    assert first.result == second.result
    assert list((builds.volume / "trees").iterdir()) == [], "the trees are gone when they are packed"


def _damage(volume: Path) -> None:
    (file,) = (volume / "uv/archive-v0").rglob("beta.py")
    file.write_bytes(file.read_bytes()[:-1])


def test_a_damaged_cache_is_noticed_and_mended_by_the_next_attempt(builds: Builds) -> None:
    assert builds.install().ok
    first = builds.package()
    _damage(builds.volume)
    assert builds.install().ok, "uv checks hashes only when it downloads"
    outcome = builds.package()
    assert (outcome.ok, outcome.reason, outcome.fault) == (False, Reason.HASH_MISMATCH, Fault.INFRASTRUCTURE)
    assert "beta.py" in (outcome.message or "")
    assert builds.install(attempt=2).ok
    assert len(builds.downloads) == 2
    assert builds.package(attempt=2).result == first.result
    assert builds.install().ok
    assert builds.downloads == []
    assert builds.package().result == first.result


def test_what_killed_builds_left_is_swept(builds: Builds) -> None:
    for name, age in (("killed", 4 * 3600), ("running", 3600)):
        folder = builds.volume / "trees" / name
        (folder / "pkg").mkdir(parents=True)
        os.utime(folder, (time.time() - age,) * 2)
    assert builds.install().ok
    assert {path.name for path in (builds.volume / "trees").iterdir()} == {"running", "1"}


def test_a_volume_that_is_nearly_full_is_emptied(builds: Builds, monkeypatch: pytest.MonkeyPatch) -> None:
    assert builds.install().ok
    builds.patch.setenv("DAGY_SHARED_CACHE", str(builds.volume))
    for folder in ("bytecode", "deflated"):
        (builds.volume / folder / "ab").mkdir(parents=True)
    kept = builds.tree / "alpha.py"
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=9, f_blocks=100, f_frsize=1 << 29))
    assert builds.install().ok
    assert len(builds.downloads) == 2
    assert not [folder for folder in ("bytecode", "deflated") if (builds.volume / folder).exists()]
    assert kept.read_bytes(), "the tree of a build that runs is its own"


def test_a_large_volume_on_which_others_leave_enough_is_not_emptied(
    builds: Builds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each build emptied it, and no build could make more room."""
    assert builds.install().ok
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=9, f_blocks=100, f_frsize=1 << 30))
    assert builds.install().ok
    assert builds.downloads == []


def test_a_build_that_uses_the_cache_holds_up_no_other_one(builds: Builds, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that waits for its index keeps uv's lock for minutes."""
    assert builds.install().ok
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=9, f_blocks=100, f_frsize=1 << 29))
    with (builds.volume / "uv/.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        assert builds.install().ok
        assert "Other builds are using it: one that comes later will empty it." in builds.said
        assert builds.downloads == []
    assert builds.install().ok
    assert len(builds.downloads) == 2


def test_who_has_credentials_of_an_index_leaves_nothing_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DAGY_CACHED_TREE", str(tmp_path))
    assert cached_tree() == tmp_path
    monkeypatch.setenv("DAGY_INDEX_GATEWAY", "http://127.0.0.1:7080")
    assert cached_tree() is None
