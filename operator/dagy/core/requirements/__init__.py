"""Requirements: what a package depends on, and every rule about it. Pure functions on text and values."""

from dagy.core.requirements.dependency import Dependency, parse_dependency
from dagy.core.requirements.dependency_list import Dropped, LineError, NormalizedList, normalize
from dagy.core.requirements.errors import ErrorCode, RequirementError

__all__ = [
    "Dependency",
    "Dropped",
    "ErrorCode",
    "LineError",
    "NormalizedList",
    "RequirementError",
    "normalize",
    "parse_dependency",
]
