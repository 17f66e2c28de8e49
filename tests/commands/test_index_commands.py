"""`dagy packages search` and `dagy packages versions`."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.commands.conftest import Dagy
from tests.fakes.index import Index, Release, serve

pytestmark = pytest.mark.apiserver

Output = pytest.CaptureFixture[str]


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    releases = (
        Release("pandas", "1.5.3", tag="cp311-cp311-manylinux_2_17_x86_64"),
        Release("pandas", "2.0.0", uploaded="2023-04-03T10:00:00Z"),
        Release("pandas", "2.1.0", yanked="it\x1b[31m crashes"),
        Release("pandas", "3.0.0rc1"),
    )
    with serve(*releases) as running:
        running.names = ["numpy", "pandas-stubs", "scikit-learn"]
        running.speaks_json = True
        monkeypatch.setenv("DAGY_INDEX_URL", running.url)
        yield running


def test_search(dagy: Dagy, name: str, searched: Index, capsys: Output) -> None:
    """`name` is a package with numpy in team-a."""
    assert dagy("packages", "search", "num", "-n", "team-a") == 0
    heading, row = capsys.readouterr().out.splitlines()
    assert heading.split("  ")[0] == "NAME"
    assert row.split() == ["numpy", "yes", "-", "begins", "so"]
    assert dagy("packages", "search", "Scikit", "Learn") == 0
    assert "the very name" in capsys.readouterr().out
    assert dagy("packages", "search", "sklearn", "--json") == 0
    assert json.loads(capsys.readouterr().out)["items"][0]["alias"] == "sklearn"
    assert dagy("packages", "search", "zzzzz") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "No name like 'zzzzz' is known." in err


def test_search_without_a_list(dagy: Dagy, searched: Index, capsys: Output) -> None:
    searched.names = None
    assert dagy("packages", "search", "pandas") == 0
    out, err = capsys.readouterr()
    assert "pandas" in out
    assert "only the very name that you type is found" in err
    assert "HTTP 404" in err


def test_versions(dagy: Dagy, searched: Index, capsys: Output) -> None:
    assert dagy("packages", "versions", "Pandas", "--python", "3.12") == 0
    out = capsys.readouterr().out
    assert "Project:          pandas\n" in out
    assert "For:              Python 3.12 on x86_64 Linux with glibc 2.28\n" in out
    assert "Newest that fits: 2.0.0\n" in out
    rows = [line.split() for line in out.splitlines()[-3:]]
    assert [row[0] for row in rows] == ["2.1.0", "2.0.0", "1.5.3"]
    assert "withdrawn: it crashes" in out
    assert "other Python" in out
    assert "2023-04-03" in out
    assert dagy("packages", "versions", "pandas", "--python", "3.11", "--pre", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["version"] for one in told["releases"]] == ["3.0.0rc1", "2.1.0", "2.0.0", "1.5.3"]
    assert told["releases"][-1]["fits"] == "wheel"
    assert dagy("packages", "versions", "nothing") == 1
    assert "The package index has no project nothing." in capsys.readouterr().err
