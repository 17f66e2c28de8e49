"""Hints for requirements that don't parse: from the grammar's complaint to the likely meaning."""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement

from dagy.core.requirements.direct_url import MARKER_AFTER_URL, MARKER_AFTER_URL_HINT
from dagy.core.requirements.errors import ErrorCode, RequirementError

_EXAMPLE = 'Write name, extras and versions, e.g. "uvicorn[standard]>=0.30,<1".'
_VERSION_EXAMPLE = 'Write numbers with dots, e.g. "==1.4.2", ">=1.4,<2" or "==1.4.*".'
_OPERATOR = r"(?:===|==|~=|!=|<=|>=|<|>)"


@dataclass(frozen=True)
class _Rule:
    """The message and hint for a match of the text from the position on, or of the grammar's complaint."""

    pattern: re.Pattern[str]
    code: ErrorCode
    message: str
    hint: str


def _rule(pattern: str, code: ErrorCode, message: str, hint: str) -> _Rule:
    return _Rule(re.compile(pattern), code, message, hint)


_COMPLAINTS = (
    _rule("Expected matching", ErrorCode.SYNTAX, "A bracket or parenthesis is never closed.", "Close it."),
    _rule(
        r"\.\* suffix can only",
        ErrorCode.VERSION_MALFORMED,
        '".*" can only follow "==" or "!=".',
        'Write ">=1.4" instead of ">=1.4.*".',
    ),
    _rule(r"\.\* suffix", ErrorCode.VERSION_MALFORMED, '".*" can only follow plain numbers.', 'Write "==1.4.*".'),
    _rule(
        "Local version",
        ErrorCode.VERSION_MALFORMED,
        'A local version ("+...") can only follow "==" or "!=".',
        'Remove all from "+" on.',
    ),
    _rule(
        "Expected URL",
        ErrorCode.URL_MALFORMED,
        'The URL after "@" is missing.',
        'Write "name @ https://...", or remove the "@".',
    ),
    _rule(
        "marker|quoted string|'in' after|after 'not'",
        ErrorCode.SYNTAX,
        "The environment marker cannot be read.",
        'Compare a variable with a quoted text, e.g. python_version < "3.11", or remove all from ";" on.',
    ),
    _rule("extra name", ErrorCode.SYNTAX, "The extras cannot be read.", 'Write them as "name[one,two]".'),
)

# Files that aren't lists of requirements, by how a line of them begins.
_FOREIGN = (
    _rule(
        r"\[notice\]|(?:WARNING|ERROR|DEPRECATION): ?",
        ErrorCode.NAME_MALFORMED,
        "This is a message of pip, not a requirement.",
        "Remove the line.",
    ),
    _rule(
        r"['\"]",
        ErrorCode.NAME_MALFORMED,
        "The requirement is in quotes.",
        "Remove the quotes.",
    ),
    _rule(
        "<<<<<<<|=======|>>>>>>>",
        ErrorCode.NAME_MALFORMED,
        "This is the mark of an unresolved merge.",
        "Resolve the conflict in the file first.",
    ),
    _rule(
        r"\[",
        ErrorCode.NAME_MALFORMED,
        "This looks like a section of a TOML or INI file, not like a requirement.",
        'Export the project first, e.g. with "uv export --format requirements-txt" or "poetry export".',
    ),
    _rule(
        "<", ErrorCode.NAME_MALFORMED, "This looks like a web page, not like a requirement.", "Download the file anew."
    ),
)

