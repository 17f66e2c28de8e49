"""Reading what the commands are given: requirements files and manifests, from disk or standard input."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dagy.core.requirements import Dependency, Target, normalize, parse_dependency
from dagy.core.requirements.files import (
    Malformed,
    ManifestError,
    RequirementsFile,
    UnusableFileError,
    decode,
    read_requirements,
    requirements_in,
)
from dagy.core.requirements.files.logical_lines import MAX_BYTES
from dagy_builder.redact import redact_requirement

STANDARD_INPUT = Path("-")
_MANIFEST_ENDINGS = {".yaml", ".yml", ".json"}


class InputError(Exception):
    """A file cannot be used. The message names it and says why, in one sentence or two."""


def read_file(path: Path, target: Target) -> RequirementsFile:
    """Read a requirements file; "-" is standard input. Raises InputError."""
    return read_requirements(read_text(path), target)


def read_list(path: Path, target: Target) -> tuple[Dependency, ...]:
    """The dependencies that a list has already: a requirements file, or a DepPackage manifest (.yaml, .yml, .json).

    Raises InputError, also for a list with errors of its own.
    """
    if is_manifest(path):
        normalized = normalize(_requirements_in(path, read_manifest(path)), target.python_version)
        if normalized.errors:
            first = normalized.errors[0]
            raise InputError(f"{shown(path)}: {first.message} {first.hint}")
        return tuple(parse_dependency(text) for text in normalized.dependencies)
    file = read_file(path, target)
    for outcome in file.outcomes:
        if isinstance(outcome, Malformed):
            error = outcome.error
            raise InputError(f"{shown(path)}:{outcome.number}: {error.message} {error.hint}")
    return file.dependencies


def is_manifest(path: Path) -> bool:
    """Whether a file is taken for a DepPackage manifest, by its ending."""
    return path.suffix.lower() in _MANIFEST_ENDINGS


def read_manifest(path: Path) -> dict[str, Any]:
    """The one DepPackage that a YAML or JSON file holds. Raises InputError."""
    import yaml

    try:
        # JSON is YAML, too.
        documents: list[Any] = [one for one in yaml.safe_load_all(read_text(path)) if one is not None]
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark is not None else ""
        raise InputError(f"{shown(path)}: is not valid YAML{where}.") from error
    if len(documents) != 1:
        raise InputError(f"{shown(path)}: holds {len(documents)} manifests. Give a file with exactly one.")
    _requirements_in(path, documents[0])
    manifest: dict[str, Any] = documents[0]
    return manifest


def shown(path: Path) -> str:
    """A path for messages."""
    return "standard input" if path == STANDARD_INPUT else redact_requirement(str(path))


def read_text(path: Path) -> str:
    """A text file, or standard input. Raises InputError."""
    try:
        if path == STANDARD_INPUT:
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        return decode(data)
    except OSError as error:
        raise InputError(f"{shown(path)}: cannot be read: {error.strerror}.") from error
    except UnusableFileError as error:
        raise InputError(f"{shown(path)}: {error}") from error


def _requirements_in(path: Path, manifest: object) -> Sequence[str]:
    try:
        return requirements_in(manifest)
    except ManifestError as error:
        raise InputError(f"{shown(path)}: {error}") from error
