"""Source distributions that can't be built, where building them is allowed. Pure.

All after uv's first lines was printed by package code, which may say anything.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from dagy_builder.contract import Problem, Reason
from dagy_builder.explain.availability import excludes
from dagy_builder.explain.hints import PUBLISHED_AS, WHEELS_OF
from dagy_builder.indexes.page import IndexFile
from dagy_builder.requirement import ParsedRequirement
from dagy_builder.target import Target

_BACKEND_FAILED = re.compile(
    r"^error: Failed to build `([\w.-]+)==([^`\s]+)`\n  cause: The build backend returned an error$", re.M
)
_NO_COMPILER = (
    r"command '[^'\n]{0,200}(?:gcc|g\+\+|cc|clang)' failed: No such file|No such file or directory: '[^'\n]{0,200}"
    r"(?:gcc|g\+\+|cc|c\+\+|clang)'|unable to execute '[^'\n]{0,200}'|Unknown compiler\(s\)|CMAKE_CX*_COMPILER not set"
    r"|Unable to find a compatible|no acceptable C compiler found|C compiler [^\n]{0,200} not found"
)
# What builds ask for in vain, in the words of setuptools, maturin, setuptools-rust, meson-python and scikit-build-core,
# of compilers, and of single packages. Only the words on the right, and a header's name, reach a message.
_LACKING = tuple(
    (re.compile(pattern), what)
    for pattern, what in (
        (
            r"pg_config executable not found|pg_config is required",
            "pg_config (of PostgreSQL's client library, libpq-dev)",
        ),
        (
            r"mysql_config: not found|Can not find valid pkg-config name|Trying pkg-config --exists mysqlclient",
            "MySQL's client library (default-libmysqlclient-dev)",
        ),
        (
            r"can't find Rust compiler|Rust compiler not found|the Rust package manager, is not installed|"
            r"(?:cargo|rustc)[^\n]{0,40}(?:not found|No such file)",
            "a Rust compiler",
        ),
        (r"CMake must be installed|No such file or directory: 'cmake'|Could not find CMake", "CMake"),
        (r"Fortran compiler[^\n]{0,40}not found|No such file or directory: 'gfortran'", "a Fortran compiler"),
        (r"No such file or directory: 'git'|Git was not found", "git"),
        (r"fatal error: ([\w./+-]{1,80}): No such file or directory", "the header {0}"),
        (_NO_COMPILER, "a C compiler"),
        (r"(?:pkg-config|pkgconf)[^\n]{0,40}(?:not found|No such file)", "pkg-config"),
    )
)
_INCLUDED = re.compile(r"^hint: `([\w.-]+)` \(v[^)]*\) was included because (.*)$", re.M)


@dataclass(frozen=True)
class FailedBuild:
    """A release whose build backend failed, and the user's requirements that led to it."""

    name: str
    version: str
    roots: tuple[ParsedRequirement, ...]


def failed_build(output: str, requirements: Sequence[ParsedRequirement]) -> FailedBuild | None:
    """Return the build that uv's output is about, if it is about one."""
    match = _BACKEND_FAILED.search(output)
    if match is None:
        return None
    names = {match[1]}
    for name, chain in _INCLUDED.findall(output):
        if name == match[1]:
            names.update(re.findall(r"`([\w.-]+)`", chain))
    return FailedBuild(match[1], match[2], tuple(asked for asked in requirements if asked.name in names))


def lacking(output: str) -> str | None:
    """Return the compiler, library or header that a build lacked, in our own words; None when it doesn't say."""
    for pattern, what in _LACKING:
        if found := pattern.search(output):
            return what.format(*found.groups())
    return None


def problem_with_build(
    failed: FailedBuild, output: str, files: Sequence[IndexFile], target: Target
) -> tuple[Reason, Problem]:
    """Return reason and problem. Python is at fault where Requires-Python excludes it: uv ignores upper bounds."""
    release = f"{failed.name}=={failed.version}"
    required = _requires_python(failed, files, target)
    root = failed.roots[0] if failed.roots else None
    message = "" if root is None or root.name == failed.name else f"{root.text} brings {release}. "
    if required:
        message += (
            f"{release} can't be built from source for Python {target.python_version}: it asks for Python {required}."
        )
        hint = f"Ask for a version for Python {target.python_version}, or set pythonVersion to one that is {required}."
    else:
        message, hint = _without_help(failed, output, message)
    problem = Problem.of(message, hint, requirement=root.text if root else None, wanted=release)
    return Reason.PYTHON_INCOMPATIBLE if required else Reason.RESOLUTION_FAILED, problem


def _without_help(failed: FailedBuild, output: str, message: str) -> tuple[str, str]:
    release, what = f"{failed.name}=={failed.version}", lacking(output)
    if what:
        message += (
            f"{release} can't be built from source: its build needs {what}, which the builder image doesn't have."
        )
    else:
        message += f"{release} can't be built from source: its own build code failed, and the log has what it said."
    image = "use a builder image that has it (DAGY_BUILDER_IMAGE, see docs/builder-image.md)"
    if meant := PUBLISHED_AS.get(failed.name):
        return message, f"The module {failed.name} is part of {meant}: ask for that."
    if other := WHEELS_OF.get(failed.name):
        return message, f"Ask for {other}, which has wheels{f', or {image}' if what else ''}."
    return message, f"Ask for a version with wheels{f', or {image}' if what else ''}."


def _requires_python(failed: FailedBuild, files: Sequence[IndexFile], target: Target) -> str:
    """Requires-Python of the release, where that excludes the target's Python; else ""."""
    try:
        version = Version(failed.version)
    except InvalidVersion:
        return ""
    mine = [file.requires_python for file in files if file.version == version and file.tags is None]
    return next((str(required) for required in mine if required and excludes(required, target)), "")
