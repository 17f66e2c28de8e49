"""Reading uv's account of a failed resolution. Pure: text in, facts out.

uv tells a PubGrub derivation: "Because A and B, we can conclude that C. And because D, ...". The premises (A, B, D) are
facts about packages; the conclusions only repeat them and are left out. The wording is that of the pinned uv release;
tests/fakes/uv_messages.txt holds real ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_SPEC = r"(?:\[[^\]\s]*\])?(?:(?:===?|[<>~!]=?)[^\s;]*)?"
_TERM = rf"(?:all versions of )?{_NAME}{_SPEC}"
# Between name and versions: "sasl{sys_platform != 'win32'}>=0.3". Which half of a marker it is changes no sentence.
_MARKER = re.compile(r"\{[^{}]*\}")
_NOT_FOUND = re.compile(rf"({_NAME})(?:\[\S*\])? was not found in the package registry")
_NO_VERSION = re.compile(rf"there (?:is|are) no versions? of ({_TERM})")
_ONLY = re.compile(
    rf"only (?:the following versions of ({_NAME})\S* are available:((?: \1\S*)+)|({_TERM}) is available)"
)
_NO_WHEEL = re.compile(
    rf"({_TERM}) (?:has|have) no (?:usable wheels|wheels with a matching (Python ABI|Python implementation|platform|"
    r"Python version|Python) tag)"
)
_YANKED = re.compile(rf"({_TERM}) (?:was|were) yanked \(reason: ([^)]*)\)")
_BROKEN = re.compile(rf"({_TERM}) (?:has|have) (?:an )?(?:invalid|inconsistent) (?:package format|metadata)")
_TOO_NEW = re.compile(
    rf"`({_NAME})` was filtered by `exclude-newer` to only include packages uploaded before (\S+?)\.? "
)
_PYTHON = re.compile(rf"({_TERM}) depends? on Python([<>=!~]\S*)")
_DEPENDS = re.compile(
    rf"({_TERM}) depends? on (?:one of: )?(?!Python[<>=!~])({_NAME})({_SPEC})((?: \2(?![\w.-])\S*)*)"
    # "depend on beta<2 and gamma": what comes after "and" is a dependency, too, unless it begins a clause of its own.
    rf"((?: and {_NAME}{_SPEC}(?=,| and | ;|$))*)"
)
_REQUIRE = re.compile(r"you require (.*?)(?= ; |$)")
_FOUND_TAGS = re.compile(rf"(?:wheels for|available for) `({_NAME})`[^:]*: ((?:`[^`]+`(?:, )?)+)")


@dataclass(frozen=True)
class Edge:
    """`dependent` (with versions as uv gives them, or just a name for all) needs `dependency`."""

    dependent: str
    dependency: str


@dataclass(frozen=True)
class Facts:
    """The premises of one derivation. Names are as uv prints them: normalized (PEP 503)."""

    required: tuple[str, ...] = ()
    """Names (without extras) that stand in "you require ...", in that order."""
    not_found: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    """Terms of which there is no version, e.g. "pandas==99.0"."""
    available: tuple[str, ...] = ()
    """Names of which just some versions are available."""
    without_wheel: tuple[tuple[str, str], ...] = ()
    """Term and the part that doesn't match: "", "Python ABI", "platform", ..."""
    yanked: tuple[tuple[str, str], ...] = ()
    """Term and its author's reason."""
    broken: tuple[str, ...] = ()
    """Terms whose files on the index can't be read."""
    too_new: tuple[tuple[str, str], ...] = ()
    """Name and the time before which its releases had to be uploaded."""
    python: tuple[tuple[str, str], ...] = ()
    """Term and the Python it needs, e.g. ("newpy==1.0", ">=3.13")."""
    edges: tuple[Edge, ...] = ()
    found_tags: tuple[tuple[str, str], ...] = ()
    """Name and the tags of the wheels that there are, e.g. ("winonly", "win_amd64")."""
    text: str = ""
    """The derivation in one line."""


def is_derivation(output: str) -> bool:
    """Return True when uv's output is about requirements that have no solution."""
    return "No solution found when resolving dependencies" in output


def read_derivation(output: str) -> Facts:
    """Return the facts in uv's output."""
    story, _, hints = output.partition("\nhint:")
    text = _MARKER.sub("", " ".join(story.partition("cause:")[2].split()))
    premises = " ; ".join(_premises(text))
    hints = " ".join(hints.split())
    return Facts(
        required=tuple(dict.fromkeys(name for phrase in _REQUIRE.findall(premises) for name in _names(phrase))),
        not_found=_unique(match[1] for match in _NOT_FOUND.finditer(premises)),
        missing=_unique(_bare(match[1]) for match in _NO_VERSION.finditer(premises)),
        available=_unique(name_of(match[1] or match[3]) for match in _ONLY.finditer(premises)),
        without_wheel=tuple((_bare(m[1]), m[2] or "") for m in _NO_WHEEL.finditer(premises)),
        yanked=tuple((_bare(m[1]), m[2].strip()) for m in _YANKED.finditer(premises)),
        broken=_unique(_bare(match[1]) for match in _BROKEN.finditer(premises)),
        too_new=tuple((m[1], m[2]) for m in _TOO_NEW.finditer(hints)),
        python=tuple((_bare(m[1]), m[2].rstrip(",.")) for m in _PYTHON.finditer(premises)),
        edges=tuple(dict.fromkeys(edge for match in _DEPENDS.finditer(premises) for edge in _edges(match))),
        found_tags=tuple((m[1], m[2].replace("`", "").rstrip(", ")) for m in _FOUND_TAGS.finditer(hints)),
        text=text,
    )


def name_of(term: str) -> str:
    """Return the package's name in a term, without versions and extras."""
    match = re.match(_NAME, _bare(term))
    return match[0] if match else term


def _premises(text: str) -> list[str]:
    """Return the parts between "because" and "we can conclude that"."""
    # By the capital letter, because a conclusion that ends in a list of versions has no full stop.
    parts = re.split(r"(?:^| )(?:And because|Because) ", text)
    return [re.split(r",? we can conclude that ", part)[0] for part in parts if part]


def _names(phrase: str) -> list[str]:
    """Return the names in "alpha and beta>=2" or "one of: beta<1 beta>2"."""
    words = re.sub(r"^(?:one|all|any) of: ", "", phrase.split(" ; ", maxsplit=1)[0]).split()
    return [name_of(word) for word in words if word != "and"]


def _edges(match: re.Match[str]) -> Iterator[Edge]:
    dependent = _bare(match[1])
    more = "".join(f" or {term}" for term in match[4].split())
    yield Edge(dependent, f"{match[2]}{match[3].rstrip(',.')}{more.rstrip(',.')}")
    for term in match[5].split(" and ")[1:]:
        yield Edge(dependent, _bare(term))


def _bare(term: str) -> str:
    return term.removeprefix("all versions of ").rstrip(",.")


def _unique(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))
