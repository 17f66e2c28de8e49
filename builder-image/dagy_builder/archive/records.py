"""RECORDs of an installed tree (PEP 376): owners of files, paths of two distributions, and the ZIP's RECORDs.

An installer writes wheels side by side, so of two that bring one path any may be the last to write it. The order here
decides instead: of distributions in the order of their normalized names, the last one wins. Pure.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import posixpath
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from dagy_builder.archive.included import is_left_out

_MOST_WARNINGS, _MOST_PATHS = 5, 3

Record = tuple[str, bytes]
"""Path and content of a RECORD."""
Fingerprint = tuple[str, str]
"""Hash and size of a file, as a RECORD has them."""


@dataclass(frozen=True)
class Overlap:
    """A path that distributions bring with different contents: their normalized names, the winner's last."""

    path: str
    distributions: tuple[str, ...]


def recorded_hashes(records: Iterable[Record]) -> dict[str, str]:
    """Return each path's SHA-256 (hex) from the RECORD of the distribution that wins it."""
    found: dict[str, str] = {}
    for _, data in _in_order(records):
        found |= _hashes_in(data)
    return found


def overlaps(records: Iterable[Record], python_version: str) -> list[Overlap]:
    """Return the paths of the ZIP on which distributions disagree, sorted."""
    first: dict[str, tuple[str, str]] = {}
    shared: dict[str, dict[str, str]] = {}
    for record, data in _in_order(records):
        name = _distribution_of(record)
        for path, digest in _hashes_in(data).items():
            other, others = first.setdefault(path, (name, digest))
            if other != name:
                shared.setdefault(path, {other: others})[name] = digest
    return [
        Overlap(path, tuple(sorted(brought)))
        for path, brought in sorted(shared.items())
        if len(set(brought.values())) > 1 and not is_left_out(path, python_version)
    ]


def overlap_warnings(found: Iterable[Overlap]) -> list[str]:
    """Return warnings about the overlaps: a sentence or two for each set of distributions."""
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
    return sorted(records, key=lambda record: (_distribution_of(record[0]), record[0]))


def winners(found: Iterable[Overlap]) -> list[str]:
    """Return the distributions that have to be written once more, in this order, so that each path is its winner's."""
    return sorted({overlap.distributions[-1] for overlap in found})


def owners(records: Iterable[Record]) -> Mapping[str, str]:
    """Return the owner of each path: the normalized name of the distribution that wins it."""
    found: dict[str, str] = {}
    for record, data in _in_order(records):
        name = _distribution_of(record)
        found |= {posixpath.normpath(row[0]): name for row in _rows(data) or () if row}
    return found


def fingerprint(content: bytes) -> Fingerprint:
    """Return the content's hash ("sha256=", then base64url) and size in bytes as a RECORD has them (PEP 427)."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"sha256={digest}", str(len(content))


def rewritten_record(content: bytes, rewritten: Mapping[str, Fingerprint], python_version: str) -> bytes:
    """RECORD without the files that are left out, and with other hashes for those in `rewritten`.

    A file that is no readable RECORD stays as it is: it is data of the package, and nothing depends on it.
    """
    rows = _rows(content)
    if rows is None:
        return content
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        path = posixpath.normpath(row[0]) if row else ""
        if not row or is_left_out(path, python_version):
            continue
        writer.writerow([row[0], *rewritten[path]] if path in rewritten else row)
    return text.getvalue().encode()


def _distribution_of(record: str) -> str:
    """Return the normalized name of the distribution whose RECORD has this path."""
    return canonicalize_name(record.partition("/")[0].removesuffix(".dist-info").rpartition("-")[0])


def _hashes_in(content: bytes) -> dict[str, str]:
    """Paths and SHA-256 (hex) of the files that a RECORD lists with one."""
    found: dict[str, str] = {}
    for row in _rows(content) or ():
        algorithm, _, digest = row[1].partition("=") if len(row) > 1 else ("", "", "")
        if algorithm == "sha256":
            with suppress(ValueError):
                found[posixpath.normpath(row[0])] = base64.urlsafe_b64decode(digest + "=" * (-len(digest) % 4)).hex()
    return found


def _rows(content: bytes) -> list[list[str]] | None:
    """Path, hash and size of each file, as text; None when it is no readable RECORD."""
    try:
        return list(csv.reader(io.StringIO(content.decode()), strict=True))
    except (UnicodeDecodeError, csv.Error):
        return None
