"""A ZIP, hostile until proved otherwise, into a folder: several threads, libdeflate, and never outside the folder.

Files are written while later ones still arrive; the folder gets its name when all bytes have been verified.
"""

from __future__ import annotations

import os
import shutil
import stat
import threading
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from struct import Struct
from typing import NamedTuple

import deflate

from dagy.attach.arriving import Arriving
from dagy.attach.failure import AttachError

MAX_FILES = 1_000_000
_MAX_PATH, _MAX_NAME = 4000, 255
_LOCAL = Struct("<4s22xHH")
_ENCRYPTED = 1
_WHOLE_BYTES = 64 << 20
"""Larger files are inflated piece by piece, because libdeflate takes a file whole, and memory is limited."""
_PIECE_BYTES = 4 << 20
_LARGE_BYTES, _MOST_TOGETHER = 1 << 20, 500
_CREATION_BYTES = 20 << 10
"""Bytes that are inflated in the time that it takes to create a file."""
_FILE, _EXECUTABLE, _FOLDER = 0o644, 0o755, 0o755


def extract(arriving: Arriving, target: Path, limit: int) -> int:
    """Extract all of a ZIP into `target`, which must not exist yet. Return the number of files.

    `limit`: the most bytes that may come out. Raises AttachError for a ZIP that isn't as it must be: other bytes than
    announced, links, paths that lead elsewhere, names that occur twice, too much. The folder appears with all files or
    not at all.
    """
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # of a container that was killed
    try:
        count = _extract(arriving, partial, limit)
        arriving.verify()
    except AttachError:
        shutil.rmtree(partial, ignore_errors=True)
        arriving.verify()  # other bytes than announced explain everything else
        raise
    partial.rename(target)
    return count


def _extract(arriving: Arriving, folder: Path, limit: int) -> int:
    members, directory = _members(arriving, limit)
    files = [member for member in members if not member.is_dir()]
    folders = _folders(member.filename for member in members)
    both = {member.filename for member in files}.intersection(folders)
    if both:
        raise AttachError(f"The ZIP has {min(both)[:200]!r} both as a file and as a folder, and is refused.")
    folder.mkdir(_FOLDER, parents=True)
    root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for inner in folders:
            os.mkdir(inner, _FOLDER, dir_fd=root)
        _write_all(arriving, _shares(files, directory), root)
    finally:
        os.close(root)
    return len(files)


def _members(arriving: Arriving, limit: int) -> tuple[list[zipfile.ZipInfo], int]:
    """Return the ZIP's members, and the offset of its directory."""
    try:
        with zipfile.ZipFile(arriving.reader()) as archive:
            members, directory = archive.infolist(), archive.start_dir
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError) as error:
        raise AttachError(f"The artifact is no ZIP that can be read ({error}).") from error
    names: set[str] = set()
    for member in members:
        problem = _problem(member) or ("a name that occurs twice" if member.filename in names else "")
        if problem:
            raise AttachError(f"The ZIP has {problem}, {member.filename[:200]!r}, and is refused.")
        names.add(member.filename)
    size = sum(member.file_size for member in members)
    if size > limit or len(members) > MAX_FILES:
        raise AttachError(
            f"The ZIP holds {size} bytes in {len(members)} files; {limit} bytes were announced. It is refused."
        )
    return members, directory


def _problem(member: zipfile.ZipInfo) -> str:
    path = member.filename
    parts = path.removesuffix("/").split("/")
    if path.startswith("/") or "\\" in path or "\0" in path or any(part in ("", ".", "..") for part in parts):
        return "a path that leads elsewhere"
    if len(path.encode(errors="replace")) > _MAX_PATH or any(
        len(part.encode(errors="replace")) > _MAX_NAME for part in parts
    ):
        return "a path that is too long"
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFDIR if member.is_dir() else stat.S_IFREG):
        return "a link or a device"
    if member.flag_bits & _ENCRYPTED or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "a member that is encrypted or compressed in an unusual way"
    return "a folder with content" if member.is_dir() and member.file_size else ""


def _folders(paths: Iterable[str]) -> list[str]:
    """Return all folders that the paths need, parents first."""
    found: set[str] = set()
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return sorted(found)


class Share(NamedTuple):
    """Files that one thread writes in turn."""

    members: list[zipfile.ZipInfo]
    work: int
    """Bytes to be written, with what it takes to create files."""
    end: int
    """Offset in the ZIP by which the bytes of all of them end."""


