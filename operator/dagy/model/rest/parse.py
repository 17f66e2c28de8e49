"""REST bodies of reading a requirements.txt and merging it into a list."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from dagy.model.rest.base import RestModel
from dagy_builder.platforms import Architecture, PythonVersion


class Resolution(StrEnum):
    """How a conflict is settled."""

    KEEP = "keep"
    USE = "use"


MAX_TEXT, MAX_LINES = 200_000, 5_000
"""Characters and lines; 1,000 requirements with their hashes have half of that."""


def _few_lines(text: str) -> str:
    if text.count("\n") >= MAX_LINES:
        raise PydanticCustomError("too_long", f"It has more than {MAX_LINES} lines")
    return text


class ParseRequest(RestModel):
    """Text of a requirements.txt, and the list that it is merged into."""

    text: Annotated[str, Field(max_length=MAX_TEXT), AfterValidator(_few_lines)]
    """The file's text, of at most 5,000 lines."""
    python_version: PythonVersion
    """Python version that environment markers are evaluated for."""
    architecture: Architecture = "amd64"
    """CPU architecture that environment markers are evaluated for."""
    existing: Annotated[list[Annotated[str, Field(max_length=512)]], Field(max_length=1000)] = []
    """Requirements that the package has already."""
    resolutions: Annotated[dict[str, Resolution], Field(max_length=1000)] | Resolution = Resolution.KEEP
    """For conflicts: keep what exists or use what comes in; one choice for all, or one for each name."""


class ParsedDependency(RestModel):
    """One requirement."""

    requirement: str
    """The requirement in canonical form (PEP 508)."""
    name: str
    """Normalized name (PEP 503)."""
    extras: list[str] = []
    """Its extras."""
    version_spec: str
    """Its version specifier; empty for any version."""
    version_mode: str | None = None
    """How forms choose its versions: exact, minor-range, major-range, any, custom; null for a direct reference."""
    url: str | None = None
    """Where a direct reference points to."""


class ParsedLine(RestModel):
    """What became of one line of the file."""

    outcome: Literal["kept", "skipped", "conflict", "error"]
    """kept: it is added. skipped: it adds nothing. conflict: the list has another version. error: it cannot be used."""
    line: int
    """Number of the line, from 1."""
    last_line: int
    """Number of its last line; greater after continuations."""
    text: str
    """What it says, without credentials."""
    dependency: ParsedDependency | None = None
    """kept: the requirement."""
    note: str | None = None
    """kept: what was left out of it, and why."""
    reason: str | None = None
    """skipped: why, in one word."""
    why: str | None = None
    """skipped, conflict: why, in a sentence."""
    name: str | None = None
    """skipped: normalized name, when the line is a requirement."""
    existing: ParsedDependency | None = None
    """conflict: what the list has."""
    incoming: ParsedDependency | None = None
    """conflict: what the file asks for."""
    code: str | None = None
    """error: its kind, in one word (docs/errors.md)."""
    message: str | None = None
    """error: what is wrong."""
    hint: str | None = None
    """error: what to do."""
    position: int | None = None
    """error: column of `text` that is at fault, from 0."""


class ParseSummary(RestModel):
    """Counts."""

    kept: int
    """Lines that are added."""
    skipped: int
    """Lines that add nothing."""
    conflicts: int
    """Lines for which the list has another version."""
    errors: int
    """Lines that cannot be used."""
    too_many: int
    """How many dependencies the result has more than a package may hold."""


class ParseResponse(RestModel):
    """Each line of the file, and the list that results."""

    python_version: str
    """Python version that environment markers were evaluated for."""
    summary: ParseSummary
    """Counts."""
    lines: list[ParsedLine]
    """Every line, in order."""
    dependencies: list[ParsedDependency]
    """The list with the file merged into it and the conflicts settled as asked."""
