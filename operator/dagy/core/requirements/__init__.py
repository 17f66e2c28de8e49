"""Requirements: the dependencies of a package, and every rule about them. Pure functions on text and values."""

from dagy.core.requirements.dependency import Dependency, parse_dependency
from dagy.core.requirements.errors import ErrorCode, RequirementError
from dagy.core.requirements.normalization import Dropped, LineError, NormalizedList, normalize
from dagy.core.requirements.target import Target
from dagy.core.requirements.version_mode import Recognized, VersionMode, caution, recognize, version_spec

__all__ = [
    "Dependency",
    "Dropped",
    "ErrorCode",
    "LineError",
    "NormalizedList",
    "Recognized",
    "RequirementError",
    "Target",
    "VersionMode",
    "caution",
    "normalize",
    "parse_dependency",
    "recognize",
    "version_spec",
]
