"""What lies in a ZIP in S3, without reading the ZIP: its central directory, and the RECORDs in it, by ranged GETs."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

from typing_extensions import override

from dagy.core.rest.artifact_files import SpoiledError, contents_of
from dagy.model.rest.artifacts import ArtifactContents, PackedFile
from dagy_builder.archive.included import is_record
from dagy_builder.archive.records import Record, owners
from dagy_builder.bytecode.rules import source_of

Fetch = Callable[[int, int], bytes]
"""Gives the bytes from a place on, as many as are asked for. May be called by several threads."""

_WINDOW = 256 << 10
_DIRECTORY_BYTES = 16 << 20
"""Of one read: 65,000 files have some 10 MB."""
MOST_FILES = 100_000
_RECORD_BYTES, _MOST_RECORDS = 4 << 20, 2000
_HEADER = 30
_AT_ONCE = 8
_COMPRESSION, _BYTES_PER_SIZE = 5, 200


@dataclass(frozen=True)
class Contents:
    """The contents of an artifact, as they are kept."""

    body: bytes
    """ArtifactContents as JSON, gzip'd."""
    sizes: Mapping[str, int]
    """Bytes of each distribution, unpacked."""

    @classmethod
    def of(cls, found: ArtifactContents) -> Self:
        """Pack them."""
        body = gzip.compress(found.model_dump_json().encode(), _COMPRESSION)
        return cls(body, {one.name: one.bytes for one in found.distributions})

    @property
    def weight(self) -> int:
        """Bytes that they take, about."""
        return len(self.body) + _BYTES_PER_SIZE * len(self.sizes)


def contents(size: int, fetch: Fetch) -> ArtifactContents:
    """Return the contents of a ZIP of that size. Raises SpoiledError, and what `fetch` raises."""
    try:
        with zipfile.ZipFile(io.BufferedReader(_Ranges(size, fetch), _WINDOW)) as archive:
            entries = [one for one in archive.infolist() if not one.is_dir()]
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError) as error:
        raise SpoiledError(f"The ZIP can't be read ({type(error).__name__}).") from error
    if len(entries) > MOST_FILES:
        raise SpoiledError(f"The ZIP holds {len(entries)} files, and no more than {MOST_FILES} are shown.")
    files = [PackedFile(path=one.filename, size=one.file_size, compressed=one.compress_size) for one in entries]
    whose = owners(_records(entries, fetch))
    compiled = {one.path: source for one in files if (source := source_of(one.path)) and source in whose}
    return contents_of(files, {**whose, **{path: whose[source] for path, source in compiled.items()}})


def _records(entries: Sequence[zipfile.ZipInfo], fetch: Fetch) -> list[Record]:
    wanted = [one for one in entries if is_record(one.filename) and one.file_size <= _RECORD_BYTES][:_MOST_RECORDS]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(zip((one.filename for one in wanted), pool.map(lambda one: _read(one, fetch), wanted), strict=True))


def _read(entry: zipfile.ZipInfo, fetch: Fetch) -> bytes:
    """Return a member; empty when it can't be read. Its local header (APPNOTE 4.3.7) says where its bytes begin."""
    guess = _HEADER + len(entry.filename.encode()) + 64
    data = fetch(entry.header_offset, guess + entry.compress_size)
    begin = _HEADER + int.from_bytes(data[26:28], "little") + int.from_bytes(data[28:30], "little")
    if begin + entry.compress_size > len(data):
        data = fetch(entry.header_offset, begin + entry.compress_size)
    packed = data[begin : begin + entry.compress_size]
    if entry.compress_type == zipfile.ZIP_STORED:
        return packed
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, _RECORD_BYTES)
    except zlib.error:
        return b""


class _Ranges(io.RawIOBase):
    """An object of the store as a file."""

    def __init__(self, size: int, fetch: Fetch) -> None:
        self._size, self._fetch, self._at = size, fetch, 0

    @override
    def readable(self) -> bool:
        return True

    @override
    def seekable(self) -> bool:
        return True

    @override
    def tell(self) -> int:
        return self._at

    @override
    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError("before the beginning")
        self._at = start + offset
        return self._at

    @override
    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        wanted = min(len(buffer), self._size - self._at)
        if wanted <= 0:
            return 0
        if wanted > _DIRECTORY_BYTES:
            raise ValueError("more than any directory")
        data = self._fetch(self._at, wanted)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
