"""Which files of an installed tree go into the ZIP, and with which bytes. Pure.

Left out is what differs from one installation of the same lock to the next, compiled Python, which can hide other code
than its source, and what would be imported in place of Python's standard library. RECORD is rewritten to match; scripts
get a first line that works wherever they are unpacked.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import posixpath
import re
from collections.abc import Mapping
from contextlib import suppress

from packaging.utils import canonicalize_name

from dagy_builder.archive.standard_library import shadowed_module

# Beside a package's metadata: who installed it, when and from where (PEP 376, PEP 610, and uv's own notes).
_INSTALLATION_NOTES = frozenset({"INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"})
SCRIPT_HEAD_BYTES = 4096
"""More than an interpreter's path may have."""
_PORTABLE_SHEBANG = b"#!/usr/bin/env python3\n"
_PYTHON_SHEBANG = re.compile(rb"\A#![^\n]*python[^\n]*\n")
# How installers write an interpreter's path that is too long for a #! line, or has a space in it.
_SHELL_TRAMPOLINE = re.compile(rb"\A#!/bin/sh\n'''exec' [^\n]*python[^\n]*\"\$0\" \"\$@\"\n' '''\n")


Fingerprint = tuple[str, str]
"""Hash and size of a file, as a RECORD has them."""


def is_left_out(path: str, python_version: str) -> bool:
    """Whether a file of the tree does not go into the ZIP for that Python."""
    parts = path.split("/")
    if path == ".lock" or "__pycache__" in parts[:-1] or path.endswith((".pyc", ".pyo")):
        return True
    if len(parts) == 2 and parts[0].endswith(".dist-info") and parts[1] in _INSTALLATION_NOTES:
        return True
    return shadowed_module(path, python_version) is not None


def is_script(path: str) -> bool:
    """Whether a file is one that an installer writes for the command line."""
    return path.startswith("bin/")


def is_record(path: str) -> bool:
    """Whether a file is the list of an installed distribution's files (PEP 376)."""
    folder, _, name = path.partition("/")
    return name == "RECORD" and folder.endswith(".dist-info")


def is_metadata(path: str) -> bool:
    """Whether a file is the description of an installed distribution (core metadata)."""
    folder, _, name = path.partition("/")
    return name == "METADATA" and folder.endswith(".dist-info")


def is_native(path: str, content: bytes) -> bool:
    """Whether a file is machine code, which can't be loaded out of a ZIP."""
    return content.startswith(b"\x7fELF") or path.endswith(".so") or ".so." in posixpath.basename(path)


def portable_script(content: bytes) -> bytes:
    """The script, started by whichever python3 is on PATH instead of the one that was there when it was installed.

    What comes after its first `SCRIPT_HEAD_BYTES` decides nothing.
    """
    for pattern in (_SHELL_TRAMPOLINE, _PYTHON_SHEBANG):
        if match := pattern.match(content[:SCRIPT_HEAD_BYTES]):
            return _PORTABLE_SHEBANG + content[match.end() :]
    return content


def rewritten_record(content: bytes, rewritten: Mapping[str, Fingerprint], python_version: str) -> bytes:
    """RECORD without the files that are left out, and with other hashes for those in `rewritten`.

    What is no readable RECORD stays as it is: it is data of the package, and nothing depends on it.
    """
    try:
        rows = list(csv.reader(io.StringIO(content.decode()), strict=True))
    except (UnicodeDecodeError, csv.Error):
        return content
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        path = posixpath.normpath(row[0]) if row else ""
        if not row or is_left_out(path, python_version):
            continue
        writer.writerow([row[0], *rewritten[path]] if path in rewritten else row)
    return text.getvalue().encode()


def distribution_of(record: str) -> str:
    """The normalized name of the distribution whose RECORD has this path."""
    return canonicalize_name(record.partition("/")[0].removesuffix(".dist-info").rpartition("-")[0])


def owned_paths(record: str, content: bytes) -> dict[str, str]:
    """Paths that a RECORD (whose own path is `record`) lists, each with its distribution's normalized name."""
    name = distribution_of(record)
    try:
        rows = list(csv.reader(io.StringIO(content.decode()), strict=True))
    except (UnicodeDecodeError, csv.Error):
        return {}
    return {posixpath.normpath(row[0]): name for row in rows if row}


def recorded_hashes(content: bytes) -> dict[str, str]:
    """Paths and SHA-256 (hex) of the files that a RECORD lists with one."""
    try:
        rows = list(csv.reader(io.StringIO(content.decode()), strict=True))
    except (UnicodeDecodeError, csv.Error):
        return {}
    found: dict[str, str] = {}
    for path, algorithm, digest in ((row[0], *row[1].partition("=")[::2]) for row in rows if len(row) > 1):
        if algorithm == "sha256":
            with suppress(ValueError):
                found[posixpath.normpath(path)] = base64.urlsafe_b64decode(digest + "=" * (-len(digest) % 4)).hex()
    return found


def fingerprint(content: bytes) -> Fingerprint:
    """What a RECORD says of a file with this content."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"sha256={digest}", str(len(content))
