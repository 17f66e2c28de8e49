"""One canonical text for each set of version specifiers (PEP 440)."""

from __future__ import annotations

from packaging.specifiers import Specifier, SpecifierSet
from packaging.version import Version

# As people write them: from the lower bound to the upper one, then the exceptions.
_ORDER = {"===": 0, "==": 1, "~=": 2, ">=": 3, ">": 4, "<": 5, "<=": 6, "!=": 7}


def canonical(specifier: SpecifierSet) -> SpecifierSet:
    """The same set with normalized versions and without repetitions. Iteration and `text_of` are deterministic."""
    return SpecifierSet(text_of(specifier)) if specifier else specifier


def text_of(specifier: SpecifierSet) -> str:
    """The set as text, e.g. ">=2.31.0,<2.32.0": lower bound, upper bound, exclusions."""
    unique = {_text(one): one for one in specifier}
    return ",".join(sorted(unique, key=lambda text: _sort_key(unique[text], text)))


def _text(one: Specifier) -> str:
    if one.operator == "===":
        return str(one)
    version, wildcard = one.version.removesuffix(".*"), one.version.endswith(".*")
    return f"{one.operator}{Version(version)}{'.*' if wildcard else ''}"


def _sort_key(one: Specifier, text: str) -> tuple[int, Version, str]:
    bare = one.version.removesuffix(".*")
    return _ORDER[one.operator], Version(bare) if one.operator != "===" else Version("0"), text