# Matched where the grammar stopped; the first one wins.
_HABITS = (
    _rule(r"\s*#", ErrorCode.COMMENT, "A comment cannot follow a requirement here.", 'Remove it from the "#" on.'),
    _rule(
        r"\s*--?[A-Za-z][A-Za-z-]*",
        ErrorCode.OPTION,
        "An option follows the requirement.",
        "Remove it; hashes are recorded in the lock.",
    ),
    _rule(r"\s*['\"]", ErrorCode.SYNTAX, "A quote follows the requirement.", "Remove the quotes."),
    _rule(r"\s*=[<>!~]", ErrorCode.SYNTAX, "The operator is the wrong way round.", 'Write ">=", "<=", "!=" or "~=".'),
    _rule(
        r"=[^=\s]+=[^=\s]+$",
        ErrorCode.SYNTAX,
        "This is a line of `conda list`: name, version and build.",
        'In the conda environment, run "pip list --format=freeze > requirements.txt".',
    ),
    _rule(r"\s*=(?!=)", ErrorCode.SYNTAX, '"=" is not a version operator.', 'Write "==" for an exact version.'),
    _rule(
        r"\s*\^", ErrorCode.SYNTAX, '"^" is not a version operator of Python.', 'Write a range: "^1.2" is ">=1.2,<2".'
    ),
    _rule(
        r"\s*~(?!=)",
        ErrorCode.SYNTAX,
        '"~" is not a version operator of Python.',
        'Write a range: "~1.2" is ">=1.2,<1.3".',
    ),
    _rule(
        r"\s*~=\s*\d+\s*($|[,;)])",
        ErrorCode.VERSION_MALFORMED,
        '"~=" needs two parts or more.',
        'Write "~=1.0", or ">=1,<2".',
    ),
    _rule(r"\s*v?\d", ErrorCode.SYNTAX, "A version operator is missing.", 'Write "==" before the version.'),
    _rule(
        rf"\s*{_OPERATOR}\s*($|[,;)])",
        ErrorCode.VERSION_MALFORMED,
        "The version is missing.",
        "Add it after the operator.",
    ),
    _rule(
        rf"\s*{_OPERATOR}\s*\d",
        ErrorCode.SYNTAX,
        "A comma is missing between two versions.",
        'Write it between them, e.g. ">=1.4,<2".',
    ),
    _rule(
        r"\s*\[",
        ErrorCode.SYNTAX,
        "Extras come before the version.",
        'Write them after the name, e.g. "uvicorn[standard]==0.30".',
    ),
    _rule(rf"\s*{_OPERATOR}", ErrorCode.VERSION_MALFORMED, "This is not a version (PEP 440).", _VERSION_EXAMPLE),
    _rule(
        r"\s*[,;]?\s*[A-Za-z]",
        ErrorCode.SYNTAX,
        "More text follows the requirement.",
        "Put each requirement in an entry of its own.",
    ),
)


def syntax_error(text: str, error: InvalidRequirement) -> RequirementError:
    """Return the library's error for a text that `packaging` refused."""
    # `packaging` keeps complaint and position in the cause; without them the caret is lost, and nothing else.
    complaint = str(getattr(error.__cause__, "message", ""))
    span = getattr(error.__cause__, "span", None)
    position = min(span[1], len(text)) if span else None
    if position == 0:
        return _name_error(text, 0)
    if text.endswith(";"):
        message, hint = 'Nothing follows the ";".', "Remove it, or write an environment marker after it."
        return RequirementError(ErrorCode.SYNTAX, text, message, hint, position)
    for rule in _COMPLAINTS:
        if "semicolon" not in complaint and rule.pattern.search(complaint):
            return RequirementError(rule.code, text, rule.message, rule.hint, position)
    if position is None:
        return RequirementError(ErrorCode.SYNTAX, text, "The requirement cannot be read.", _EXAMPLE)
    return _where_it_stopped(text, position)


def _where_it_stopped(text: str, position: int) -> RequirementError:
    before, rest = text[:position], text[position:]
    if before.rstrip().endswith(";") and "://" in before:
        semicolon = before.rindex(";")
        return RequirementError(ErrorCode.URL_MALFORMED, text, MARKER_AFTER_URL, MARKER_AFTER_URL_HINT, semicolon)
    within_a_word = before[-1:].strip() and rest[:1] not in {"", " ", "#", "^", "~", "=", "<", ">", "!", "@", ",", ";"}
    after_a_version = re.search(_OPERATOR, before) is not None
    if within_a_word and after_a_version and rest[0] not in "['\"":
        message = "The version is not one that Python packages have (PEP 440)."
        return RequirementError(ErrorCode.VERSION_MALFORMED, text, message, _VERSION_EXAMPLE, position)
    if within_a_word and not after_a_version and "[" not in before:
        return _name_error(text, position)
    for habit in _HABITS:
        if found := habit.pattern.match(rest):
            if habit.code is ErrorCode.OPTION:
                text = f"{before}{found[0]} …"  # its value may be a secret
            return RequirementError(habit.code, text, habit.message, habit.hint, position)
    return RequirementError(ErrorCode.SYNTAX, text, "The requirement cannot be read from here on.", _EXAMPLE, position)


def _name_error(text: str, position: int) -> RequirementError:
    for rule in _FOREIGN:
        if rule.pattern.match(text):
            return RequirementError(rule.code, text, rule.message, rule.hint, position)
    message = "The requirement does not begin with the name of a package."
    hint = f"Names hold letters, digits, '-', '_' and '.', and begin and end with a letter or digit. {_EXAMPLE}"
    return RequirementError(ErrorCode.NAME_MALFORMED, text, message, hint, position)
