"""A list of requirements as a package stores it: normalized, for one target, one requirement for each name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dagy.core.requirements.dependency import Dependency, parse_dependency
from dagy.core.requirements.errors import ErrorCode, RequirementError
from dagy.core.requirements.target import Target, for_target, why_not_needed
from dagy_builder.redact import redact_requirement


@dataclass(frozen=True)
class Dropped:
    """A requirement that was understood and left out."""

    index: int
    """Position in the given list, from 0."""
    text: str
    """As it was given, without credentials."""
    name: str
    """Normalized name."""
    why: str


@dataclass(frozen=True)
class LineError:
    """An entry that isn't a requirement, or one that is refused."""

    index: int
    """Position in the given list, from 0."""
    text: str
    """As it was given, without credentials."""
    message: str
    """The entry and its fault, in one sentence."""
    hint: str
    """The next step, in one sentence or two."""
    code: ErrorCode
    position: int | None = None
    """Column of `text` that is at fault, from 0."""


@dataclass(frozen=True)
class NormalizedList:
    """The result of reading a list of requirements. Every entry is in exactly one of the three."""

    dependencies: tuple[str, ...]
    """Canonical PEP 508 texts without markers, sorted by normalized name."""
    dropped: tuple[Dropped, ...] = ()
    errors: tuple[LineError, ...] = ()
    positions: tuple[int, ...] = field(default=(), compare=False)
    """Position in the given list of each of `dependencies`, from 0."""


def normalize(dependencies: Sequence[str], python_version: str, *, architecture: str = "amd64") -> NormalizedList:
    """Normalize a list for Python `python_version` (e.g. "3.12") on Linux: PEP 503 names, last occurrence wins.

    An environment marker is evaluated for that target: where it is false, the requirement is left out, and reported;
    where it is true, the marker goes. Never raises for anything that `dependencies` holds; ValueError for a target
    that isn't supported.
    """
    target = Target(python_version, architecture)
    wanted: dict[str, list[tuple[int, Dependency]]] = {}
    dropped: list[Dropped] = []
    errors: list[LineError] = []
    for index, text in enumerate(dependencies):
        try:
            parsed = parse_dependency(text)
            dependency = for_target(parsed, target)
        except RequirementError as error:
            errors.append(_line_error(index, error))
            continue
        if dependency is None:
            dropped.append(
                Dropped(index, redact_requirement(text), parsed.normalized_name, why_not_needed(parsed, target))
            )
        else:
            wanted.setdefault(dependency.normalized_name, []).append((index, dependency))
    for name, occurrences in wanted.items():
        why = f"repeated: the last of {len(occurrences)} requirements for {name} is kept ({occurrences[-1][1]})"
        dropped += [Dropped(index, redact_requirement(dependencies[index]), name, why) for index, _ in occurrences[:-1]]
    return NormalizedList(
        dependencies=tuple(str(wanted[name][-1][1]) for name in sorted(wanted)),
        positions=tuple(wanted[name][-1][0] for name in sorted(wanted)),
        dropped=tuple(sorted(dropped, key=lambda one: one.index)),
        errors=tuple(errors),
    )


def _line_error(index: int, error: RequirementError) -> LineError:
    message = f'Dependency {index + 1} ("{error.text}"): {error.message}'
    return LineError(index, error.text, message, error.hint, error.code, error.position)
