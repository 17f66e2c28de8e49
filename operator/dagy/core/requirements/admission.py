"""Texts that are refused before the grammar of PEP 508 is asked.

The resolver that reads the list later expands `${VAR}`, follows option lines and opens local paths, so nothing that
looks like one may get as far as that.
"""

from __future__ import annotations

import re

from dagy.core.requirements.errors import ErrorCode, RequirementError
from dagy.model.constants import MAX_REQUIREMENT_LENGTH
from dagy_builder.requirement import package_of

MAX_NESTING = 10
"""Parentheses within parentheses; real markers need two or three, and the parser recurses on them."""

_OPTION = re.compile(r"--[A-Za-z-]*|-.?")
# The text before the first operator, extra, marker or URL: the name, or a path.
_HEAD = re.compile(r"[^\s@\[;=<>!]*")
_FILE_URL = re.compile(r"(?:^|@)\s*file:", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?=//|/|\.)")
_VERSION_CONTROL = re.compile(r"(?:^|[\s@])((?:git|hg|svn|bzr)(?:\+[a-z]+)?:|git@(?!https:))", re.IGNORECASE)
_ARCHIVE = re.compile(r"^[^:]*\.(?:whl|tar\.gz)$", re.IGNORECASE)

_PATH_HINT = (
    "Use a released version, or upload the wheel to an index or a web server and write "
    '"name @ https://host/name-1.0-py3-none-any.whl".'
)
_CONDA_HINT = (
    'Write the version instead, e.g. "name==1.2". In a conda environment "pip list --format=freeze" '
    'gives versions where "pip freeze" gives paths.'
)


def check_text(text: str) -> str:
    """Return the text as the grammar may read it: stripped, tabs as spaces. Raises RequirementError."""
    check_length(text)
    text = text.strip(" \t").replace("\t", " ")
    if not text:
        raise RequirementError(
            ErrorCode.EMPTY,
            text,
            "The requirement is empty.",
            'Remove the entry or name a package, e.g. "requests>=2.31".',
        )
    _check_version_control(text)  # before anything that could make people put a password there
    _check_characters(text)
    _check_kind(text)
    return text


def check_length(text: str) -> None:
    """Raise RequirementError for a requirement that the API would not take."""
    if len(text) > MAX_REQUIREMENT_LENGTH:
        raise RequirementError(
            ErrorCode.TOO_LONG,
            text,
            f"The requirement has {len(text)} characters; at most {MAX_REQUIREMENT_LENGTH} are allowed.",
            "Give the name and the version only, one requirement per entry.",
        )


def _check_characters(text: str) -> None:
    if not (text.isascii() and text.isprintable()) or "\\" in text or "$" in text:
        at = next(i for i, c in enumerate(text) if not (c.isascii() and c.isprintable()) or c in "\\$")
        raise _bad_character(text, at, text[at])
    depth = 0
    for parenthesis in re.finditer(r"[()]", text):
        depth += 1 if parenthesis[0] == "(" else -1
        if depth > MAX_NESTING:
            raise RequirementError(
                ErrorCode.MARKER_TOO_DEEP,
                text,
                f"Parentheses are nested more than {MAX_NESTING} deep.",
                "Simplify the environment marker, or remove it: the package is built for one Python on Linux.",
                parenthesis.start(),
            )


def _bad_character(text: str, position: int, character: str) -> RequirementError:
    if character == "\\":
        return RequirementError(
            ErrorCode.BACKSLASH,
            text,
            "A requirement holds no backslash.",
            "Write each requirement on one line; a local path cannot be installed from here.",
            position,
        )
    if character == "$":
        return RequirementError(
            ErrorCode.VARIABLE,
            text,
            'A requirement holds no "$": variables are never expanded.',
            "Write what it stands for, unless that is a password or token: credentials of an index belong in a Secret.",
            position,
        )
    if character.isascii() or not character.isprintable():
        return RequirementError(
            ErrorCode.CONTROL_CHARACTER,
            text,
            f"The requirement holds the control character U+{ord(character):04X}.",
            "Put each requirement in an entry of its own and remove line breaks and invisible characters.",
            position,
        )
    return RequirementError(
        ErrorCode.NOT_ASCII,
        text,
        f'The requirement holds "{character}" (U+{ord(character):04X}), which is not an ASCII character.',
        "Type it again: text from a document often has other dashes, quotes or spaces. In URLs write it %-encoded.",
        position,
    )


def _check_kind(text: str) -> None:
    """Refuse a text that pip and uv read as something else than "name version"."""
    if option := _OPTION.match(text):
        raise RequirementError(
            ErrorCode.OPTION,
            option[0],  # its value may be a URL with credentials
            f'"{option[0]}" is an option of pip, not a requirement.',
            "List the packages themselves; indexes and build options have fields of their own in the spec.",
            0,
        )
    if text.startswith("#"):
        raise RequirementError(ErrorCode.COMMENT, text, "This is a comment, not a requirement.", "Remove the entry.", 0)
    if _is_local(text):
        raise RequirementError(
            ErrorCode.LOCAL_PATH,
            text,
            "This is a path on a local disk, which the build cannot see.",
            _CONDA_HINT if _FILE_URL.search(text, 1) else _PATH_HINT,
            0,
        )
    if _SCHEME.match(text):
        raise RequirementError(
            ErrorCode.URL_WITHOUT_NAME,
            text,
            "A URL needs the package's name before it.",
            f'Write "{package_of(text) or "name"} @ https://...".',
            0,
        )


def _check_version_control(text: str) -> None:
    if not text.startswith(("-", "#")) and (match := _VERSION_CONTROL.search(text)):
        raise RequirementError(
            ErrorCode.VERSION_CONTROL,
            text,
            "Packages are not installed from version control, because a branch can change between two builds.",
            'Use a released version; or build a wheel of it once ("pip wheel --no-deps git+https://..."), upload it to '
            'an index or a web server, and write "name @ https://host/name-1.0-py3-none-any.whl".',
            match.start(1),
        )


def _is_local(text: str) -> bool:
    head = _HEAD.match(text)
    assert head is not None
    if _FILE_URL.search(text) or ("/" in head[0] and ":" not in head[0]) or _ARCHIVE.search(head[0]):
        return True
    return text.partition("@")[2].lstrip().startswith((".", "/", "~"))
