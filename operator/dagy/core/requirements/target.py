"""Target of a package's build, as environment markers see it (PEP 508)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName

from dagy.core.requirements.dependency import Dependency
from dagy.core.requirements.errors import ErrorCode, RequirementError
from dagy_builder.platforms import MACHINES, PYTHON_VERSIONS

PATCH_RELEASES = 40
"""More than any minor version of Python has had."""


@dataclass(frozen=True)
class Target:
    """CPython on Linux. Raises ValueError for a Python or an architecture that isn't supported."""

    python_version: str
    """Minor version, e.g. "3.12"."""
    architecture: str = "amd64"
    """CPU in Go's words: amd64 or arm64."""

    def __post_init__(self) -> None:
        if self.python_version not in PYTHON_VERSIONS:
            raise ValueError(f"Python {self.python_version} is not supported; choose {', '.join(PYTHON_VERSIONS)}")
        if self.architecture not in MACHINES:
            raise ValueError(f"{self.architecture} is not supported; choose {', '.join(MACHINES)}")


def for_target(dependency: Dependency, target: Target) -> Dependency | None:
    """Return the dependency without its environment marker, or None where the marker is false.

    A package isn't tied to a patch release of Python: a marker that is true for some of them counts as true, because
    a package too many does no harm and a missing one does. Extras of a project that isn't there are never active.
    Raises RequirementError for a marker that has no value.
    """
    if dependency.marker is None:
        return dependency
    text = str(dependency.marker)
    by_patch = "full_version" in text or "implementation_version" in text
    environments = _environments(target) if by_patch else _environments(target)[:1]
    try:
        needed = any(dependency.marker.evaluate(environment) for environment in environments)
    except (UndefinedComparison, UndefinedEnvironmentName):
        raise RequirementError(
            ErrorCode.MARKER_UNDEFINED,
            str(dependency),
            "The environment marker has no value where a package is built.",
            'Compare a variable such as python_version or sys_platform with a quoted text, or remove all from ";" on.',
            str(dependency).index(";"),
        ) from None
    return dependency.without_marker() if needed else None


def why_not_needed(dependency: Dependency, target: Target) -> str:
    """Return the reason that goes with `for_target` returning None."""
    return f"not needed on Python {target.python_version} for Linux: {dependency.marker} is false"


@lru_cache
def _environments(target: Target) -> tuple[dict[str, str], ...]:
    return tuple(_environment(target, patch) for patch in range(PATCH_RELEASES))


def _environment(target: Target, patch: int) -> dict[str, str]:
    full_version = f"{target.python_version}.{patch}"
    return {
        "implementation_name": "cpython",
        "implementation_version": full_version,
        "os_name": "posix",
        "platform_machine": MACHINES[target.architecture],
        # Unknown before the flow runs, so empty, as uv has it for a target that isn't the machine it runs on.
        "platform_release": "",
        "platform_version": "",
        "platform_system": "Linux",
        "python_full_version": full_version,
        "platform_python_implementation": "CPython",
        "python_version": target.python_version,
        "sys_platform": "linux",
        "extra": "",
    }
