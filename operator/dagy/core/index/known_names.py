"""Names that are likelier than others: those of a list, and those that packages ask for. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from packaging.utils import canonicalize_name

from dagy.core.index.names import IndexNames

MOST_POPULAR = 20_000
"""Names of a list that count."""

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?")


@dataclass(frozen=True)
class NumberedNames:
    """Normalized names with a number each."""

    numbers: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def names(self) -> IndexNames:
        """The names alone, in a form in which they are found fast."""
        return IndexNames.of(self.numbers)


@dataclass(frozen=True)
class KnownNames:
    """Names that are likelier than others."""

    used: NumberedNames = field(default_factory=NumberedNames)
    """Names that packages use which the caller may see, to the number of those packages."""
    popular: NumberedNames = field(default_factory=NumberedNames)
    """Names of the administrator's list, to their place in it, from 0."""

    def __contains__(self, name: str) -> bool:
        return self.is_used(name) or self.is_popular(name)

    def is_used(self, name: str) -> bool:
        """Return True when a package uses it that the caller may see."""
        return name in self.used.numbers

    def is_popular(self, name: str) -> bool:
        """Return True when it is in the administrator's list."""
        return name in self.popular.numbers

    def rank(self, name: str) -> tuple[int, int, int, str]:
        """Return the key to sort by: what is used most, then what is popular, then what is short."""
        place = self.popular.numbers.get(name, len(self.popular.numbers))
        return -self.used.numbers.get(name, 0), place, len(name), name


def popular_names(text: str) -> NumberedNames:
    """Read a list of one name a line, the most popular first; other lines don't count."""
    found: dict[str, int] = {}
    for line in text.splitlines():
        name = line.strip()
        if _NAME.fullmatch(name):
            found.setdefault(canonicalize_name(name), len(found))
        if len(found) == MOST_POPULAR:
            break
    return NumberedNames(found)


def names_used(packages: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Return how many of these DepPackages ask for each name."""
    used: Counter[str] = Counter()
    for package in packages:
        dependencies = (package.get("spec") or {}).get("dependencies") or ()
        names = (_NAME.match(one) for one in dependencies if isinstance(one, str))
        used.update({canonicalize_name(name[0]) for name in names if name})
    return used
