"""Adding a whole file to a list of dependencies, with the conflicts that somebody has to settle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dagy.core.requirements.dependency import Dependency
from dagy.core.requirements.files.requirements_file import (
    Conflict,
    Kept,
    Outcome,
    RequirementsFile,
    Skipped,
    SkipReason,
)
from dagy.model.constants import MAX_DEPENDENCIES
from dagy.model.rest.parse import Resolution

LIST_IS_FULL = (
    f"A package holds at most {MAX_DEPENDENCIES} dependencies. "
    "`dagy requirements reduce` leaves out of a longer list what others in it bring; `dagy requirements split` makes "
    "packages of it that can be attached together."
)


@dataclass(frozen=True)
class Merge:
    """A file merged into a list, with the conflicts left to settle."""

    existing: tuple[Dependency, ...]
    outcomes: tuple[Outcome, ...]

    @property
    def added(self) -> tuple[Dependency, ...]:
        """The dependencies that are new, in the order of the file."""
        return tuple(one.dependency for one in self.outcomes if isinstance(one, Kept))

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """The lines that differ from the list, in the order of the file; at most one for each name."""
        return tuple(one for one in self.outcomes if isinstance(one, Conflict))


def merge(existing: Sequence[Dependency], file: RequirementsFile) -> Merge:
    """Compare a file with the list: new names are added, same versions skipped, other versions are conflicts.

    Versions are the same when specifier and URL are. Extras don't count, but those that the list lacks are mentioned.
    """
    by_name: dict[str, Dependency] = {one.normalized_name: one for one in existing}
    outcomes = (_compared(outcome, by_name) if isinstance(outcome, Kept) else outcome for outcome in file.outcomes)
    return Merge(tuple(existing), tuple(outcomes))


def resolve(
    merged: Merge, resolutions: Mapping[str, Resolution] | Resolution = Resolution.KEEP
) -> tuple[Dependency, ...]:
    """Return the list with the conflicts settled: one resolution for all, or one for each normalized name.

    A name without a resolution stays as it is. The order is that of the list, followed by the new dependencies.
    """
    incoming = {one.incoming.normalized_name: one.incoming for one in merged.conflicts}

    def settled(one: Dependency) -> Dependency:
        name = one.normalized_name
        chosen = resolutions if isinstance(resolutions, Resolution) else resolutions.get(name, Resolution.KEEP)
        return incoming.get(name, one) if chosen is Resolution.USE else one

    return (*map(settled, merged.existing), *merged.added)


def excess(dependencies: Iterable[Dependency]) -> int:
    """Count the dependencies that a list has more than a package may hold; 0 when it fits."""
    return max(0, sum(1 for _ in dependencies) - MAX_DEPENDENCIES)


def _compared(line: Kept, by_name: Mapping[str, Dependency]) -> Outcome:
    incoming = line.dependency
    existing = by_name.get(incoming.normalized_name)
    if existing is None:
        return line
    if existing.specifier != incoming.specifier or existing.url != incoming.url:
        return Conflict(line.number, line.last, line.text, existing, incoming)
    reason, why = SkipReason.SAME_VERSION, f'same version: the list has "{existing}" already'
    if lost := sorted(set(incoming.extras) - set(existing.extras)):
        reason = SkipReason.OTHER_EXTRAS
        why += f"; it stays without the extra{'s' if len(lost) > 1 else ''} {', '.join(lost)}"
    return Skipped(line.number, line.last, line.text, reason, why, incoming.normalized_name)
