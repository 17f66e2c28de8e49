"""Wheels made to harm, on their whole way: resolved, installed, packed. Each ends in a sentence or in a clean ZIP."""

from __future__ import annotations

import io
import stat
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from dagy_builder.contract import BuildRequest, Fault, Reason, Step, StepOutcome
from dagy_builder.steps import pipeline
from dagy_builder.steps.handover import packed_in
from dagy_builder.steps.resolve import lock_of_result
from tests.fakes.index import Release, record_of, serve

INFO = "evil-1.0.dist-info"
RECORD, ENTRY_POINTS = f"{INFO}/RECORD", f"{INFO}/entry_points.txt"
METADATA = b"Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n"
WHEEL = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
CODE = b"VALUE = 1\n"
OUTSIDE = Path("/tmp/dagy-escaped.py")
Members = Sequence[tuple[str | zipfile.ZipInfo, bytes]]


@dataclass(frozen=True)
class Wheel(Release):
    """A release whose file is whatever a case makes of it."""

    raw: bytes = b""

    def content(self) -> bytes:
        return self.raw


def _wheel(
    *more: tuple[str | zipfile.ZipInfo, bytes],
    metadata: bytes = METADATA,
    wheel: bytes = WHEEL,
    record: bytes | None = None,
    info: str = INFO,
) -> bytes:
    """A wheel with these members as well; `record` in place of the right one, empty for none."""
    members: list[tuple[str | zipfile.ZipInfo, bytes]] = [("evil.py", CODE), *more]
    members += [(f"{info}/METADATA", metadata), (f"{info}/WHEEL", wheel)]
    if record is None:
        paths = {(name if isinstance(name, str) else name.filename): data for name, data in members}
        record = record_of(paths, f"{info}/RECORD")
    return _zip([*members, (f"{info}/RECORD", record)] if record else members)


