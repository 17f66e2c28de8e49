"""One path from two distributions: which content wins is decided by their names, and told; never by a race."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from dagy_builder.archive.records import (
    fingerprint,
    overlap_warnings,
    overlaps,
    owners,
    recorded_hashes,
    rewritten_record,
    winners,
)
from dagy_builder.contract import BuildRequest
from dagy_builder.steps import pipeline, shared_cache
from dagy_builder.steps.handover import packed_in
from dagy_builder.steps.resolve import lock_of_result
from tests.fakes.index import Release, record_of, serve

NAMES = ("beta", "alpha", "Gamma-x", "delta")


def _record(name: str, files: dict[str, bytes]) -> tuple[str, bytes]:
    path = f"{name}-1.0.dist-info/RECORD"
    return path, record_of(files, path)


ONE = _record("PyJWT", {"jwt/__init__.py": b"1", "jwt/same.py": b"0", "jwt/a.pyc": b"1", "mine.py": b""})
TWO = _record("jwt", {"jwt/__init__.py": b"2", "jwt/same.py": b"0", "jwt/a.pyc": b"2"})


def test_who_disagrees_about_what() -> None:
    for records in ([ONE, TWO], [TWO, ONE]):
        found = overlaps(records, "3.12")
        assert [(one.path, one.distributions) for one in found] == [("jwt/__init__.py", ("jwt", "pyjwt"))]
        assert winners(found) == ["pyjwt"]
        assert owners(records)["jwt/__init__.py"] == "pyjwt"
        assert recorded_hashes(records)["jwt/__init__.py"] == hashlib.sha256(b"1").hexdigest()
        assert overlap_warnings(found) == [
            "jwt and pyjwt bring different files under one name: jwt/__init__.py. Those of pyjwt are in the package, so "
            "jwt may not work. Leave out what is not meant."
        ]
    assert overlaps([ONE], "3.12") == []


def test_warnings_have_an_end() -> None:
    records = [_record(f"p{n:03}", {f"{n // 2}/{m}.py": bytes([n, m]) for m in range(9)}) for n in range(40)]
    told = overlap_warnings(overlaps(records, "3.12"))
    assert len(told) == 6
    assert "0/0.py, 0/1.py, 0/2.py and 6 more" in told[0]
    assert told[-1].startswith("15 more sets")


@pytest.mark.parametrize("shared", [False, True])
def test_the_same_lock_gives_the_same_bytes(shared: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """uv writes all wheels at the same time, so the last one to write a shared path is anyone."""
    releases = [Release(name, "1.0", files={"shared/who.py": f"{name}\n".encode()}) for name in NAMES]
    lines: list[str] = []
    with serve(*releases) as index:
        request = BuildRequest("3.12", index_url=index.url, requirements=list(NAMES))
        resolved = pipeline.resolve(request, lines.append)
        assert resolved.result
        hashes = set()
        for turn in range(3):
            if shared:
                monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "volume/uv"))
                monkeypatch.setenv("DAGY_CACHED_TREE", str(tmp_path / f"volume/trees/{turn}"))
            work = tmp_path / str(turn)
            installed = pipeline.install(request, lock_of_result(resolved.result), work, lines.append)
            assert installed.ok, installed.message
            packed = pipeline.package(request, work, lines.append)
            assert packed.result, packed.message
            hashes.add(packed.result["sha256"])
            with zipfile.ZipFile(packed_in(work) / "artifact.zip") as archive:
                assert archive.read("shared/who.py") == b"Gamma-x\n"
            (warning,) = packed.result["warnings"]
    assert warning.startswith("alpha, beta, delta and gamma-x bring different files under one name: shared/who.py.")
    assert len(hashes) == 1


def test_a_tree_that_its_own_build_removes_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The listing still has it, and its status does not."""
    (tmp_path / "going").symlink_to(tmp_path / "gone")
    shared_cache._sweep(tmp_path, 1e12)


def test_record_follows_what_is_left_out() -> None:
    record = b"bin/x,sha256=old,3\na/__pycache__/b.pyc,,\na-1.dist-info/INSTALLER,sha256=q,2\na.py,sha256=z,1\na-1.dist-info/RECORD,,\n"
    new = rewritten_record(record, {"bin/x": fingerprint(b"hello")}, "3.12").decode().splitlines()
    assert new == [
        "bin/x,sha256=LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ,5",
        "a.py,sha256=z,1",
        "a-1.dist-info/RECORD,,",
    ]
    assert rewritten_record(b"\xff\xfe", {}, "3.12") == b"\xff\xfe"
