"""The result of reading a file into a list: what the API answers, and what commands print."""

from __future__ import annotations

from collections.abc import Mapping

from dagy.core.requirements.dependency import Dependency
from dagy.core.requirements.files.merge import Merge, excess, resolve
from dagy.core.requirements.files.requirements_file import Conflict, Kept, Malformed, Outcome, Skipped
from dagy.core.requirements.version_mode import recognize
from dagy.model.rest.parse import ParsedDependency, ParsedLine, ParseResponse, ParseSummary, Resolution


def report(
    merged: Merge, python_version: str, resolutions: Mapping[str, Resolution] | Resolution = Resolution.KEEP
) -> ParseResponse:
    """Return counts, every line, and the list that results when the conflicts are settled so."""
    return ParseResponse(
        python_version=python_version,
        summary=summary(merged),
        lines=[_line(outcome) for outcome in merged.outcomes],
        dependencies=[_dependency(one) for one in resolve(merged, resolutions)],
    )


def summary(merged: Merge) -> ParseSummary:
    """Count what the lines came to."""

    def count(kind: type[Outcome]) -> int:
        return sum(isinstance(one, kind) for one in merged.outcomes)

    return ParseSummary(
        kept=count(Kept),
        skipped=count(Skipped),
        conflicts=count(Conflict),
        errors=count(Malformed),
        too_many=excess(resolve(merged)),
    )


def has_findings(counts: ParseSummary) -> bool:
    """Return True when somebody has to do something before the list can be used. Skipped lines are no findings."""
    return bool(counts.conflicts or counts.errors or counts.too_many)


def _dependency(one: Dependency) -> ParsedDependency:
    recognized = recognize(one.specifier)
    return ParsedDependency(
        requirement=str(one),
        name=one.normalized_name,
        extras=list(one.extras),
        version_spec=one.version_spec,
        version_mode=recognized.mode.value if one.url is None else None,
        url=one.url,
    )


def _line(outcome: Outcome) -> ParsedLine:
    def line(kind: str, **fields: object) -> ParsedLine:
        place = {"line": outcome.number, "last_line": outcome.last, "text": outcome.text}
        return ParsedLine.model_validate({"outcome": kind, **place, **fields})

    match outcome:
        case Kept():
            return line("kept", dependency=_dependency(outcome.dependency), note=outcome.note)
        case Skipped():
            return line("skipped", reason=outcome.reason, why=outcome.why, name=outcome.name)
        case Conflict():
            sides = {"existing": _dependency(outcome.existing), "incoming": _dependency(outcome.incoming)}
            return line("conflict", why=outcome.why, **sides)
        case Malformed():
            error = outcome.error
            return line("error", code=error.code, message=error.message, hint=error.hint, position=error.position)
