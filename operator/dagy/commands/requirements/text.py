"""The result of checking a requirements file, for people: one finding per line, as compilers print them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from dagy.core.requirements.files import Conflict, Kept, Malformed, Merge, Outcome, Skipped, SkipReason
from dagy.core.requirements.files.merge import LIST_IS_FULL
from dagy.core.requirements.files.report import summary

_SILENT = {SkipReason.BLANK, SkipReason.COMMENT, SkipReason.SAME_VERSION}


def as_text(merged: Merge, filename: str) -> Iterator[str]:
    """The lines to print: what was skipped, what conflicts, what is wrong, and the counts.

    Blank lines, comments, what is kept and what the list has already only count.
    """
    for outcome in merged.outcomes:
        yield from _finding(outcome, f"{filename}:{outcome.number}")
    counts = summary(merged)
    if counts["tooMany"]:
        yield f"{filename}: error: The list has {counts['tooMany']} requirements too many. {LIST_IS_FULL}"
    yield _counts(merged)


def _finding(outcome: Outcome, place: str) -> Iterator[str]:
    match outcome:
        case Malformed():
            yield f"{place}: error: {outcome.error.message} {outcome.error.hint}"
            yield from (f"    {line}" for line in outcome.error.excerpt.splitlines())
        case Conflict():
            yield f"{place}: conflict: {outcome.why}"
        case Skipped() if outcome.reason not in _SILENT:
            yield f"{place}: skipped: {outcome.text}: {outcome.why}"
        case _:
            return


def _counts(merged: Merge) -> str:
    counts = summary(merged)
    reasons = Counter(one.reason for one in merged.outcomes if isinstance(one, Skipped))
    why = ", ".join(f"{reason} {number}" for reason, number in sorted(reasons.items()))
    noted = sum(1 for one in merged.outcomes if isinstance(one, Kept) and one.note)
    kept = f"{counts['kept']} kept" + (f" ({noted} without hashes and other options)" if noted else "")
    skipped = f"{counts['skipped']} skipped" + (f" ({why})" if why else "")
    return f"{kept}, {skipped}, {counts['conflicts']} in conflict, {counts['errors']} wrong"
