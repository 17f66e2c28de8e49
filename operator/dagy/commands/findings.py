"""Findings as lines of text: those in a requirements.txt, as compilers print them, and a package's problems. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator
from typing import Protocol

from dagy.core.requirements.files import SkipReason
from dagy.core.requirements.files.merge import LIST_IS_FULL
from dagy.model.rest.parse import ParsedLine, ParseResponse

_SILENT = {SkipReason.BLANK, SkipReason.COMMENT, SkipReason.SAME_VERSION}


def findings(parsed: ParseResponse, filename: str, settled: Container[str] = ()) -> Iterator[str]:
    """Yield what was skipped, what conflicts (but for the `settled` normalized names) and what is wrong.

    Blank lines, comments, what is kept and what the list has already are no findings.
    """
    for line in parsed.lines:
        place = f"{filename}:{line.line}"
        if line.outcome == "error":
            yield f"{place}: error: {line.message} {line.hint}"
            yield f"    {line.text}"
            if line.position is not None:
                yield " " * (4 + line.position) + "^"
        elif line.outcome == "skipped" and line.reason not in _SILENT:
            yield f"{place}: skipped: {line.text}: {line.why}"
        elif line.existing and line.incoming and line.existing.name not in settled:
            yield f"{place}: conflict: {line.existing.name}"
            yield f"    existing  {line.existing.requirement}"
            yield f"    incoming  {line.incoming.requirement}"
    if too_many := parsed.summary.too_many:
        yield f"{filename}: error: The list has {too_many} requirements too many. {LIST_IS_FULL}"


def findings_and_counts(parsed: ParseResponse, filename: str) -> str:
    """Return the findings, and how many lines were kept, skipped, conflict or are wrong."""
    return "\n".join([*findings(parsed, filename), _counts(parsed)])


def _counts(parsed: ParseResponse) -> str:
    counts = parsed.summary
    reasons = Counter(line.reason for line in parsed.lines if line.reason)
    why = ", ".join(f"{reason} {number}" for reason, number in sorted(reasons.items()))
    noted = sum(1 for line in parsed.lines if _is_noted(line))
    kept = f"{counts.kept} kept" + (f" ({noted} without hashes and other options)" if noted else "")
    skipped = f"{counts.skipped} skipped" + (f" ({why})" if why else "")
    return f"{kept}, {skipped}, {counts.conflicts} in conflict, {counts.errors} wrong"


def _is_noted(line: ParsedLine) -> bool:
    return line.outcome == "kept" and bool(line.note)


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
