"""Installing from the lock alone."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from dagy_builder.contract import BuildRequest, Fault, Reason, StepOutcome
from dagy_builder.steps import pipeline
from dagy_builder.steps.handover import packed_in, tree_in
from dagy_builder.steps.resolve import lock_of_result
from tests.fakes.index import Index, Release, serve


def _request(index: Index, *requirements: str) -> BuildRequest:
    return BuildRequest("3.12", index_url=index.url, requirements=list(requirements))


def _lock(request: BuildRequest) -> str:
    outcome = pipeline.resolve(request, lambda _: None)
    assert outcome.ok, outcome.message
    assert outcome.result
    return lock_of_result(outcome.result)


def _install(index: Index, work: Path, *requirements: str) -> StepOutcome:
    request = _request(index, *requirements)
    return pipeline.install(request, _lock(request), work, lambda _: None)


def test_install_and_package(index: Index, tmp_path: Path) -> None:
    outcome = _install(index, tmp_path, "alpha", "pre")
    assert outcome.ok, outcome.message
    assert outcome.result == {"packageCount": 3}
    assert {path.name for path in tree_in(tmp_path).glob("*.py")} == {"alpha.py", "beta.py", "pre.py"}
    packed = pipeline.package(_request(index), tmp_path, lambda _: None)
    assert packed.ok, packed.message
    assert packed.result
    assert packed.result["package_count"] == 3


def test_relative_folders(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UV_CACHE_DIR", "cache")
    assert _install(index, Path("work"), "beta").ok
    assert (tree_in(tmp_path / "work") / "beta.py").exists()
    assert (tmp_path / "cache").is_dir()
    assert pipeline.package(_request(index), Path("work"), lambda _: None).ok


def test_what_was_there_before_is_gone(index: Index, tmp_path: Path) -> None:
    tree_in(tmp_path).mkdir(parents=True)
    (tree_in(tmp_path) / "stale.py").touch()
    assert _install(index, tmp_path, "beta").ok
    assert not (tree_in(tmp_path) / "stale.py").exists()


def _snapshot(folder: Path) -> dict[Path, tuple[bytes, int]]:
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def test_a_build_changes_nothing_in_a_shared_cache(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    assert _install(index, tmp_path / "one", "beta").ok
    before = _snapshot(tmp_path / "cache/archive-v0")
    assert _install(index, tmp_path / "two", "beta").ok
    assert pipeline.package(_request(index), tmp_path / "two", lambda _: None).ok
    assert before
    assert _snapshot(tmp_path / "cache/archive-v0") == before


def test_where_package_code_may_run_no_cache_is_shared(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    python = "{}.{}".format(*sys.version_info)
    request = BuildRequest(python, index_url=index.url, requirements=["beta"], source_distributions="Allow")
    assert pipeline.install(request, _lock(request), tmp_path / "work", lambda _: None).ok
    assert not (tmp_path / "cache").exists()
    files = [path for path in tree_in(tmp_path / "work").rglob("*") if path.is_file()]
    assert all(path.stat().st_nlink == 1 for path in files)
    assert [path.name for path in (tmp_path / "work/install").iterdir()] == ["tree"], "its own cache is gone"


def test_another_file_than_the_locked_one_is_refused(index: Index, tmp_path: Path) -> None:
    request = _request(index, "beta")
    lock = _lock(request)
    other = Release("beta", "2.0", files={"beta.py": b"import os; os.system('evil')\n"}).content()
    index.replaced["beta-2.0-py3-none-any.whl"] = other
    outcome = pipeline.install(request, lock, tmp_path, lambda _: None)
    assert (outcome.ok, outcome.reason) == (False, Reason.HASH_MISMATCH)
    assert "beta" in (outcome.message or "")
    assert not list(tree_in(tmp_path).glob("beta*"))


def test_a_changed_hash_is_refused(index: Index, tmp_path: Path) -> None:
    request = _request(index, "beta")
    digest = hashlib.sha256(Release("beta", "2.0").content()).hexdigest()
    lock = _lock(request).replace(digest, "f" * 64)
    assert pipeline.install(request, lock, tmp_path, lambda _: None).reason == Reason.HASH_MISMATCH


def test_only_what_is_locked_is_fetched(index: Index, tmp_path: Path) -> None:
    request = _request(index, "alpha")
    lock = _lock(request)
    index.requests.clear()
    assert pipeline.install(request, lock, tmp_path, lambda _: None).ok
    wheels = {path for path in index.requests if path.startswith("/files/")}
    assert wheels == {"/files/alpha-1.1-py3-none-any.whl", "/files/beta-1.0-py3-none-any.whl"}
    assert not [path for path in index.requests if path.startswith("/simple/")], "the index decides nothing any more"


def test_the_index_is_away(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    request = _request(index, "beta")
    lock = _lock(request)
    index.status = 503
    outcome = pipeline.install(request, lock, tmp_path, lambda _: None)
    assert (outcome.reason, outcome.fault) == (Reason.INDEX_UNREACHABLE, Fault.INFRASTRUCTURE)


@pytest.mark.parametrize(
    "lock", ["", "garbage [", 'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "a"\n']
)
def test_a_broken_lock(index: Index, tmp_path: Path, lock: str) -> None:
    outcome = pipeline.install(_request(index), lock, tmp_path, lambda _: None)
    assert (outcome.ok, outcome.reason) == (False, Reason.INSTALL_FAILED)


def test_scripts_start_with_whatever_python3_there_is(tmp_path: Path) -> None:
    tool = Release("tool", "1.0", entry_points="[console_scripts]\nrun-tool = tool:main\n")
    with serve(tool) as index:
        assert _install(index, tmp_path, "tool").ok
        assert pipeline.package(_request(index), tmp_path, lambda _: None).ok
    import zipfile

    with zipfile.ZipFile(packed_in(tmp_path) / "artifact.zip") as archive:
        assert archive.read("bin/run-tool").startswith(b"#!/usr/bin/env python3\n")
        record = archive.read("tool-1.0.dist-info/RECORD").decode()
        assert "INSTALLER" not in record
        assert "bin/run-tool,sha256=" in record
