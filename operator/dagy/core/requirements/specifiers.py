"""One canonical text for each set of version specifiers (PEP 440)."""

from __future__ import annotations

from packaging.specifiers import Specifier, SpecifierSet
from packaging.version import Version

# As people write them: from the lower bound to the upper one, then the exceptions.
_ORDER = {"===": 0, "==": 1, "~=": 2, ">=": 3, ">": 4, "<": 5, "<=": 6, "!=": 7}


def canonical(specifier: SpecifierSet) -> SpecifierSet:
    """The same set with normalized versions and without repetitions."""
    return SpecifierSet(text_of(specifier)) if specifier else specifier


def text_of(specifier: SpecifierSet) -> str:
    """The set as text, e.g. ">=2.31.0,<2.32.0": lower bound, upper bound, exclusions.

    Versions are normalized (PEP 440), but keep their number of parts. The versions of "===" must be versions, too.
    """
    return ",".join(text for *_, text in sorted({_sort_key(one) for one in specifier}))


def _sort_key(one: Specifier) -> tuple[int, Version, str]:
    wildcard = ".*" if one.version.endswith(".*") else ""
    version = Version(one.version.removesuffix(".*"))
    # "===" compares texts (PEP 440), so its text stays.
    text = str(one) if one.operator == "===" else f"{one.operator}{version}{wildcard}"
    return _ORDER[one.operator], version, text
