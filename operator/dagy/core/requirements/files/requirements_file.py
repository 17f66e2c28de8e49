"""A requirements.txt, read: every line accounted for, no include followed, no variable expanded, no file opened."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from dagy.core.requirements.dependency import Dependency, parse_dependency
from dagy.core.requirements.errors import ErrorCode, RequirementError
from dagy.core.requirements.files.foreign import foreign_file
from dagy.core.requirements.files.logical_lines import LogicalLine, logical_lines
from dagy.core.requirements.target import Target, for_target, why_not_needed
from dagy_builder.redact import redact_requirement


class SkipReason(StrEnum):
    """The reason that a line adds nothing to the list. Stable: scripts may compare it."""

    BLANK = "Blank"
    COMMENT = "Comment"
    REQUIREMENTS_FILE = "RequirementsFile"
    CONSTRAINTS_FILE = "ConstraintsFile"
    EDITABLE = "Editable"
    INDEX = "Index"
    OPTION = "Option"
    NOT_NEEDED = "NotNeeded"
    REPEATED = "Repeated"
    SAME_VERSION = "SameVersion"
    OTHER_EXTRAS = "OtherExtras"


@dataclass(frozen=True)
class Line:
    """A position in the file."""

    number: int
    """First line, from 1."""
    last: int
    """Last line; greater than `number` after continuations."""
    text: str
    """The line's text, without credentials."""


@dataclass(frozen=True)
class Kept(Line):
    """A requirement that goes into the list."""

    dependency: Dependency
    note: str | None = None
    """The part that was left out of it, with the reason."""


@dataclass(frozen=True)
class Skipped(Line):
    """A line that adds nothing."""

    reason: SkipReason
    why: str
    name: str | None = None
    """Normalized name, when the line is a requirement."""


@dataclass(frozen=True)
class Conflict(Line):
    """A requirement whose name the list has with another version: somebody has to choose."""

    existing: Dependency
    incoming: Dependency

    @property
    def why(self) -> str:
        """The conflict in one sentence."""
        return f'The list has "{self.existing}", the file asks for "{self.incoming}".'


@dataclass(frozen=True)
class Malformed(Line):
    """A line that isn't a requirement, or one that is refused."""

    error: RequirementError


Outcome = Kept | Skipped | Conflict | Malformed


@dataclass(frozen=True)
class RequirementsFile:
    """A file's lines, in order, with the meaning of each for one target."""

    target: Target
    outcomes: tuple[Outcome, ...]

    @property
    def dependencies(self) -> tuple[Dependency, ...]:
        """The requirements that are kept, in the order of the file."""
        return tuple(one.dependency for one in self.outcomes if isinstance(one, Kept))


def read_requirements(text: str, target: Target) -> RequirementsFile:
    """Read a requirements file. Never raises, whatever the text holds; a file of another kind is one wrong line.

    Environment markers are evaluated for the target and then gone; of several requirements for one name the first is
    kept.
    """
    if foreign := foreign_file(text):
        lines = list(logical_lines(text))
        error = RequirementError(ErrorCode.FOREIGN_FILE, lines[0].text, foreign.message, foreign.hint)
        return RequirementsFile(target, (Malformed(1, lines[-1].last, error.text, error),))
    first: dict[str, Kept] = {}
    outcomes: list[Outcome] = []
    for line in logical_lines(text):
        outcome = _read_line(line, target)
        if isinstance(outcome, Kept):
            outcome = _unless_repeated(outcome, first)
        outcomes.append(outcome)
    return RequirementsFile(target, tuple(outcomes))


def _unless_repeated(line: Kept, first: dict[str, Kept]) -> Outcome:
    name = line.dependency.normalized_name
    earlier = first.setdefault(name, line)
    if earlier is line:
        return line
    why = f"repeated: {name} stands on line {earlier.number} already ({earlier.dependency}), and the first is kept"
    return Skipped(line.number, line.last, line.text, SkipReason.REPEATED, why, name)


def _read_line(line: LogicalLine, target: Target) -> Outcome:
    content = line.content
    if not content:
        return _without_content(line)
    if (option := _skipped_option(line)) is not None:
        return option
    place = Line(line.number, line.last, redact_requirement(line.requirement))
    try:
        parsed = parse_dependency(line.requirement)
        dependency = for_target(parsed, target)
    except RequirementError as error:
        return Malformed(place.number, place.last, error.text, error)
    if dependency is None:
        why = why_not_needed(parsed, target)
        return Skipped(place.number, place.last, place.text, SkipReason.NOT_NEEDED, why, parsed.normalized_name)
    return Kept(place.number, place.last, place.text, dependency, _note_on(line.options))


def _without_content(line: LogicalLine) -> Skipped:
    if not line.text:
        return Skipped(line.number, line.last, "", SkipReason.BLANK, "blank")
    return Skipped(line.number, line.last, redact_requirement(line.text), SkipReason.COMMENT, "comment")


def _note_on(options: tuple[str, ...]) -> str | None:
    if not options:
        return None
    notes = []
    if "--hash" in options:
        notes.append("hashes are left out: the lock records those of the files that are really installed")
    if others := [option for option in options if option != "--hash"]:
        notes.append(f"{', '.join(others)} left out: options of pip have no effect here")
    return "; ".join(notes)


@dataclass(frozen=True)
class _OptionKind:
    names: tuple[str, ...]
    reason: SkipReason
    why: str
    shows_value: bool = False
    """True when the value may be shown, redacted. Those of index options may be nothing but a secret."""


_INDEX_OPTIONS = "-i --index-url --pypi-url --extra-index-url --default-index --index --no-index --trusted-host"
_OPTION_KINDS = (
    _OptionKind(
        ("-r", "--requirement", "--requirements"),
        SkipReason.REQUIREMENTS_FILE,
        "includes are not followed: import that file as well",
        shows_value=True,
    ),
    _OptionKind(
        ("-c", "--constraint", "--constraints"),
        SkipReason.CONSTRAINTS_FILE,
        "constraints are not followed: give the versions in the requirements",
        shows_value=True,
    ),
    _OptionKind(
        ("-e", "--editable"),
        SkipReason.EDITABLE,
        "a project in development is not installed: build a wheel of it, or use a released version",
        shows_value=True,
    ),
    _OptionKind(
        tuple(_INDEX_OPTIONS.split()),
        SkipReason.INDEX,
        "indexes are set in spec.index of the package, credentials in a Secret",
    ),
    _OptionKind(
        ("-f", "--find-links"),
        SkipReason.INDEX,
        "a page of links is no index: name an index that has these files in spec.index (PyTorch's for CPUs is "
        'https://download.pytorch.org/whl/cpu), or the wheel itself, as "name @ https://..."',
    ),
)
_OTHER_OPTION = _OptionKind((), SkipReason.OPTION, "options of pip have no effect here")
_OPTION = re.compile(r"(?P<name>--[A-Za-z][A-Za-z0-9-]*|-[A-Za-z])(?P<value>.*)", re.DOTALL)
_SHORT_OPTIONS = "rceifUqv"


def _skipped_option(line: LogicalLine) -> Skipped | None:
    match = _OPTION.fullmatch(line.content)
    if match is None:
        return None
    name, value = match["name"], match["value"]
    if not name.startswith("--") and name[1] not in _SHORT_OPTIONS:
        return None
    kind = next((kind for kind in _OPTION_KINDS if name in kind.names), _OTHER_OPTION)
    shown = redact_requirement(f"{name}{value}") if kind.shows_value else f"{name} …" if value else name
    return Skipped(line.number, line.last, shown, kind.reason, kind.why)
