"""Requirements that may reach uv, and their wording. Pure.

uv expands `${NAME}` in a requirements file, follows option lines (`-r`, `--index-url`), and takes local paths and
version-control URLs; each of these would hand the builder's environment or files to whoever wrote the requirement.
So uv gets only requirements that were parsed and printed again. People's own texts are read by
`dagy.core.requirements`, with hints; the rules here hold for every request, whoever made it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from dagy_builder.contract import Problem, Reason
from dagy_builder.failure import StepError
from dagy_builder.redact import REQUIREMENT_CHARACTERS, one_line
from dagy_builder.url import why_unclear

ARCHIVES = (".whl", ".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tar.xz")
"""Endings by which the resolver tells a package's file."""
_SHOWN = 80


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
            shown = one_line(text, _SHOWN)
            problems.append(Problem(message=f"{shown!r}: {error}", requirement=shown, why=str(error)))
    if problems:
        count = "One requirement is" if len(problems) == 1 else f"{len(problems)} requirements are"
        message = f"{count} not usable. {problems[0].message}"
        raise StepError(Reason.MALFORMED_REQUIREMENT, message, problems=problems)
    return parsed


def parse_requirement(text: str) -> Requirement:
    """One requirement. Raises ValueError with the reason, a sentence that names another way to write it."""
    if len(text) > REQUIREMENT_CHARACTERS:
        raise ValueError(f"longer than {REQUIREMENT_CHARACTERS} characters. Shorten it.")
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
    path, package = unquote(urlsplit(url).path), package_of(url)
    if not path.endswith(ARCHIVES) or (path.endswith(".whl") and package is None):
        raise ValueError("its URL doesn't end in the name of a wheel. Write name @ https://host/file.whl.")
    if package not in (None, canonicalize_name(name)):
        raise ValueError(f"its URL leads to a file of {package}. Write {package} @ ..., or correct the URL.")


def package_of(url: str) -> str | None:
    """The normalized name of the package whose file a URL points to, or None when the file name doesn't tell."""
    filename = unquote(url.partition("#")[0].partition("?")[0].rpartition("/")[2])
    try:
        if filename.endswith(".whl"):
            return parse_wheel_filename(filename)[0]
        return parse_sdist_filename(filename)[0]
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None


def requirements_file(requirements: Iterable[ParsedRequirement]) -> str:
    """The requirements in one order, one a line, so that the order in which they were given changes nothing."""
    return "".join(f"{line}\n" for line in sorted({str(one.requirement) for one in requirements}))
