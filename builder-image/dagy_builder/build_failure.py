"""Source distributions that can't be built, where building them is allowed. Pure.

All after uv's first lines was printed by package code, which may say anything.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from dagy_builder.availability import excludes
from dagy_builder.contract import Problem, Reason
from dagy_builder.index_page import IndexFile
from dagy_builder.requirement import Asked
from dagy_builder.target import Target

_BACKEND_FAILED = re.compile(
    r"^error: Failed to build `([\w.-]+)==([^`\s]+)`\n  cause: The build backend returned an error$", re.M
)
_INCLUDED = re.compile(r"^hint: `([\w.-]+)` \(v[^)]*\) was included because (.*)$", re.M)


@dataclass(frozen=True)
class FailedBuild:
    """A release whose build backend failed, and the user's requirements that led to it."""

    name: str
    version: str
    roots: tuple[Asked, ...]


def failed_build(output: str, requirements: Sequence[Asked]) -> FailedBuild | None:
    """The build that uv's output is about, if it is about one."""
    match = _BACKEND_FAILED.search(output)
    if match is None:
        return None
    names = {match[1]}
    for name, chain in _INCLUDED.findall(output):
        if name == match[1]:
            names.update(re.findall(r"`([\w.-]+)`", chain))
    return FailedBuild(match[1], match[2], tuple(asked for asked in requirements if asked.name in names))


def problem_with_build(failed: FailedBuild, files: Sequence[IndexFile], target: Target) -> tuple[Reason, Problem]:
    """The problem, and whether Python is at fault: uv takes no notice of upper bounds of Requires-Python."""
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
        message += f"{release} can't be built from source: its own build code failed, and the log has what it said."
        hint = "Ask for a version with wheels, or for one that can be built without further programs."
    told = Problem(
        message=f"{message} {hint}", requirement=root.text if root else None, wanted=release, why=message, hint=hint
    )
    return Reason.PYTHON_INCOMPATIBLE if required else Reason.RESOLUTION_FAILED, told


def _requires_python(failed: FailedBuild, files: Sequence[IndexFile], target: Target) -> str:
    """Requires-Python of the release, where that excludes the target's Python; else ""."""
    try:
        version = Version(failed.version)
    except InvalidVersion:
        return ""
    mine = [file.requires_python for file in files if file.version == version and file.tags is None]
    return next((str(required) for required in mine if required and excludes(required, target)), "")
