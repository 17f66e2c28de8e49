"""What was chosen for want of wheels, or is a pre-release that nobody asked for, is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dagy_builder.contract import BuildRequest
from dagy_builder.steps import pipeline
from dagy_builder.steps.resolve import Compiler
from tests.fakes.index import Index, Release, serve

OLD, LATE, NEW = "2019-12-01T00:00:00Z", "2024-12-01T00:00:00Z", "2026-11-01T00:00:00Z"
WORLD = (
    Release("app", "0.11", uploaded=OLD),
    Release("app", "1.3", ["runtime==4.9"], uploaded=NEW),
    Release("runtime", "4.9", sdist=True, uploaded=NEW),
    Release("calm", "1.0", uploaded=OLD),
    Release("held", "1.0", uploaded=OLD),
    Release("held", "2.0", uploaded=NEW),
    Release("holds", "1.0", ["held<2", "late<2"], uploaded=NEW),
    Release("late", "1.0", uploaded=LATE),
    Release("late", "2.0", uploaded=NEW),
    Release("early", "0.3.dev5", uploaded=OLD),
    Release("early", "0.9", sdist=True, uploaded=NEW),
    Release("only-early", "1.0rc1", uploaded=NEW),
    Release("new-python", "1.0", uploaded=OLD),
    Release("new-python", "2.0", requires_python=">=3.13", uploaded=NEW),
)


@pytest.fixture(scope="module", params=[True, False], ids=["with times", "without times"])
def index(request: pytest.FixtureRequest) -> Iterator[Index]:
    with serve(*WORLD) as world:
        world.speaks_json = request.param
        yield world


def _warnings(index: Index, *requirements: str, sources: str = "Forbid") -> list[str]:
    request = BuildRequest("3.12", index_url=index.url, requirements=list(requirements), source_distributions=sources)
    outcome = pipeline.resolve(request, lambda _: None)
    assert outcome.ok, outcome.message
    return (outcome.result or {}).get("warnings", [])


def test_an_ancient_release_for_want_of_wheels(index: Index) -> None:
    (told,) = _warnings(index, "app", "calm", "holds")
    assert "app gives 0.11" in told
    assert "not 1.3: app==1.3 needs runtime==4.9. runtime 4.9 is published as source code only" in told
    assert "Set spec.sourceDistributions to Allow" in told


@pytest.mark.parametrize("asked", [["app==0.11"], ["calm"], ["held", "holds"], ["new-python"], ["app<1"]])
def test_what_was_meant_is_not_told(index: Index, asked: list[str]) -> None:
    """The only release, one that others hold back, one that is asked for, the newest for this Python."""
    assert _warnings(index, *asked) == []


def test_a_pre_release_that_nobody_asked_for(index: Index) -> None:
    early, only = _warnings(index, "early", "only-early")
    assert "early gives 0.3.dev5" in early
    assert "not 0.9: early==0.9 is published as source code only" in early
    assert "only-early gives 1.0rc1" in only
    assert "a pre-release: no other release fits. If you mean it, ask for only-early==1.0rc1." in only


def test_new_releases_cost_no_look(index: Index) -> None:
    """Only uv asks for the page where there is nothing odd; without times nobody knows what is odd."""
    index.requests.clear()
    assert _warnings(index, "holds") == []
    assert index.requests.count("/simple/holds/") <= (1 if index.speaks_json else 2)


def test_what_is_held_back_a_little_costs_no_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most lists have such a requirement, and each run of uv would make its validation a third of a second longer."""

    def fail(*_: object) -> None:
        raise AssertionError("uv runs once more")

    monkeypatch.setattr(Compiler, "failure_without", fail)
    with serve(*WORLD) as index:
        index.speaks_json = True  # with times; without them nobody knows how little
        assert _warnings(index, "late", "holds") == []
