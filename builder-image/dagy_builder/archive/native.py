"""Linked dependencies of machine code: libraries and glibc of the building machine, which others may lack. Pure.

Wheels for manylinux have been checked by their authors' tools; code that was built from source here has not. Reads just
enough of ELF (64 bits, little-endian, as on x86_64 and aarch64), because that is less than a library would be.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

# PEP 600's list for manylinux_2_28, with the dynamic linkers.
_LIBRARIES = """
libgcc_s.so.1 libstdc++.so.6 libm.so.6 libmvec.so.1 libanl.so.1 libdl.so.2 librt.so.1 libc.so.6 libnsl.so.1
libutil.so.1 libpthread.so.0 libresolv.so.2 libatomic.so.1 libz.so.1 libexpat.so.1 libX11.so.6 libXext.so.6
libXrender.so.1 libICE.so.6 libSM.so.6 libGL.so.1 libgobject-2.0.so.0 libgthread-2.0.so.0 libglib-2.0.so.0
ld-linux-x86-64.so.2 ld-linux-aarch64.so.1
"""
_EVERYWHERE = frozenset(_LIBRARIES.split())
_PYTHON = re.compile(r"libpython3\.[0-9]{1,2}\.so\.1\.0|libpython3\.so")
_GLIBC = re.compile(r"GLIBC_2\.([0-9]{1,3})(?:\.[0-9]{1,3})?")
_LOAD, _DYNAMIC = 1, 2
_NEEDED, _STRINGS, _VERSIONS, _VERSION_COUNT = 1, 5, 0x6FFFFFFE, 0x6FFFFFFF
_MOST_ENTRIES, _MOST_NAME = 4096, 256
_MOST_WARNINGS = 5


@dataclass(frozen=True)
class Linked:
    """One file's demands on the machine that it runs on."""

    path: str
    libraries: tuple[str, ...]
    glibc_minor: int
    """The newest glibc that it asks symbols of: 28 for 2.28; 0 when of none."""


def linked(path: str, data: bytes) -> Linked | None:
    """Return the libraries and glibc that a file is linked with; None when it is no such file, or can't be read."""
    if data[:6] != b"\x7fELF\x02\x01":
        return None
    try:
        segments = list(_segments(data))
        entries = list(_dynamic(data, segments))
        strings = next(_offset(segments, value) for tag, value in entries if tag == _STRINGS)
        libraries = [_name(data, strings + value) for tag, value in entries if tag == _NEEDED]
        versions = list(_versions(data, segments, entries, strings))
    except (struct.error, StopIteration, ValueError, IndexError):
        return None
    minors = [int(match[1]) for name in versions if (match := _GLIBC.fullmatch(name))]
    return Linked(path, tuple(libraries), max(minors, default=0))


def link_warnings(found: Iterable[Linked], paths: Iterable[str], glibc: str) -> list[str]:
    """Return warnings about files with dependencies that only the building machine is known to have."""
    brought = {PurePosixPath(path).name for path in paths}
    told = []
    for one in sorted(found, key=lambda linked: linked.path):
        missing = [
            name for name in one.libraries if not (name in _EVERYWHERE or name in brought or _PYTHON.fullmatch(name))
        ]
        if missing:
            told.append(
                f"{one.path} was built on a machine with {', '.join(missing[:3])}, which the package does not bring: "
                "it can't be imported where that is missing. Ask for a release with wheels, or put it into the image "
                "of the flows."
            )
        if one.glibc_minor > int(glibc.partition(".")[2]):
            told.append(
                f"{one.path} needs glibc 2.{one.glibc_minor}, and the package is for glibc {glibc}. Ask for a release "
                f"with wheels, or set spec.platform.glibc to 2.{one.glibc_minor} if all images have it."
            )
    if len(told) > _MOST_WARNINGS:
        told[_MOST_WARNINGS:] = [f"{len(told) - _MOST_WARNINGS} more files need what their building machine had."]
    return told


def _segments(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Type, offset, address and size in the file of each."""
    (start,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for number in range(min(count, _MOST_ENTRIES)):
        kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", data, start + number * size)
        yield kind, offset, address, length


def _dynamic(data: bytes, segments: list[tuple[int, int, int, int]]) -> Iterator[tuple[int, int]]:
    for kind, offset, _, length in segments:
        if kind == _DYNAMIC:
            for number in range(min(length // 16, _MOST_ENTRIES)):
                tag, value = struct.unpack_from("<QQ", data, offset + number * 16)
                if tag == 0:
                    return
                yield tag, value


def _offset(segments: list[tuple[int, int, int, int]], address: int) -> int:
    for kind, offset, start, length in segments:
        if kind == _LOAD and start <= address < start + length:
            return address - start + offset
    raise ValueError(address)


def _name(data: bytes, at: int) -> str:
    end = data.index(b"\0", at, at + _MOST_NAME)
    return data[at:end].decode("ascii", errors="replace")


def _versions(
    data: bytes, segments: list[tuple[int, int, int, int]], entries: list[tuple[int, int]], strings: int
) -> Iterator[str]:
    """Names of the versions of symbols that are asked for."""
    given = dict(entries)
    if _VERSIONS not in given:
        return
    at = _offset(segments, given[_VERSIONS])
    for _ in range(min(given.get(_VERSION_COUNT, 0), _MOST_ENTRIES)):
        _, count, _, first, following = struct.unpack_from("<HHIII", data, at)
        inner = at + first
        for _ in range(min(count, _MOST_ENTRIES)):
            _, _, _, name, step = struct.unpack_from("<IHHII", data, inner)
            yield _name(data, strings + name)
            inner += step
        if not following:
            return
        at += following