def _zip(members: Members) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive, warnings.catch_warnings(action="ignore", category=UserWarning):
        for name, data in members:
            info = zipfile.ZipInfo(name) if isinstance(name, str) else name
            archive.writestr(info, data, compress_type=zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _with_mode(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16  # 3 is Unix
    return info


def _rightly(*lines: bytes) -> bytes:
    """The right RECORD with more lines."""
    return record_of({"evil.py": CODE}, RECORD) + b"".join(lines)


LINK = stat.S_IFLNK | 0o777
HUGE_BODY = METADATA + b"\n" + b"x" * (30 << 20)
HUGE_HEADERS = METADATA + b"Requires-Dist: zzz; extra == 'x'\n" * 200_000
# What the terminal, a browser and a careless reader would each take for something else.
DECEIT = "\x1b[31mred\x1b[0m\u202e<b>https://user:p4ss@h.example/".encode()
UNREADABLE = "The file of evil==1.0 in the package index can't be read. Ask for another version"
REPLACE_IT = "Ask for another version, or have the file replaced in the index."

RESOLVE = (Step.RESOLVE, Reason.RESOLUTION_FAILED)
INSTALL = (Step.INSTALL, Reason.INSTALL_FAILED)
TREE = (Step.PACKAGE, Reason.TREE_REFUSED)
SIZE = (Step.PACKAGE, Reason.TOO_LARGE)
MOST = {"FILES": 100, "FILE_BYTES": 1 << 20, "UNCOMPRESSED_BYTES": 4 << 20}
REFUSED: list[tuple[str, bytes, tuple[Step, Reason], str]] = [
    ("no ZIP", b"nothing", RESOLVE, UNREADABLE),
    (
        "name in METADATA",
        _wheel(metadata=METADATA.replace(b"evil", b"good")),
        RESOLVE,
        "`good` does not match given name `evil`",
    ),
    ("deceit as a name", _wheel(metadata=METADATA.replace(b"evil", DECEIT)), RESOLVE, UNREADABLE),
    ("deceit as a version", _wheel(metadata=METADATA.replace(b"1.0\n", DECEIT)), RESOLVE, UNREADABLE),
    ("deceit as a requirement", _wheel(metadata=METADATA + b"Requires-Dist: " + DECEIT), RESOLVE, UNREADABLE),
    ("deceit as Requires-Python", _wheel(metadata=METADATA + b"Requires-Python: " + DECEIT), RESOLVE, UNREADABLE),
    ("another package's folder", _wheel(info="good-1.0.dist-info"), RESOLVE, UNREADABLE),
    ("two packages", _wheel(("good-1.0.dist-info/METADATA", b"Name: good\nVersion: 1.0\n")), RESOLVE, UNREADABLE),
    (
        "version in METADATA",
        _wheel(metadata=METADATA.replace(b"Version: 1.0", b"Version: 2.0")),
        INSTALL,
        "its METADATA says 2.0, and its file name says 1.0",
    ),
    ("no RECORD", _wheel(record=b""), INSTALL, "it has no RECORD (the list of its files)"),
    ("garbage for RECORD", _wheel(record=DECEIT), INSTALL, "its RECORD (the list of its files) can't be read"),
    (
        "a name twice",
        _zip(
            [
                ("evil.py", b"VALUE = 2\n"),
                *[("evil.py", CODE), (f"{INFO}/METADATA", METADATA), (f"{INFO}/WHEEL", WHEEL), (RECORD, _rightly())],
            ]
        ),
        INSTALL,
        "it holds evil.py twice, with different contents",
    ),
    (
        "another case",
        _wheel(("EVIL.py", b"VALUE = 2\n")),
        TREE,
        "it differs from 'EVIL.py' only in the case of letters",
    ),
    (
        "not normalized",
        _wheel(("u\u0308.py", b"")),
        TREE,
        r"'u\u0308.py', which is refused: the name is not in Unicode's normal form C",
    ),
    ("backslashes", _wheel(("a\\..\\..\\b.py", b"")), TREE, "no portable file name"),
    ("ANSI in a name", _wheel(("a\x1b[31mb.py", b"")), INSTALL, "which is no file name"),
    ("bidi in a name", _wheel(("a\u202eb.py", b"")), INSTALL, "which is no file name"),
    ("newline in a name", _wheel(("a\nb.py", b"")), INSTALL, "which is no file name"),
    (
        "a file through a link",
        _wheel((_with_mode("d", LINK), b"/tmp"), ("d/dagy-escaped.py", b"")),
        INSTALL,
        "two of its members have one path",
    ),
    (
        "a false size",
        _wheel().replace(len(CODE).to_bytes(4, "little"), (9999).to_bytes(4, "little")),
        INSTALL,
        "its ZIP contradicts itself",
    ),
    (
        "a format to come",
        _wheel(wheel=WHEEL.replace(b"1.0", b"9.0")),
        INSTALL,
        "Unsupported wheel major version (expected 1, got 9)",
    ),
    ("deceit in WHEEL", _wheel(wheel=b"Wheel-Version: " + DECEIT), INSTALL, "Unsupported wheel major version"),
    (
        "a script elsewhere",
        _wheel((ENTRY_POINTS, b"[console_scripts]\n../../dagy-escaped = evil:main\n")),
        INSTALL,
        "Script path must resolve to a file within the scripts directory",
    ),
    (
        "a script at an absolute path",
        _wheel((ENTRY_POINTS, b"[console_scripts]\n/tmp/dagy-escaped.py = evil:main\n")),
        INSTALL,
        "Script path must resolve to a file within the scripts directory",
    ),
    (
        "code for a script",
        _wheel((ENTRY_POINTS, b"[console_scripts]\nx = evil:main;__import__('os').abort()\n")),
        INSTALL,
        "invalid console script",
    ),
    (
        "deceit for a script",
        _wheel((ENTRY_POINTS, b"[console_scripts]\nx = " + DECEIT)),
        INSTALL,
        "invalid console script",
    ),
    (
        "startup hook",
        _wheel(("sitecustomize.py", b"")),
        TREE,
        "'sitecustomize.py', which is refused: Python would run it at the start",
    ),
    ("deep folders", _wheel(("d/" * 400 + "f.py", b"")), TREE, "it lies in more than 64 folders"),
    (
        "bomb",
        _wheel(("zeros.bin", b"\0" * (8 << 20))),
        SIZE,
        "zeros.bin has 8.4 MB, and the limit is 1.0 MB for a file",
    ),
    (
        "bomb of many",
        _wheel(*((f"{n}.bin", b"\0" * 1_000_000) for n in range(5))),
        SIZE,
        "The installed packages have more than 4.2 MB",
    ),
    ("many files", _wheel(*((f"{n}.py", b"") for n in range(120))), SIZE, "have more than 100 files"),
]

HARMLESS: list[tuple[str, bytes, set[str]]] = [
    ("zip slip", _wheel(("../../dagy-escaped.py", b"x")), set()),
    ("absolute path", _wheel((str(OUTSIDE), b"x")), set()),
    ("slip out of .data", _wheel(("evil-1.0.data/data/../../../dagy-escaped.py", b"x")), set()),
    ("slip out of scripts", _wheel(("evil-1.0.data/scripts/../../../dagy-escaped.py", b"x")), set()),
    (
        "RECORD names others' files",
        _wheel(record=_rightly(b"../../../etc/passwd,,\n", b"/etc/shadow,,\n", b"pip.py,,\n")),
        set(),
    ),
    ("a wrong hash in RECORD", _wheel(record=_rightly().replace(b"sha256=", b"sha256=AAAA")), set()),
    ("a link", _wheel((_with_mode("link.txt", LINK), b"/etc/passwd")), {"link.txt"}),
    ("setuid", _wheel((_with_mode("tool.py", stat.S_IFREG | 0o6755), b"")), {"tool.py"}),
    ("a path file", _wheel(("evil.pth", b"import os; os.abort()\n")), {"evil.pth"}),
    ("HTML in a name", _wheel(("<script>.py", b"")), {"<script>.py"}),
    ("METADATA of 30 MB", _wheel(metadata=HUGE_BODY), set()),
    ("200,000 requirements", _wheel(metadata=HUGE_HEADERS), set()),
]


def _request(url: str, attempt: int = 1) -> BuildRequest:
    return BuildRequest("3.12", index_url=url, requirements=["evil"], attempt=attempt)


def _build(raw: bytes, work: Path, log: list[str], attempt: int = 1) -> StepOutcome:
    """The first step that fails, or the last one."""
    with serve(Wheel("evil", "1.0", raw=raw)) as index:
        request = _request(index.url, attempt)
        outcome = pipeline.resolve(request, log.append)
        if outcome.ok:
            lock = lock_of_result(outcome.result or {})
            outcome = pipeline.install(request, lock, work, log.append)
        return pipeline.package(request, work, log.append, lock_text=lock) if outcome.ok else outcome


def _outside(folder: Path, work: Path) -> list[Path]:
    """What lies where no step writes; there is nothing but `work` before."""
    above = {folder, *work.parents}
    return [path for path in folder.rglob("*") if path not in above and work not in (path, *path.parents)]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    return tmp_path / "deep/er/work"


@pytest.mark.parametrize(("raw", "end", "why"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused(
    tmp_path: Path, work: Path, monkeypatch: pytest.MonkeyPatch, raw: bytes, end: tuple[Step, Reason], why: str
) -> None:
    for name, limit in MOST.items():
        monkeypatch.setenv(f"DAGY_MAX_{name}", str(limit))
    log: list[str] = []
    outcome = _build(raw, work, log)
    message = outcome.message or ""
    assert ((outcome.step, outcome.reason), outcome.fault) == (end, Fault.USER), message
    assert why in message
    assert end != INSTALL or (message.startswith("The wheel of evil==1.0 is") and message.endswith(REPLACE_IT))
    assert message.isprintable()
    assert all(line.isprintable() for text in log for line in text.split("\n"))
    assert "p4ss" not in outcome.to_text() + "".join(log)
    assert "UV_" not in message
    assert str(work) not in message, "the step's own folders tell the user nothing"
    assert (_outside(tmp_path, work), OUTSIDE.exists()) == ([], False)
    assert not (packed_in(work) / "artifact.zip").exists()


@pytest.mark.parametrize(("raw", "more"), [row[1:] for row in HARMLESS], ids=[row[0] for row in HARMLESS])
def test_harmless(tmp_path: Path, work: Path, raw: bytes, more: set[str]) -> None:
    """uv takes the sting out: what is packed is what belongs to the package, as plain files."""
    outcome = _build(raw, work, [])
    assert outcome.ok, outcome.message
    assert (_outside(tmp_path, work), OUTSIDE.exists()) == ([], False)
    assert list(work.rglob("*escaped*")) == []
    with zipfile.ZipFile(packed_in(work) / "artifact.zip") as archive:
        metadata = {f"{INFO}/{name}" for name in ("METADATA", "WHEEL", "RECORD")}
        assert set(archive.namelist()) == {"evil.py", *metadata, *more}
        assert archive.read("evil.py") == CODE
        assert {info.external_attr >> 16 for info in archive.infolist()} <= {0o100644, 0o100755}
        recorded = {line.split(",")[0] for line in archive.read(RECORD).decode().splitlines()}
        assert recorded == set(archive.namelist()), "RECORD lists what is there and nothing else"
        if "link.txt" in more:
            assert archive.read("link.txt") == b"/etc/passwd", "the link's text, not what it leads to"


def test_a_wrong_hash_in_record_is_no_damaged_cache(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first attempt distrusts the shared cache; the second one, which downloads anew, takes the wheel as it is."""
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache/uv"))
    monkeypatch.setenv("DAGY_CACHED_TREE", str(tmp_path / "cache/trees/1"))
    wrong = _wheel(record=_rightly().replace(b"sha256=", b"sha256=AAAA"))
    first = _build(wrong, work, [])
    assert (first.reason, first.fault) == (Reason.HASH_MISMATCH, Fault.INFRASTRUCTURE)
    second = _build(wrong, work, [], attempt=2)
    assert second.ok, second.message
