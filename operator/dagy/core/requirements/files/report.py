"""The result of checking a file as JSON-ready values: what `--json` prints and the API answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagy.core.requirements.dependency import Dependency
from dagy.core.requirements.files.merge import Choice, Merge, excess, resolve
from dagy.core.requirements.files.requirements_file import Conflict, Kept, Malformed, Outcome, Skipped
from dagy.core.requirements.version_mode import recognize


def as_json(
    merged: Merge, python_version: str, choices: Mapping[str, Choice] | Choice = Choice.KEEP_EXISTING
) -> dict[str, Any]:
    """Counts, every line, and the list that results when the conflicts are settled so."""
    dependencies = resolve(merged, choices)
    return {
        "pythonVersion": python_version,
        "summary": summary(merged),
        "lines": [_line(outcome) for outcome in merged.outcomes],
        "dependencies": [_dependency(one) for one in dependencies],
    }


def summary(merged: Merge) -> dict[str, int]:
    """How many lines were kept, skipped, conflict or are malformed, and how many dependencies are too many."""
    kinds = {"kept": Kept, "skipped": Skipped, "conflicts": Conflict, "errors": Malformed}
    counts = {name: sum(isinstance(one, kind) for one in merged.outcomes) for name, kind in kinds.items()}
    return {**counts, "tooMany": excess(resolve(merged))}


def has_findings(merged: Merge) -> bool:
    """Return whether somebody has to do something before the list can be used. Skipped lines are no findings."""
    counts = summary(merged)
    return any(counts[name] for name in ("conflicts", "errors", "tooMany"))


def _dependency(one: Dependency) -> dict[str, Any]:
    recognized = recognize(one.specifier)
    return {
        "requirement": str(one),
        "name": one.normalized_name,
        "extras": list(one.extras),
        "versionSpec": one.version_spec,
        "versionMode": recognized.mode.value if one.url is None else None,
        "url": one.url,
    }


def _line(outcome: Outcome) -> dict[str, Any]:
    place = {"line": outcome.number, "lastLine": outcome.last, "text": outcome.text}
    match outcome:
        case Kept():
            return {"outcome": "kept", **place, "dependency": _dependency(outcome.dependency), "note": outcome.note}
        case Skipped():
            return {"outcome": "skipped", **place, "reason": outcome.reason, "why": outcome.why, "name": outcome.name}
        case Conflict():
            return {
                "outcome": "conflict",
                **place,
                "why": outcome.why,
                "existing": _dependency(outcome.existing),
                "incoming": _dependency(outcome.incoming),
            }
        case Malformed():
            error = outcome.error
            return {
                "outcome": "error",
                **place,
                "code": error.code,
                "message": error.message,
                "hint": error.hint,
                "position": error.position,
            }
