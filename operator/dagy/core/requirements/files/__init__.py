"""Files that people hand in: requirements.txt, manifests, and files of other kinds. Pure functions on text."""

from dagy.core.requirements.files.logical_lines import UnusableFileError, decode
from dagy.core.requirements.files.manifest import ManifestError, requirements_in, to_manifest
from dagy.core.requirements.files.merge import Merge, merge, resolve
from dagy.core.requirements.files.requirements_file import (
    Conflict,
    Kept,
    Malformed,
    Outcome,
    RequirementsFile,
    Skipped,
    SkipReason,
    read_requirements,
)

__all__ = [
    "Conflict",
    "Kept",
    "Malformed",
    "ManifestError",
    "Merge",
    "Outcome",
    "RequirementsFile",
    "SkipReason",
    "Skipped",
    "UnusableFileError",
    "decode",
    "merge",
    "read_requirements",
    "requirements_in",
    "resolve",
    "to_manifest",
]
