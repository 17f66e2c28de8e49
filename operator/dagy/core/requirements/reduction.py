"""Longer lists than a package holds: entries that others bring are left out, or pinned lists are made that agree. Pure.

A resolution decides: which package needs which, with the extras and for the Python that are asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from dagy.core.requirements.dependency import Dependency
from dagy.model.constants import MAX_DEPENDENCIES


@dataclass(frozen=True)
class Resolved:
    """One package of a resolution: its normalized name, its exact requirement, and the packages that need it."""

    name: str
    requirement: str
    brought_by: tuple[str, ...] = ()


class SplitError(ValueError):
    """A list that can't be split. The message is for people."""


def needed(listed: Sequence[Dependency], resolution: Iterable[Resolved]) -> tuple[Dependency, ...]:
    """Return the requirements without those that others of them bring, in their order.

    Extras and URLs say more than a name, so they stay. Of packages that need one another one stays.
    """
    brings = _brings(resolution)
    kept = {one.normalized_name for one in listed}
    for one in listed:
        others = kept - {one.normalized_name}
        if not one.extras and one.url is None and one.normalized_name in closure(others, brings):
            kept = others
    return tuple(one for one in listed if one.normalized_name in kept)


def lost(listed: Sequence[Dependency], resolution: Iterable[Resolved]) -> tuple[Dependency, ...]:
    """Return the requirements of a list that a resolution lacks."""
    there = {one.name for one in resolution}
    return tuple(one for one in listed if one.normalized_name not in there)


def split(lists: Sequence[Sequence[Dependency]], resolution: Sequence[Resolved]) -> tuple[tuple[str, ...], ...]:
    """Lists of exact requirements that can be attached together: all have the same version of each package.

    Several lists stay apart; a single one becomes as few as hold it. Each has all that it needs, so that it resolves to
    just that by itself. Raises SplitError.
    """
    brings = _brings(resolution)
    exact = {one.name: one.requirement for one in resolution}
    if len(lists) == 1:
        groups = _packed([one.normalized_name for one in needed(lists[0], resolution)], brings)
    else:
        groups = [closure({one.normalized_name for one in some}, brings) for some in lists]
    for number, group in enumerate(groups, 1):
        if len(group) > MAX_DEPENDENCIES:
            raise SplitError(
                f"List {number} comes to {len(group)} packages with all that they need, and a package of DAGY holds at "
                f"most {MAX_DEPENDENCIES} requirements. Give it fewer."
            )
    return tuple(tuple(exact[name] for name in sorted(group) if name in exact) for group in groups)


def closure(names: Collection[str], brings: Mapping[str, Collection[str]]) -> set[str]:
    """Return the names, and all that they bring."""
    found, waiting = set(names), list(names)
    while waiting:
        new = set(brings.get(waiting.pop(), ())) - found
        found |= new
        waiting += new
    return found


def _brings(resolution: Iterable[Resolved]) -> Mapping[str, set[str]]:
    brings: dict[str, set[str]] = {}
    for one in resolution:
        for dependent in one.brought_by:
            brings.setdefault(dependent, set()).add(one.name)
    return brings


def _packed(names: Sequence[str], brings: Mapping[str, Collection[str]]) -> list[set[str]]:
    """Groups of names with all that they bring, each begun when the one before is full."""
    groups: list[set[str]] = []
    for name in names:
        one = closure({name}, brings)
        if groups and len(groups[-1] | one) <= MAX_DEPENDENCIES:
            groups[-1] |= one
        else:
            groups.append(one)
    return groups
