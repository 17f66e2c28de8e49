"""What people mean when a requirement doesn't parse: from the grammar's complaint to a hint that helps."""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement

from dagy.core.requirements.errors import ErrorCode, RequirementError

_EXAMPLE = 'Write name, extras and versions, e.g. "uvicorn[standard]>=0.30,<1".'


@dataclass(frozen=True)
class _Habit:
    """A way of writing that other tools have, matched where the grammar stopped."""

    rest: re.Pattern[str]
    code: ErrorCode
    message: str
    hint: str


def _habit(rest: str, code: ErrorCode, message: str, hint: str) -> _Habit:
    return _Habit(re.compile(rest), code, message, hint)


# The first that matches the rest of the text wins.
_HABITS = (
    _habit(r"\s*#", ErrorCode.COMMENT, "A comment cannot follow a requirement here.", 'Remove it from the "#" on.'),
    _habit(
        r"\s*--?[a-z]",
        ErrorCode.OPTION,
        "An option follows the requirement.",
        "Remove it; hashes are recorded in the lock.",
    ),
    _habit(r"\s*=[<>]", ErrorCode.SYNTAX, "The operator is the wrong way round.", 'Write ">=" or "<=".'),
    _habit(r"\s*=(?!=)", ErrorCode.SYNTAX, '"=" is not a version operator.', 'Write "==" for an exact version.'),
    _habit(
        r"\s*\^", ErrorCode.SYNTAX, '"^" is not a version operator of Python.', 'Write a range: "^1.2" is ">=1.2,<2".'
    ),
    _habit(
        r"\s*~(?!=)",
        ErrorCode.SYNTAX,
        '"~" is not a version operator of Python.',
        'Write "~=1.2.0" for ">=1.2.0,<1.3".',
    ),
    _habit(
        r"\s*~=\s*\d+\s*($|[,;)])",
        ErrorCode.VERSION_MALFORMED,
        '"~=" needs at least two parts.',
        'Write "~=1.0", or ">=1,<2".',
    ),
    _habit(r"\s*v?\d", ErrorCode.SYNTAX, "A version operator is missing.", 'Write "==" before the version.'),
    _habit(
        r"\s*(===|==|~=|!=|<=|>=|<|>)\s*($|[,;)])",
        ErrorCode.VERSION_MALFORMED,
        "The version is missing.",
        "Add it after the operator.",
    ),
    _habit(
        r"\s*(===|==|~=|!=|<=|>=|<|>)",
        ErrorCode.VERSION_MALFORMED,
        "This is not a version (PEP 440).",
        'Write numbers with dots, e.g. "==1.4.2", ">=1.4,<2" or "==1.4.*".',
    ),
    _habit(
        r"\s*,\s*[A-Za-z]", ErrorCode.SYNTAX, "There is more than one requirement.", "Put each in an entry of its own."
    ),
    _habit(
        r"\s*[A-Za-z]",
        ErrorCode.SYNTAX,
        "Text follows the requirement.",
        "Put each requirement in an entry of its own.",
    ),
)


def syntax_error(text: str, error: InvalidRequirement) -> RequirementError:
    """The library's error for what `packaging` refused."""
    # `packaging` keeps the position in the cause; without one there is no caret, and nothing else is lost.
    span = getattr(error.__cause__, "span", None)
    position = min(span[1], len(text)) if span else None
    complaint = str(getattr(error.__cause__, "message", "")).rstrip(".")
    if position == 0:
        return RequirementError(
            ErrorCode.NAME_MALFORMED,
            text,
            "The requirement does not begin with the name of a package.",
            f"Names hold letters, digits, '-', '_' and '.', and begin with a letter or digit. {_EXAMPLE}",
            0,
        )
    if complaint.startswith("Expected") and "marker" not in complaint and position is not None:
        rest = text[position:]
        for habit in _HABITS:
            if habit.rest.match(rest):
                return RequirementError(habit.code, text, habit.message, habit.hint, position)
    message = (
        f"The requirement cannot be read: {complaint[:1].lower()}{complaint[1:]}."
        if complaint
        else "The requirement cannot be read."
    )
    return RequirementError(ErrorCode.SYNTAX, text, message, _EXAMPLE, position)
