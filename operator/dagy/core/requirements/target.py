"""The environment that a package is built for, as environment markers see it (PEP 508)."""

from __future__ import annotations

from functools import lru_cache

from packaging.markers import Marker, UndefinedComparison, UndefinedEnvironmentName

from dagy.core.requirements.errors import ErrorCode, RequirementError
from dagy.model.names import PYTHON_VERSIONS

PATCH_RELEASES = 40
"""More than any minor version of Python has had."""

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def applies(marker: Marker, python_version: str, architecture: str = "amd64") -> bool:
    """Whether the marker is true for CPython `python_version` (e.g. "3.12") on Linux.

    A package isn't tied to a patch release of Python: a marker that is true for some of them applies, because an
    unused package does no harm and a missing one does. Raises RequirementError for a marker that has no value there,
    ValueError for a Python or architecture (amd64, arm64) that isn't supported.
    """
    environments = _environments(python_version, architecture)
    text = str(marker)
    if "full_version" not in text and "implementation_version" not in text:
        environments = environments[:1]
    try:
        return any(marker.evaluate(environment) for environment in environments)
    except (UndefinedComparison, UndefinedEnvironmentName) as error:
        raise RequirementError(
            ErrorCode.MARKER_UNDEFINED,
            text,
            "The environment marker has no value outside of the metadata or the lock that it was made for.",
            "Compare variables such as python_version or sys_platform, or remove the marker.",
        ) from error


@lru_cache
def _environments(python_version: str, architecture: str) -> tuple[dict[str, str], ...]:
    if python_version not in PYTHON_VERSIONS or architecture not in _MACHINES:
        raise ValueError(f"no such target: Python {python_version} on {architecture}")
    return tuple(_environment(python_version, patch, _MACHINES[architecture]) for patch in range(PATCH_RELEASES))


def _environment(python_version: str, patch: int, machine: str) -> dict[str, str]:
    full_version = f"{python_version}.{patch}"
    return {
        "implementation_name": "cpython",
        "implementation_version": full_version,
        "os_name": "posix",
        "platform_machine": machine,
        # Unknown before the flow runs, so empty, as uv has it for a target that isn't the machine it runs on.
        "platform_release": "",
        "platform_version": "",
        "platform_system": "Linux",
        "python_full_version": full_version,
        "platform_python_implementation": "CPython",
        "python_version": python_version,
        "sys_platform": "linux",
        "extra": "",
    }
