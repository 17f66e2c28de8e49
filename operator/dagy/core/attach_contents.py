"""Reading what is in an artifact: its lock (pylock.toml, PEP 751) and its list of files. Pure."""

from __future__ import annotations

import tomllib
import zlib

_MAX_LIST_BYTES = 512 << 20
_GZIP = 16 + zlib.MAX_WBITS


class ContentsError(ValueError):
    """A lock or a list that can't be read: an artifact that this product didn't make, or a damaged object."""


def versions_of_lock(text: str) -> dict[str, str]:
    """Distribution to version; where a direct URL gives no version, the file's SHA-256 stands for it."""
    try:
        return {package["name"]: _version(package) for package in tomllib.loads(text)["packages"]}
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError, StopIteration) as error:
        raise ContentsError(f"The lock can't be read: {error}.") from error


def files_of_list(data: bytes) -> dict[str, str]:
    """Path to SHA-256 (hex), from the gzip'd lines "<mode> <sha256> <path>"."""
    try:
        reader = zlib.decompressobj(_GZIP)
        text = reader.decompress(data, _MAX_LIST_BYTES).decode()
        if not reader.eof:
            raise ContentsError("The list of files is cut off, or larger than any artifact's.")
        entries = (line.split(" ", 2) for line in text.split("\n") if line)
        return {path: sha256 for _mode, sha256, path in entries}
    except (zlib.error, ValueError) as error:
        raise ContentsError(f"The list of files can't be read: {error}.") from error


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
