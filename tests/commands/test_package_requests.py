"""`dagy packages validate|build|rebuild|refresh|cancel`: what is asked of the operator, and what is said of it."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.commands.conftest import Dagy
from tests.fakes.operator import PlayedOperator

pytestmark = pytest.mark.apiserver

Output = pytest.CaptureFixture[str]
COMMANDS = {"validate": "validate", "build": "build", "rebuild": "build", "refresh": "refresh", "cancel": "cancel"}
"""Commands, and the annotations that they write."""


def requested(played: PlayedOperator, name: str) -> dict[str, str]:
    """The requests that a package carries, and their tokens."""
    annotations = played.get("team-a", name)["metadata"].get("annotations", {})
    asked = {f"dagy.io/{verb}": verb for verb in COMMANDS.values()}
    return {asked[key]: token for key, token in annotations.items() if key in asked}


@pytest.mark.parametrize(("command", "verb"), COMMANDS.items())
def test_a_command_writes_its_request_and_nothing_else(
    dagy: Dagy, name: str, played: PlayedOperator, capsys: Output, command: str, verb: str
) -> None:
    slug = played.works("team-a", name)
    before = played.get("team-a", name)
    assert dagy("packages", command, slug) == 0
    said = f"team-a/{name}: accepted. See it with `dagy packages wait team-a/{name}`.\n"
    assert capsys.readouterr() == ("", said)
    first = requested(played, name)
    assert set(first) == {verb}
    assert dagy("packages", command, f"team-a/{name}", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    again, after = requested(played, name), played.get("team-a", name)
    assert again == {verb: answer["token"]} != first
    assert answer["settled"] is False
    assert (after["spec"], after["status"]) == (before["spec"], before["status"])
    assert after["metadata"]["generation"] == before["metadata"]["generation"]


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_not_there(dagy: Dagy, capsys: Output, command: str) -> None:
    for reference, sentence in {
        "team-a/none": "There is no package team-a/none",
        "Z9Y8X7W6": "No package that you may see has the slug Z9Y8X7W6",
    }.items():
        assert dagy("packages", command, reference) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert sentence in err
        assert err.count("\n") == 1
    assert dagy("packages", command, "team-a/") == 2


def test_nothing_runs(dagy: Dagy, name: str, played: PlayedOperator, capsys: Output) -> None:
    slug = played.completes("team-a", name)
    for reference in (slug, f"team-a/{name}"):
        assert dagy("packages", "cancel", reference) == 0
        said = f"team-a/{name}: accepted, but nothing runs for it now: it is COMPLETED.\n"
        assert capsys.readouterr() == ("", said)
    played.completes("team-a", name)
    assert dagy("packages", "wait", slug) == 0


def test_to_await_that_it_has_stopped(dagy: Dagy, name: str, played: PlayedOperator, capsys: Output) -> None:
    """Stopping is what was asked for, so a package that FAILED of it is no failure of the command."""
    slug = played.works("team-a", name)
    with ThreadPoolExecutor() as threads:
        operator = threads.submit(_stops_when_asked, played, name)
        assert dagy("packages", "cancel", slug, "--wait", "--timeout", "60") == 0
        operator.result()
    assert capsys.readouterr().err.splitlines() == [
        f"team-a/{name}: INSTALLING",
        f"team-a/{name} ({slug}): FAILED: Somebody cancelled it.",
    ]
    assert dagy("packages", "wait", slug) == 1


def _stops_when_asked(played: PlayedOperator, name: str) -> None:
    end = time.monotonic() + 60
    while "cancel" not in requested(played, name):
        assert time.monotonic() < end, "nobody asked"
        time.sleep(0.05)
    played.cancels("team-a", name)
