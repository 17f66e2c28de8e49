"""What the RECORDs of an installed tree (PEP 376) say together: whose a file is, and what is of two distributions.

An installer writes wheels side by side, so of two that bring one path any may be the last to write it. The order here
decides instead: of distributions in the order of their normalized names, the last one wins. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dagy_builder.archive import archive_rules as content

_MOST_WARNINGS, _MOST_PATHS = 5, 3

Record = tuple[str, bytes]
"""Path and content of a RECORD."""


@dataclass(frozen=True)
class Overlap:
    """A path that distributions bring with different contents: their normalized names, the winner's last."""

    path: str
    distributions: tuple[str, ...]


def recorded_hashes(records: Iterable[Record]) -> dict[str, str]:
    """Each path's SHA-256 (hex), as the distribution says that wins it."""
    found: dict[str, str] = {}
    for _, data in _in_order(records):
        found |= content.recorded_hashes(data)
    return found


def overlaps(records: Iterable[Record], python_version: str) -> list[Overlap]:
    """The paths of the ZIP on which distributions disagree, sorted."""
    first: dict[str, tuple[str, str]] = {}
    shared: dict[str, dict[str, str]] = {}
    for record, data in _in_order(records):
        name = content.distribution_of(record)
        for path, digest in content.recorded_hashes(data).items():
            other, others = first.setdefault(path, (name, digest))
            if other != name:
                shared.setdefault(path, {other: others})[name] = digest
    return [
        Overlap(path, tuple(sorted(brought)))
        for path, brought in sorted(shared.items())
        if len(set(brought.values())) > 1 and not content.is_left_out(path, python_version)
    ]


def overlap_warnings(found: Iterable[Overlap]) -> list[str]:
    """What is to be told of them: a sentence or two for each set of distributions."""
    paths: dict[tuple[str, ...], list[str]] = {}
    for overlap in found:
        paths.setdefault(overlap.distributions, []).append(overlap.path)
    told = [_warning(names, brought) for names, brought in sorted(paths.items())]
    if len(told) > _MOST_WARNINGS:
        told[_MOST_WARNINGS:] = [f"{len(told) - _MOST_WARNINGS} more sets of packages bring files of one name."]
    return told


def _warning(names: tuple[str, ...], paths: list[str]) -> str:
    more = f" and {len(paths) - _MOST_PATHS} more" if len(paths) > _MOST_PATHS else ""
    who = f"{', '.join(names[:-1])} and {names[-1]}"
    return (
        f"{who} bring different files under one name: {', '.join(paths[:_MOST_PATHS])}{more}. Those of {names[-1]} are "
        f"in the package, so {', '.join(names[:-1])} may not work. Leave out what is not meant."
    )


def _in_order(records: Iterable[Record]) -> list[Record]:
    return sorted(records, key=lambda record: (content.distribution_of(record[0]), record[0]))


def winners(found: Iterable[Overlap]) -> list[str]:
    """The distributions that have to be written once more, in this order, so that each path is its winner's."""
    return sorted({overlap.distributions[-1] for overlap in found})


def owners(records: Iterable[Record]) -> Mapping[str, str]:
    """Whose each path is: the normalized name of the distribution that wins it."""
    found: dict[str, str] = {}
    for record, data in _in_order(records):
        found |= content.owned_paths(record, data)
    return found
