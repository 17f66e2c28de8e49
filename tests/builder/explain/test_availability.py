"""What an index has, measured: pages in both formats, however hostile; tags in words; what fits and why not."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.tags import parse_tag
from packaging.utils import parse_wheel_filename
from packaging.version import Version

from dagy_builder.explain.availability import Unavailability, match_files, platforms_of, pythons_of
from dagy_builder.indexes.client import IndexClient
from dagy_builder.indexes.page import IndexFile, files_of, uploaded_before
from dagy_builder.target import Target
from tests.fakes.index import Index

TARGET = Target("3.12", "amd64", "2.28")


def _file(name: str, requires: str | None = None, withdrawn: str | None = None) -> IndexFile:
    if name.endswith(".whl"):
        _, version, _, tags = parse_wheel_filename(f"p-{name}")
        return IndexFile(version, tags, (requires and SpecifierSet(requires)) or None, withdrawn)
    return IndexFile(Version(name), None, (requires and SpecifierSet(requires)) or None, withdrawn)


MEASURED = [
    ("any wheel", [_file("1-py3-none-any.whl")], "", None, None),
    ("an upper bound, of which uv takes no notice", [_file("1-py3-none-any.whl", "<3.11")], "", None, None),
    ("a lower bound", [_file("1-py3-none-any.whl", ">=3.13")], "", Unavailability.PYTHON, ("3.13",)),
    ("a lower bound with a hole", [_file("1-py3-none-any.whl", ">=3.6,!=3.12.1")], "", None, None),
    ("one that is of another patch release", [_file("1-py3-none-any.whl", ">=3.12.4")], "", None, None),
    ("for just one Python", [_file("1-py3-none-any.whl", "==3.13.*")], "", Unavailability.PYTHON, ("3.13",)),
    ("abi3 of an older one", [_file("1-cp38-abi3-manylinux2014_x86_64.whl")], "", None, None),
    ("abi3 of a newer one", [_file("1-cp313-abi3-manylinux2014_x86_64.whl")], "", Unavailability.PYTHON, ("3.13",)),
    ("another ABI", [_file("1-cp311-cp311-linux_x86_64.whl")], "", Unavailability.PYTHON, ("3.11",)),
    ("another platform", [_file("1-cp312-cp312-win_amd64.whl")], "", Unavailability.PLATFORM, ()),
    ("both", [_file("1-cp311-cp311-win_amd64.whl")], "", Unavailability.PYTHON, ()),
    ("a source distribution", [_file("1")], "", Unavailability.SOURCE_ONLY, ()),
    ("none that matches", [_file("1-py3-none-any.whl")], ">1", Unavailability.NO_RELEASE, ()),
    ("a withdrawn one", [_file("1-py3-none-any.whl", None, "bad")], "", Unavailability.WITHDRAWN, ()),
    ("a withdrawn one by its version", [_file("1-py3-none-any.whl", None, "bad")], "==1", None, None),
    ("a pre-release and nothing else", [_file("1rc1-py3-none-any.whl")], "", None, None),
    ("nothing", [], "", Unavailability.NO_RELEASE, ()),
    (
        "an older one that fits",
        [_file("2-cp313-cp313-linux_x86_64.whl"), _file("1-py3-none-any.whl")],
        "",
        None,
        None,
    ),
]


@pytest.mark.parametrize(
    ("what", "files", "wanted", "unavailable", "works"), MEASURED, ids=[row[0] for row in MEASURED]
)
def test_measured(
    what: str, files: list[IndexFile], wanted: str, unavailable: Unavailability | None, works: tuple[str, ...] | None
) -> None:
    found = match_files(files, SpecifierSet(wanted), TARGET)
    assert found.unavailable is unavailable
    if works is not None:
        assert found.works_with == works


def test_sources_fit_where_they_may_be_built() -> None:
    files = [_file("1", ">=3.13"), _file("0.9")]
    found = match_files(files, SpecifierSet(), TARGET, sources=True)
    assert (found.unavailable, found.newest) == (None, "0.9")
    assert match_files(files, SpecifierSet(">=1"), TARGET, sources=True).unavailable is Unavailability.PYTHON


def test_the_newest_is_one_that_says_it_fits() -> None:
    """Nobody is sent to a release that doesn't want the target's Python, though uv would take it."""
    files = [_file("3-py3-none-any.whl", "<3.11"), _file("2-py3-none-any.whl"), _file("1-py3-none-any.whl")]
    assert match_files(files, SpecifierSet("==9"), TARGET).newest == "2"


WORDS = [
    ("cp37-cp37m-win32 cp38-cp38-win32 cp39-cp39-win32 cp27-cp27m-win32", "Python 2.7, 3.7 to 3.9"),
    ("cp310-cp310-win32", "Python 3.10"),
    ("cp313-abi3-win32 cp312-cp312-win32", "Python 3.12, 3.13 and newer"),
    ("cp313-cp313t-win32", "Python 3.13 without the GIL"),
    ("pp310-pypy310_pp73-win32 py2-none-any", "Python 2, PyPy 3.10"),
    ("graalpy312-graalpy250_312_native-win32", "Python GraalPy 3.12"),
    ("strange-none-any", "Python strange"),
]
PLATFORMS = [
    ("win32 win_amd64 win_arm64", "Windows, Windows (32 bits), Windows on ARM"),
    ("macosx_10_9_x86_64 macosx_11_0_arm64", "macOS (arm64), macOS (x86_64)"),
    ("macosx_11_0_universal2", "macOS (arm64 and x86_64)"),
    (
        "manylinux2014_aarch64 manylinux_2_39_x86_64 manylinux_2_34_x86_64",
        "x86_64 Linux with glibc 2.34 or newer, aarch64 Linux with glibc 2.17 or newer",
    ),
    ("musllinux_1_2_x86_64 musllinux_1_1_x86_64", "x86_64 Linux with musl 1.1 or newer"),
    ("linux_armv7l", "linux_armv7l"),
]


@pytest.mark.parametrize(("tags", "words"), WORDS)
def test_pythons_in_words(tags: str, words: str) -> None:
    assert pythons_of(tag for text in tags.split() for tag in parse_tag(text)) == words


@pytest.mark.parametrize(("platforms", "words"), PLATFORMS)
def test_platforms_in_words(platforms: str, words: str) -> None:
    tags = [tag for platform in platforms.split() for tag in parse_tag(f"cp312-cp312-{platform}")]
    assert platforms_of(tags, "x86_64") == words


HTML = b"""<a href="../p-1.0-py3-none-any.whl#sha256=0" data-requires-python="&gt;=3.9" data-yanked>p</a>
<A HREF='https://h.example/x/P-2.0.tar.gz?q=1' data-yanked="&lt;why&gt; https://u:s3cret@h/ \x1b[1m">x</A>
<a href="p-3.0-py3-none-any.whl" data-requires-python="nonsense" data-upload-time="2026-01-01T00:00:00Z">x
<a>no link</a><a href="other-1.0-py3-none-any.whl">o</a><a href="p-1.0.exe">o</a><a href="p-1.0-py2.egg">o</a>"""


def test_a_page_in_html() -> None:
    one, two, three = files_of("p", HTML, "text/html; charset=utf-8") or []
    assert (one.requires_python, one.withdrawn) == (SpecifierSet(">=3.9"), "")
    assert (two.version, two.tags, two.withdrawn) == (Version("2.0"), None, "<why> https://****@h/")
    assert (three.requires_python, three.withdrawn) == (None, None)
    assert three.uploaded == datetime(2026, 1, 1, tzinfo=UTC)
    assert uploaded_before([one, two, three], datetime(2026, 1, 2)) == [three]
    assert uploaded_before([three], datetime(2026, 1, 1, tzinfo=UTC)) == []


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"files": 7}', b'{"files": [[], 7, {}]}', b"[" * 200_000, b"\xff"]
)
def test_json_that_is_no_page(body: bytes) -> None:
    assert not files_of("p", body, "application/vnd.pypi.simple.v1+json")


@given(st.binary(max_size=400), st.sampled_from(["text/html", "application/json"]))
def test_no_page_breaks_the_reader(body: bytes, kind: str) -> None:
    files_of("p", body, kind)
    files_of("p", b'<a href="p-1.0.tar.gz" ' + body, kind)


SOON = 30.0


def test_the_first_index_that_knows_a_name_is_asked(index: Index) -> None:
    client = IndexClient([index.url, "http://127.0.0.1:1/never-asked"])
    assert [str(file.version) for file in client.files("Beta", time.monotonic() + SOON) or []] == ["1.0", "2.0"]
    assert client.files("unknown", time.monotonic() + SOON) is None, "the second index doesn't answer"
    assert IndexClient([index.url]).files("unknown", time.monotonic() + SOON) == []


@pytest.mark.parametrize("status", [401, 403, 500])
def test_an_index_that_does_not_tell(index: Index, status: int) -> None:
    index.status = status
    assert IndexClient([index.url]).files("beta", time.monotonic() + SOON) is None


def test_no_index_is_asked_after_the_deadline(index: Index) -> None:
    assert IndexClient([index.url]).files("beta", time.monotonic() - 1) is None
    assert index.requests == []


@contextmanager
def _answering(*parts: bytes) -> Iterator[str]:
    """A server that sends `parts` to one client, and then more and more spaces for as long as that listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        def answer() -> None:
            with suppress(OSError):  # nobody listens any more, or nobody has come in time
                client, _ = server.accept()
                with client:
                    client.settimeout(10)
                    client.recv(4096)
                    for part in parts:
                        client.sendall(part)
                    while client.fileno() >= 0:
                        client.sendall(b" " * 4096)

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/simple"
        thread.join()


def test_a_page_without_end_ends_at_the_deadline() -> None:
    with _answering(b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n") as url:
        client = IndexClient([url])  # before the clock starts: it reads all authorities
        started = time.monotonic()
        assert client.files("p", started + 0.5) is None
        assert time.monotonic() - started < 10


@pytest.mark.parametrize("where", ["file:///etc/passwd", "ftp://127.0.0.1/p", "data:text/html,p"])
def test_an_index_leads_to_no_files_of_this_machine(where: str) -> None:
    with _answering(f"HTTP/1.0 302 Found\r\nLocation: {where}\r\nContent-Length: 0\r\n\r\n".encode()) as url:
        assert IndexClient([url]).files("p", time.monotonic() + SOON) is None
