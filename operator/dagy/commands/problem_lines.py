"""Several problems as lines of text: one a line, and nothing twice. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol


class Told(Protocol):
    """A problem: what is wrong, and what to do next, which may be part of the message."""

    @property
    def message(self) -> str:
        """What is wrong."""

    @property
    def hint(self) -> str | None:
        """What to do next."""


def whole(problem: Told) -> str:
    """The message with its hint."""
    if problem.hint and problem.hint not in problem.message:
        return f"{problem.message} {problem.hint}"
    return problem.message


def headline(message: str, problems: Iterable[Told]) -> tuple[str, list[str]]:
    """What to say first, and the problems that it doesn't tell; a message that sums up several becomes their number."""
    told = [whole(problem) for problem in problems]
    if len(told) > 1:
        counted = f"{len(told)} problems"
        return f"{message.partition(':')[0] if message.startswith(counted) else counted}:", told
    return message, [one for one in told if one not in message]


def numbered(lines: Iterable[str]) -> Iterator[str]:
    """The lines, each with its number."""
    return (f"{number}. {line}" for number, line in enumerate(lines, 1))
