"""Reading the contents of artifacts: locks (pylock.toml, PEP 751), and lists of files, compared as they come. Pure.

Both were made beside packages' code, so they are bounded: in bytes as they lie there, and unpacked.
"""

from __future__ import annotations

import hashlib
import secrets
import tomllib
import zlib
from collections.abc import Iterable, Iterator

from dagy_builder.packed_lock import TEXT_LIMIT_BYTES
from dagy_builder.sizes import human_size

MAX_LOCK_BYTES = TEXT_LIMIT_BYTES
MAX_LIST_BYTES = 16 << 20
"""Most bytes of a list as it is stored."""
_MAX_UNPACKED_BYTES = 64 << 20
MAX_FILES = 400_000
"""Most paths of all packages that are compared. Each takes some 170 bytes while they are."""
_MAX_DIFFERING_BYTES = 256 << 10
_MAX_LINE_BYTES = 4096
_UNPACK_BYTES = 256 << 10
_GZIP = 16 + zlib.MAX_WBITS
_BYTECODE = b".pyc"  # says what its source says, in the words of one release of the compiler
_CONTENT_BITS = 56


class ContentsError(ValueError):
    """A lock or a list that can't be read or compared: damaged, too large, or not made by this product."""


def versions_of_lock(text: str) -> dict[str, str]:
    """Distribution to version; where a direct URL gives no version, the file's SHA-256 stands for it."""
    try:
        return {package["name"]: _version(package) for package in tomllib.loads(text)["packages"]}
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError, StopIteration, RecursionError) as error:
        raise ContentsError(f"The lock can't be read: {error}.") from error


class FileComparison:
    """Finds the paths that packages have with different content. Only hashes of their paths and contents are kept.

    Each path is compared with the first package that has it. Between the first two packages that differ, these are all.
    """

    def __init__(self, most_files: int = MAX_FILES) -> None:
        self._most_files = most_files
        self._first: dict[int, int] = {}
        """A path's hash to the package that has it first, and the hash of its content."""
        self._key = secrets.token_bytes(16)  # the author of the paths can't make two of them one
        self._differing: list[dict[str, str]] = []
        self._room = _MAX_DIFFERING_BYTES
        self.cut = False
        """True when there are more differing paths than are told."""

    def add(self, chunks: Iterable[bytes]) -> None:
        """Take the next package's list as it is stored: gzip'd lines "<mode> <sha256> <path>". Raises ContentsError."""
        package = len(self._differing)
        self._differing.append({})
        for line in _lines(chunks):
            _mode, _, rest = line.partition(b" ")
            sha256, _, path = rest.partition(b" ")
            if not path:
                raise ContentsError("The list of files can't be read: it has a line without a path.")
            if path.endswith(_BYTECODE):
                continue
            content = self._hash(sha256) >> (64 - _CONTENT_BITS)
            first = self._first.setdefault(self._hash(path), package << _CONTENT_BITS | content)
            if len(self._first) > self._most_files:
                raise ContentsError(f"Together they have more than {self._most_files} files.")
            if first & ((1 << _CONTENT_BITS) - 1) != content:
                self._note(path, first, package, content)

    def differing(self, package: int) -> dict[str, str]:
        """Return its paths that have other content in another package, to a hash of its own. By the order of `add`."""
        return self._differing[package]

    def _note(self, path: bytes, first: int, package: int, content: int) -> None:
        self._room -= len(path)
        if self._room < 0:
            self.cut = True
            return
        name = path.decode("utf-8", errors="replace")
        self._differing[first >> _CONTENT_BITS][name] = f"{first & ((1 << _CONTENT_BITS) - 1):x}"
        self._differing[package][name] = f"{content:x}"

    def _hash(self, data: bytes) -> int:
        return int.from_bytes(hashlib.blake2b(data, digest_size=8, key=self._key).digest())


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines without their ends, with never more than a chunk and a line in memory."""
    begun = b""
    for data in _unpacked(chunks):
        *whole, begun = (begun + data).split(b"\n")
        if len(begun) > _MAX_LINE_BYTES:
            raise ContentsError("The list of files can't be read: it has a line that is longer than any path.")
        yield from whole
    if begun:
        yield begun


def _unpacked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    reader, read, unpacked = zlib.decompressobj(_GZIP), 0, 0
    for chunk in chunks:
        read += len(chunk)
        if read > MAX_LIST_BYTES:
            raise ContentsError(f"The list of files has more than {human_size(MAX_LIST_BYTES)}.")
        left = chunk
        while left and not reader.eof:
            try:
                data = reader.decompress(left, _UNPACK_BYTES)
            except zlib.error as error:
                raise ContentsError(f"The list of files can't be read: {error}.") from error
            unpacked += len(data)
            if unpacked > _MAX_UNPACKED_BYTES:
                raise ContentsError(f"The list of files has more than {human_size(_MAX_UNPACKED_BYTES)} unpacked.")
            yield data
            left = reader.unconsumed_tail
    if not reader.eof:
        raise ContentsError("The list of files is cut off.")


def _version(package: dict[str, object]) -> str:
    version = package.get("version")
    if version:
        return str(version)
    for kind in ("archive", "sdist", "wheels"):
        found = package.get(kind)
        file = found[0] if isinstance(found, list) else found
        if isinstance(file, dict):
            return f"of the file with SHA-256 {file['hashes']['sha256']}"
    raise ContentsError(f"The lock gives neither a version nor a file for {package.get('name')}.")
