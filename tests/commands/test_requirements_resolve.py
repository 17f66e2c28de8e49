"""`dagy requirements reduce` and `split`, by the real resolver."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.fakes.index import Release, serve
from tests.fakes.local_commands import run

RELEASES = (
    Release("app", "1.0", ["middle", 'backport; python_version < "3.11"'], extras={"fast": ["speedups"]}),
    Release("middle", "1.0", ["bottom[more]"]),
    Release("middle", "2.0", ["bottom"]),
    Release("bottom", "1.0", extras={"more": ["deep"]}),
    Release("bottom", "1.1", extras={"more": ["deep"]}),
    Release("deep", "1.0"),
    Release("backport", "1.0"),
    Release("speedups", "1.0"),
    Release("loop-a", "1.0", ["loop-b"]),
    Release("loop-b", "1.0", ["loop-a"]),
    *(Release(f"single-{number}", "1.0", ["bottom"]) for number in range(210)),
)
Output = pytest.CaptureFixture[str]


@pytest.fixture
def lists(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with serve(*RELEASES) as index:
        monkeypatch.setenv("DAGY_INDEX_URL", index.url)
        yield folder


def _reduced(text: str, capsys: Output, python: str = "3.12") -> tuple[list[str], list[str]]:
    Path("freeze.txt").write_text(text)
    assert run("requirements", "reduce", "freeze.txt", "--python", python) == 0
    said = capsys.readouterr()
    return said.out.splitlines(), said.err.splitlines()


@pytest.mark.usefixtures("lists")
def test_a_freeze_becomes_what_was_asked_for(capsys: Output) -> None:
    out, err = _reduced("app==1.0\nbottom==1.0\ndeep==1.0\nmiddle==1.0\nloop-a==1.0\nloop-b==1.0\n", capsys)
    assert out == ["app==1.0", "deep==1.0", "loop-b==1.0"]
    assert "left out: bottom==1.0: middle brings bottom==1.1" in err
    assert "left out: middle==1.0: app brings middle==2.0" in err
    assert "left out: loop-a==1.0: loop-b brings it" in err
    assert (
        err[-1]
        == "6 requirements become 3, 6 packages with all that they need; 2 of them in another version than before"
    )


@pytest.mark.usefixtures("lists")
def test_markers_and_extras_decide(capsys: Output) -> None:
    assert _reduced("app\nbackport\n", capsys)[0] == ["app", "backport"]
    assert _reduced("app\nbackport\n", capsys, "3.10")[0] == ["app"]
    assert _reduced("app\nspeedups\n", capsys)[0] == ["app", "speedups"]
    assert _reduced("app[fast]\nspeedups\n", capsys)[0] == ["app[fast]"]


@pytest.mark.usefixtures("lists")
def test_lists_that_agree(capsys: Output) -> None:
    Path("one.txt").write_text("middle==1.0\n")
    Path("two.txt").write_text("bottom==1.0\nspeedups\n")
    assert run("requirements", "split", "one.txt", "two.txt", "--name", "team", "--python", "3.12") == 0
    said = capsys.readouterr()
    one, two = yaml.safe_load_all(said.out)
    assert one["metadata"]["name"] == "team-1"
    assert one["spec"]["dependencies"] == ["bottom==1.0", "deep==1.0", "middle==1.0"]
    assert two["spec"]["dependencies"] == ["bottom==1.0", "deep==1.0", "speedups==1.0"]
    assert "team-1: 3 packages" in said.err


@pytest.mark.usefixtures("lists")
def test_more_than_a_package_holds(capsys: Output) -> None:
    Path("long.txt").write_text("".join(f"single-{number}\n" for number in range(210)))
    assert run("requirements", "check", "long.txt", "--python", "3.12") == 1
    assert "`dagy requirements split`" in capsys.readouterr().out
    assert run("requirements", "split", "long.txt", "--name", "team", "--python", "3.12") == 0
    lists = [set(one["spec"]["dependencies"]) for one in yaml.safe_load_all(capsys.readouterr().out)]
    assert [len(one) for one in lists] == [200, 12]
    assert lists[0] & lists[1] == {"bottom==1.1"}


@pytest.mark.usefixtures("lists")
def test_what_does_not_resolve_or_cannot_be_read(capsys: Output) -> None:
    Path("wrong.txt").write_text("bottom==9\nnowhere\n")
    assert run("requirements", "reduce", "wrong.txt", "--python", "3.12") == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "2 problems:" in said.err
    Path("wrong.txt").write_text("bottom=1\n")
    assert run("requirements", "split", "wrong.txt", "--name", "team", "--python", "3.12") == 1
    assert 'wrong.txt:1: error: "=" is not a version operator.' in capsys.readouterr().err
    assert run("requirements", "reduce", "absent.txt", "--python", "3.12") == 2