def _shares(members: Iterable[zipfile.ZipInfo], directory: int) -> list[Share]:
    """Return the files by what one thread writes in turn, most work first: a large one, or those of one folder.

    Two threads that create files in one folder wait for each other, and a file system puts what is created together
    into one place: ext4 takes a third less time so than by size. `directory`: offset of the ZIP's directory.
    """
    shares: list[list[zipfile.ZipInfo]] = []
    folders: dict[str, list[zipfile.ZipInfo]] = {}
    members = sorted(members, key=lambda member: member.header_offset)
    for member in members:
        folder = member.filename.rpartition("/")[0]
        begun = folders.get(folder)
        if begun is None or member.file_size >= _LARGE_BYTES or len(begun) == _MOST_TOGETHER:
            shares.append(begun := [])
            if member.file_size < _LARGE_BYTES:
                folders[folder] = begun
        begun.append(member)
    ends = dict(pairwise([*(member.header_offset for member in members), directory]))
    return sorted(
        (
            Share(share, sum(m.file_size + _CREATION_BYTES for m in share), ends[share[-1].header_offset])
            for share in shares
        ),
        key=lambda share: share.work,
        reverse=True,
    )


class _Queue:
    """Shares that wait for a thread: of those whose bytes are there, the one with most work goes first.

    So no thread has that left when the others are done.
    """

    def __init__(self, shares: list[Share], arriving: Arriving) -> None:
        self._waiting, self._arriving = shares, arriving
        self._lock = threading.Lock()

    def next(self) -> Share | None:
        with self._lock:
            while self._waiting:
                reached = self._arriving.reached
                for index, share in enumerate(self._waiting):
                    if share.end <= reached:
                        return self._waiting.pop(index)
                self._arriving.wait_beyond(reached)
            return None


def _write_all(arriving: Arriving, shares: list[Share], root: int) -> None:
    queue = _Queue(shares, arriving)

    def work() -> None:
        while share := queue.next():
            for member in share.members:
                _write(arriving, member, root)

    count = min(8, len(os.sched_getaffinity(0)))
    with ThreadPoolExecutor(count) as pool:
        for future in [pool.submit(work) for _ in range(count)]:
            future.result()


def _write(arriving: Arriving, member: zipfile.ZipInfo, root: int) -> None:
    mode = _EXECUTABLE if (member.external_attr >> 16) & 0o111 else _FILE
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW
    file = os.open(member.filename, flags, mode, dir_fd=root)
    try:
        for piece in _content(arriving, member):
            _write_fully(file, piece)
    except (deflate.DeflateError, zlib.error) as error:
        raise AttachError(f"The ZIP's {member.filename[:200]!r} is damaged ({error}), and is refused.") from error
    except OSError as error:
        raise AttachError(
            f"{member.filename[:200]} can't be written: {error.strerror}. Free disk on the node."
        ) from error
    finally:
        os.close(file)


def _content(arriving: Arriving, member: zipfile.ZipInfo) -> Iterator[bytes | memoryview]:
    """Return the file's bytes. Raises AttachError unless they are exactly as many as the directory says."""
    start = _start(arriving, member)
    arriving.wait_for(start, start + member.compress_size)  # what two members share may lie beyond the share's end
    with arriving.data[start : start + member.compress_size] as packed:
        if len(packed) != member.compress_size:
            raise AttachError(f"The ZIP's {member.filename[:200]!r} lies outside of it, and is refused.")
        if member.compress_type == zipfile.ZIP_STORED:
            if member.compress_size != member.file_size:
                raise AttachError(f"The ZIP gives two sizes for {member.filename[:200]!r}, and is refused.")
            yield packed
        elif member.file_size <= _WHOLE_BYTES:
            content = deflate.deflate_decompress(packed, member.file_size)
            if len(content) != member.file_size:
                raise AttachError(f"The ZIP gives a wrong size for {member.filename[:200]!r}, and is refused.")
            yield memoryview(content)
        else:
            yield from _pieces(packed, member)


def _pieces(packed: memoryview, member: zipfile.ZipInfo) -> Iterator[bytes]:
    reader, left, at = zlib.decompressobj(-zlib.MAX_WBITS), member.file_size, 0
    while not reader.eof and at < len(packed):
        rest: bytes | memoryview = packed[at : at + _PIECE_BYTES]
        at += len(rest)
        while rest and not reader.eof:
            piece = reader.decompress(rest, _PIECE_BYTES)
            rest = reader.unconsumed_tail
            left -= len(piece)
            if left < 0:
                break
            yield piece
    if left or not reader.eof:
        raise AttachError(f"The ZIP gives a wrong size for {member.filename[:200]!r}, and is refused.")


def _start(arriving: Arriving, member: zipfile.ZipInfo) -> int:
    """Return the offset of a member's bytes: after its local header."""
    if member.header_offset + _LOCAL.size > arriving.size:
        raise AttachError(f"The ZIP's {member.filename[:200]!r} lies outside of it, and is refused.")
    arriving.wait_for(member.header_offset, member.header_offset + _LOCAL.size)
    signature, name, extra = _LOCAL.unpack_from(arriving.data, member.header_offset)
    if signature != b"PK\x03\x04":
        raise AttachError(f"The ZIP has no header for {member.filename[:200]!r}, and is refused.")
    return member.header_offset + _LOCAL.size + int(name) + int(extra)


def _write_fully(file: int, content: bytes | memoryview) -> None:
    with memoryview(content) as left:
        written = os.write(file, left)
        while written < len(left):
            written += os.write(file, left[written:])
