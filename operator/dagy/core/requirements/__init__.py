"""Requirements: what a package depends on, and every rule about it. Pure functions on text and values."""

from dagy.core.requirements.dependency import Dependency, parse_dependency
from dagy.core.requirements.dependency_list import Dropped, LineError, NormalizedList, normalize
from dagy.core.requirements.errors import ErrorCode, RequirementError
from dagy.core.requirements.logical_lines import UnusableFileError, decode
from dagy.core.requirements.manifest import ManifestError, requirements_in, to_manifest
from dagy.core.requirements.merge import Choice, Merge, merge, resolve
from dagy.core.requirements.redaction import redact
from dagy.core.requirements.requirements_file import (
    Conflict,
    Kept,
    Malformed,
    Outcome,
    RequirementsFile,
    Skipped,
    SkipReason,
    read_requirements,
)
from dagy.core.requirements.target import Target
from dagy.core.requirements.version_mode import (
    Recognized,
    VersionMode,
    caution,
    recognize,
    version_spec,
)

__all__ = [
    "Choice",
    "Conflict",
    "Dependency",
    "Dropped",
    "ErrorCode",
    "Kept",
    "LineError",
    "Malformed",
    "ManifestError",
    "Merge",
    "NormalizedList",
    "Outcome",
    "Recognized",
    "RequirementError",
    "RequirementsFile",
    "SkipReason",
    "Skipped",
    "Target",
    "UnusableFileError",
    "VersionMode",
    "caution",
    "decode",
    "merge",
    "normalize",
    "parse_dependency",
    "read_requirements",
    "recognize",
    "redact",
    "requirements_in",
    "resolve",
    "to_manifest",
    "version_spec",
]
