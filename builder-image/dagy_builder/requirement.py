"""Which requirements may reach uv, and in which words. Pure.

uv expands `${NAME}` in a requirements file, follows option lines (`-r`, `--index-url`), and takes local paths and
version-control URLs; each of these would hand the builder's environment or files to whoever wrote the requirement.
So uv gets only what was parsed and printed again.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import (
    InvalidWheelFilename,
    canonicalize_name,
    parse_wheel_filename,
)

from dagy_builder.contract import Problem, Reason
from dagy_builder.failure import StepError
from dagy_builder.indexes.url import why_unclear
from dagy_builder.redact import redact

MAX_LENGTH = 512
_SHOWN = 80
_SOURCE_SUFFIXES = (".tar.gz", ".tgz", ".zip", ".tar.bz2", ".tar.xz")


@dataclass(frozen=True)
class ParsedRequirement:
    """A requirement as the user gave it, and parsed."""

    text: str
    requirement: Requirement

    @property
    def name(self) -> str:
        """The normalized name (PEP 503)."""
        return canonicalize_name(self.requirement.name)

    def without_version(self) -> ParsedRequirement:
        """The same package with the same extras and marker, in any version."""
        relaxed = Requirement(str(self.requirement))
        relaxed.specifier = SpecifierSet()
        return ParsedRequirement(str(relaxed), relaxed)


def parse_requirements(texts: Iterable[str]) -> list[ParsedRequirement]:
    """The requirements, parsed (PEP 508). Raises StepError with a Problem for each one that may not reach uv."""
    parsed: list[ParsedRequirement] = []
    problems: list[Problem] = []
    for text in texts:
        try:
            parsed.append(ParsedRequirement(text, parse_requirement(text)))
        except ValueError as error:
            shown = _shown(text)
            problems.append(Problem(message=f"{shown!r}: {error}", requirement=shown, why=str(error)))
    if problems:
        count = "One requirement is" if len(problems) == 1 else f"{len(problems)} requirements are"
        message = f"{count} not usable. {problems[0].message}"
        raise StepError(Reason.MALFORMED_REQUIREMENT, message, problems=problems)
    return parsed


def _shown(text: str) -> str:
    """The text as it may stand in a message: without credentials, short, in one line."""
    text = redact(text.replace("\n", " ").replace("\r", " "))
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def parse_requirement(text: str) -> Requirement:
    """One requirement. Raises ValueError with the reason, a sentence that says what to write instead."""
    if len(text) > MAX_LENGTH:
        raise ValueError(f"longer than {MAX_LENGTH} characters. Shorten it.")
    if any(unicodedata.category(c).startswith("C") or c in "\u2028\u2029" for c in text):
        raise ValueError("it contains a control character or a line break. Write one requirement in one line.")
    if "$" in text:
        raise ValueError(
            "'$' is not allowed, because uv would replace ${NAME} by a variable. Write what it stands for, if that is "
            "no secret."
        )
    if text.lstrip().startswith("-"):
        raise ValueError("options of pip are not requirements. Give a package's name, for example requests>=2.32.")
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        why = str(error).splitlines()[0].rstrip(".")
        raise ValueError(f"{why}. Write it as PEP 508 says, for example requests>=2.32,<3.") from None
    if requirement.url is not None:
        check_url(requirement.url, schemes=("https",))
        _check_file(requirement.name, requirement.url)
    return requirement


def check_url(url: str, schemes: Sequence[str] = ("https", "http")) -> None:
    """Raise ValueError unless it is a URL of the web without credentials."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        raise ValueError("its URL can't be read. Write https://host/path.") from None
    if parts.scheme not in schemes or not host:
        raise ValueError(
            f"{parts.scheme or 'local'} URLs are not allowed: only {' and '.join(schemes)} ones are. Write https://host/path."
        )
    if parts.username is not None or parts.password is not None:
        raise ValueError("its URL holds credentials, which would be kept in the lock. Remove them from the URL.")
    if "$" in url or any(unicodedata.category(c)[0] in "CZ" for c in url):
        raise ValueError("its URL holds a character that no URL may hold. Write it percent-encoded.")
    if reason := why_unclear(url):
        raise ValueError(f"its URL can be read in two ways, because {reason}. Write the plain URL: https://host/path.")


def _check_file(name: str, url: str) -> None:
    file = unquote(PurePosixPath(urlsplit(url).path).name)
    if file.endswith(_SOURCE_SUFFIXES):
        return
    try:
        named = parse_wheel_filename(file)[0]
    except InvalidWheelFilename:
        raise ValueError("its URL doesn't end in the name of a wheel. Write name @ https://host/file.whl.") from None
    if named != canonicalize_name(name):
        raise ValueError(f"its URL leads to a file of {named}. Write {named} @ ..., or correct the URL.")


def requirements_file(requirements: Iterable[ParsedRequirement]) -> str:
    """The requirements in one order, one a line, so that the order in which they were given changes nothing."""
    return "".join(f"{line}\n" for line in sorted({str(asked.requirement) for asked in requirements}))
