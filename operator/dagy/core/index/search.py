"""Finding a project by what somebody types: which names come first, and why each is there. Pure.

The order: the name itself, the project under which a module of that name is published, then names that are known
(this cluster's packages use them, or the administrator's list has them) that begin so, have a word that begins so, or
are one slip of the finger away; then names of the whole index in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dagy.core.index.known_names import KnownNames
from dagy.core.index.names import MAX_CHARACTERS, IndexNames
from dagy.model.rest.index import IndexMatch
from dagy_builder.explain.hints import PUBLISHED_AS

MOST_HITS = 20
"""Names in one answer."""

_SHORT = 2
"""Of so few letters every second name has them inside."""
_LONGEST_SLIP = 40
"""A longer query is compared with known names only: it has too many neighbours."""
_LOOKED_AT = 2000
"""Names that have the query inside, of which the shortest come first."""
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789-"
_NAME_PART = re.compile(r"[A-Za-z0-9._\s-]*")
_SEPARATORS = re.compile(r"[-_.\s]+")


@dataclass(frozen=True)
class Hit:
    """One name."""

    name: str
    """Normalized (PEP 503)."""
    match: IndexMatch
    alias: str | None = None
    """The module's name under which it was found."""


def normalized_query(text: str) -> str:
    """Return what is looked for: the name's part of what was typed, as PEP 503 writes it; "" when there is none.

    A version, extras and all that follows are left out, and words count as parts of one name.
    """
    typed = _NAME_PART.match(text.strip()[: 4 * MAX_CHARACTERS])
    name = _SEPARATORS.sub("-", typed[0].rstrip().lower() if typed else "").lstrip("-")
    return name[:MAX_CHARACTERS]


def search(
    query: str, names: IndexNames | None, known: KnownNames, *, exists: bool = False, most: int = MOST_HITS
) -> list[Hit]:
    """Return the hits for a `normalized_query`, at most `most`, the likeliest first; the order is always the same.

    Without `names` only known names are found, and the query itself where it `exists`.
    """
    found: dict[str, Hit] = {}
    for hit in _hits(query, names, known, exists=exists):
        found.setdefault(hit.name, hit)
        if len(found) >= most:
            break
    return list(found.values())


def _hits(query: str, names: IndexNames | None, known: KnownNames, *, exists: bool) -> Iterator[Hit]:
    name = query.rstrip("-")
    if not name:
        return
    if exists or (names.has(name) if names else name in known):
        yield Hit(name, IndexMatch.EXACT)
    published = PUBLISHED_AS.get(name)
    if published and (names is None or names.has(published)):
        yield Hit(published, IndexMatch.ALIAS, alias=name)
    yield from _known_hits(query, name, names, known)
    if names:
        yield from _all_hits(query, name, names)


def _known_hits(query: str, name: str, names: IndexNames | None, known: KnownNames) -> Iterator[Hit]:
    prefix = query.encode("ascii")
    groups = known.used.names, known.popular.names
    stages = {IndexMatch.PREFIX: {one for group in groups for one in group.shortest(*group.beginning(prefix))}}
    if len(query) > _SHORT:
        stages[IndexMatch.WORD] = {one for group in groups for one in group.holding(b"-" + prefix, _LOOKED_AT)}
    if len(name) > _SHORT:
        stages[IndexMatch.TYPO] = {one for one in _one_slip_away(name) if one in known}
    for match, hits in stages.items():
        for hit in sorted(hits, key=known.rank):
            if names is None or names.has(hit):
                yield Hit(hit, match)


def _all_hits(query: str, name: str, names: IndexNames) -> Iterator[Hit]:
    prefix = query.encode("ascii")
    for hit in names.shortest(*names.beginning(prefix)):
        yield Hit(hit, IndexMatch.PREFIX)
    if len(query) <= _SHORT:
        return
    # Both with one look at all names, which takes most of the time.
    holding = sorted(names.holding(prefix, _LOOKED_AT), key=lambda one: (f"-{query}" not in one, len(one), one))
    for hit in holding:
        yield Hit(hit, IndexMatch.WORD if f"-{query}" in hit else IndexMatch.INSIDE)
    if len(name) <= _LONGEST_SLIP:
        for hit in _neighbours(name, names):
            yield Hit(hit, IndexMatch.TYPO)


def _one_slip_away(name: str) -> Iterator[str]:
    """All texts that one letter more, less or other, or two exchanged neighbours, make of it; some more than once."""
    for at in range(len(name) + 1):
        before, after = name[:at], name[at:]
        yield from _changed(before, after)


def _changed(before: str, after: str) -> Iterable[str]:
    """The slips right behind `before`."""
    made = [f"{before}{letter}{after}" for letter in _LETTERS]
    if after:
        made.append(before + after[1:])
        made += [f"{before}{letter}{after[1:]}" for letter in _LETTERS]
    if len(after) > 1:
        made.append(f"{before}{after[1]}{after[0]}{after[2:]}")
    return made


def _neighbours(name: str, names: IndexNames) -> list[str]:
    """The names one slip away. Those with a common beginning lie in one range, in which alone they are looked for."""
    found: set[str] = set()
    low, high = 0, len(names)
    for at in range(len(name) + 1):
        low, high = names.beginning(name[:at].encode("ascii"), low, high)
        if low == high:
            break
        for other in sorted({*_changed(name[:at], name[at:])}):
            wanted = other.encode("ascii")
            place = names.place(wanted, low, high)
            if place < high and names[place] == other:
                found.add(other)
    found.discard(name)
    return sorted(found, key=lambda one: (len(one), one))
