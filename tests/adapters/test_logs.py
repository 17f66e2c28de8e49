"""Lines of the log as JSON: one object a line, with what it is about, whatever the message holds."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dagy.adapters import logs


def line(message: str, *args: object, **more: Any) -> dict[str, Any]:
    record = logging.LogRecord("dagy.x", logging.WARNING, "x.py", 1, message, args, more.get("exc_info"))
    text = logs.JsonLines().format(record)
    assert text.isascii()
    assert "\n" not in text
    found: dict[str, Any] = json.loads(text)
    return found


def test_a_line_says_what_it_is_about() -> None:
    with logs.about(package="team-a/ml"):
        with logs.about(job="dagy-build-1"):
            found = line("%s ended", "it")
        assert "job" not in line("later")
    assert found["message"] == "it ended"
    assert (found["package"], found["job"], found["level"]) == ("team-a/ml", "dagy-build-1", "WARNING")
    assert found["time"].endswith("Z")
    assert "package" not in line("of nothing in particular")


def test_tasks_and_threads_know_it_and_do_not_tell_each_other() -> None:
    async def work(request: str) -> str:
        with logs.about(request=request):
            await asyncio.sleep(0)
            return str((await asyncio.to_thread(line, "x"))["request"])

    async def test() -> list[str]:
        return await asyncio.gather(*(work(str(number)) for number in range(20)))

    assert asyncio.run(test()) == [str(number) for number in range(20)]


@given(st.text(), st.text())
def test_no_text_forges_a_line_or_a_field(message: str, package: str) -> None:
    with logs.about(package=package):
        found = line("%s", message)
    assert set(found) == {"time", "level", "logger", "message", "package"}
    assert found["package"] == package


def test_a_long_message_is_cut_and_a_traceback_kept() -> None:
    assert len(line("x" * 1_000_000)["message"]) < 20_000
    try:
        int("no good")
    except ValueError:
        found = line("It failed", exc_info=sys.exc_info())
    assert found["exception"].splitlines()[-1].startswith("ValueError: ")
