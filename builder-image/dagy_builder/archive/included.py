"""Rules for the files of an installed tree that go into the ZIP, and for their bytes. Pure.

Three kinds of files are left out: files that differ from one installation of the same lock to the next; compiled
Python, which can hide other code than its source; and files that would be imported in place of Python's standard
library. Scripts get a first line that works wherever they are unpacked.

A folder on PYTHONPATH comes before the standard library, site-packages after it. So a ZIP holds nothing that would be
imported in place of a module of the target's standard library: wherever it is unpacked, imports find what they would
find in a virtual environment, and a package with an `encodings` of its own can't stop every interpreter.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping

from dagy_builder.platforms import STANDARD_LIBRARY

# Beside a package's metadata: its installer, the time, and its source (PEP 376, PEP 610, and uv's own notes).
_INSTALLATION_NOTES = frozenset({"INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"})
SCRIPT_HEAD_BYTES = 4096
"""More than an interpreter's path may have."""
_PORTABLE_SHEBANG = b"#!/usr/bin/env python3\n"
_PYTHON_SHEBANG = re.compile(rb"\A#![^\n]*python[^\n]*\n")
# How installers write an interpreter's path that is too long for a #! line, or has a space in it.
_SHELL_TRAMPOLINE = re.compile(rb"\A#!/bin/sh\n'''exec' [^\n]*python[^\n]*\"\$0\" \"\$@\"\n' '''\n")

BACKPORTS: Mapping[str, str] = {
    "argparse": "argparse",
    "asyncio": "asyncio",
    "configparser": "configparser",
    "contextvars": "contextvars",
    "dataclasses": "dataclasses",
    "enum34": "enum",
    "futures": "concurrent",
    "importlib": "importlib",
    "ipaddress": "ipaddress",
    "multiprocessing": "multiprocessing",
    "pathlib": "pathlib",
    "selectors34": "selectors",
    "statistics": "statistics",
    "typing": "typing",
    "uuid": "uuid",
    "wsgiref": "wsgiref",
}
"""Distributions (normalized names) that only bring a module to Pythons that are older than it, and that module."""

_IMPORTABLE = (".py", ".so")  # compiled Python is in no ZIP of ours
_MOST_SHADOW_WARNINGS = 5


def is_left_out(path: str, python_version: str) -> bool:
    """Return True when a file of the tree does not go into the ZIP for that Python."""
    parts = path.split("/")
    if path == ".lock" or "__pycache__" in parts[:-1] or path.endswith((".pyc", ".pyo")):
        return True
    if len(parts) == 2 and parts[0].endswith(".dist-info") and parts[1] in _INSTALLATION_NOTES:
        return True
    return shadowed_module(path, python_version) is not None


def is_script(path: str) -> bool:
    """Return True when a file is one that an installer writes for the command line."""
    return path.startswith("bin/")


def is_record(path: str) -> bool:
    """Return True when a file is the list of an installed distribution's files (PEP 376)."""
    folder, _, name = path.partition("/")
    return name == "RECORD" and folder.endswith(".dist-info")


def is_metadata(path: str) -> bool:
    """Return True when a file is the description of an installed distribution (core metadata)."""
    folder, _, name = path.partition("/")
    return name == "METADATA" and folder.endswith(".dist-info")


def is_native(path: str, content: bytes) -> bool:
    """Return True when a file is machine code, which can't be loaded out of a ZIP."""
    return content.startswith(b"\x7fELF") or path.endswith(".so") or ".so." in posixpath.basename(path)


def portable_script(content: bytes) -> bytes:
    """The script, started by whichever python3 is on PATH instead of the one that was there when it was installed.

    The bytes after its first `SCRIPT_HEAD_BYTES` decide nothing.
    """
    for pattern in (_SHELL_TRAMPOLINE, _PYTHON_SHEBANG):
        if match := pattern.match(content[:SCRIPT_HEAD_BYTES]):
            return _PORTABLE_SHEBANG + content[match.end() :]
    return content


def shadowed_module(path: str, python_version: str) -> str | None:
    """Return the module of the standard library in whose place Python would import this file of a tree, or None.

    A folder without an __init__ doesn't: it is a namespace package's, and modules win over those. So a file of data
    stays where its package looks for it.
    """
    top, _, rest = path.partition("/")
    if rest and not ("/" not in rest and rest.startswith("__init__.")):
        return None
    name = top if rest else top.partition(".")[0]
    return name if path.endswith(_IMPORTABLE) and name in STANDARD_LIBRARY[python_version] else None


def shadow_warnings(paths: Iterable[str], owners: Mapping[str, str], python_version: str) -> list[str]:
    """Return a warning per distribution with files that shadow the standard library; `owners`: path to distribution."""
    found: dict[str, set[str]] = {}
    for path in paths:
        module = shadowed_module(path, python_version)
        if module:
            found.setdefault(owners.get(path, ""), set()).add(module)
    told = [_shadow_warning(owner, sorted(modules), python_version) for owner, modules in sorted(found.items())]
    if len(told) > _MOST_SHADOW_WARNINGS:
        more = len(told) - _MOST_SHADOW_WARNINGS
        told[_MOST_SHADOW_WARNINGS:] = [
            f"{more} more bring modules of Python's own standard library: the build's log has all."
        ]
    return told


def _shadow_warning(owner: str, modules: list[str], python_version: str) -> str:
    names = ", ".join(modules[:5]) + (f" and {len(modules) - 5} more" if len(modules) > 5 else "")
    if BACKPORTS.get(owner) in modules:
        return (
            f"{owner} is for Pythons that lack {names}, and Python {python_version} has it: Python's own is imported. "
            f"It does no harm; remove {owner} from the list unless another package asks for it."
        )
    return (
        f"{owner or 'A package'} brings {names}, which Python {python_version} has in its standard library: Python's "
        "own is imported, as in a virtual environment, and the package's never. Leave it out if it is there for that."
    )
