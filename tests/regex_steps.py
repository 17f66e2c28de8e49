"""A regular expression's work, counted: what a backtracking matcher such as Python's does, step by step.

Counting tells the same on a busy machine as on an idle one, which a clock does not.
"""

from __future__ import annotations

import math
import re
import re._constants as c  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

Node = tuple[Any, Any]
_REPEATS = (c.MAX_REPEAT, c.MIN_REPEAT, c.POSSESSIVE_REPEAT)
_CHARACTERS = (c.LITERAL, c.NOT_LITERAL, c.IN, c.ANY)
_SAMPLES = "\n a0-:/@é"
_GROW = 300
_ENDLESS = 10**9


class TooManyStepsError(Exception):
    """The matcher went on and on."""


class Steps:
    """Counts the steps of one pattern on one text; `most` ends it."""

    def __init__(self, pattern: re.Pattern[Any], most: int) -> None:
        text = pattern.pattern
        self._tree = parser.parse(
            text.decode("latin-1") if isinstance(text, bytes) else text, pattern.flags & ~re.DEBUG
        )
        self._flags, self._most = self._tree.state.flags, most
        self._sets: dict[tuple[int, str], bool] = {}
        self.tree: Sequence[Node] = list(self._tree)
        self.count = 0

    def of(self, text: str, method: str) -> int:
        """Steps that `method` takes with the text."""
        self.count, self._text = 0, text
        if method in ("match", "fullmatch"):
            self._at(0, whole=method == "fullmatch")
            return self.count
        start = 0
        while start <= len(text):
            self._step()
            end = self._at(start)
            if end is not None and method == "search":
                break
            start = max(end, start + 1) if end is not None else start + 1
        return self.count

    def accepts(self, node: Node, character: str) -> bool:
        """Whether the node, which matches one character, matches this one."""
        key = (id(node[1]) if node[0] is c.IN else hash(node), character)
        if key not in self._sets:
            variants = {character, character.lower(), character.upper()} if self._flags & re.I else {character}
            self._sets[key] = any(self._holds(node, one) for one in variants)
        return self._sets[key]

    def _at(self, start: int, *, whole: bool = False) -> int | None:
        found: list[int] = []

        def end(position: int) -> bool:
            if whole and position != len(self._text):
                return False
            found.append(position)
            return True

        return found[0] if self._match(self.tree, 0, start, end) else None

    def _step(self) -> None:
        self.count += 1
        if self.count > self._most:
            raise TooManyStepsError

    def _match(self, nodes: Sequence[Node], index: int, at: int, then: Callable[[int], bool]) -> bool:
        while index < len(nodes) and nodes[index][0] in _CHARACTERS:
            self._step()
            if at >= len(self._text) or not self.accepts(nodes[index], self._text[at]):
                return False
            index, at = index + 1, at + 1
        if index == len(nodes):
            return then(at)
        self._step()

        def rest(end: int) -> bool:
            return self._match(nodes, index + 1, end, then)

        return self._special(nodes[index], at, rest)

    def _special(self, node: Node, at: int, rest: Callable[[int], bool]) -> bool:
        kind, value = node
        if kind in _REPEATS:
            return self._repeat(kind, value, at, rest)
        if kind is c.SUBPATTERN:
            return self._match(list(value[3]), 0, at, rest)
        if kind is c.BRANCH:
            return any(self._match(list(branch), 0, at, rest) for branch in value[1])
        if kind is c.AT:
            return self._anchored(value, at) and rest(at)
        if kind in (c.ASSERT, c.ASSERT_NOT):
            direction, inside = value
            start = at if direction > 0 else at - inside.getwidth()[1]
            held = start >= 0 and self._match(list(inside), 0, start, lambda end: direction > 0 or end == at)
            return held is (kind is c.ASSERT) and rest(at)
        if kind is c.GROUPREF:
            return rest(at)  # as if the group were empty
        raise NotImplementedError(kind)

    def _repeat(self, kind: Any, value: Any, at: int, rest: Callable[[int], bool]) -> bool:
        least, most, inside = value
        body = list(inside)
        if len(body) != 1 or body[0][0] not in _CHARACTERS:
            return self._repeat_group(kind, (least, most, body), at, rest)
        end = at
        while end < len(self._text) and end - at < most and self.accepts(body[0], self._text[end]):
            self._step()
            end += 1
            if kind is c.MIN_REPEAT and end - at >= least and rest(end):
                return True
        if kind is c.MIN_REPEAT:
            return least == 0 and end == at and rest(at)
        ends: Iterable[int] = range(end, at + least - 1, -1)
        return any(rest(one) for one in ends if one >= at + least)

    def _repeat_group(self, kind: Any, value: Any, at: int, rest: Callable[[int], bool], done: int = 0) -> bool:
        least, most, body = value

        def again(end: int) -> bool:
            return end > at and self._repeat_group(kind, value, end, rest, done + 1)

        self._step()
        if done < least:
            return self._match(body, 0, at, lambda end: self._repeat_group(kind, value, end, rest, done + 1))
        if kind is c.MIN_REPEAT:
            return rest(at) or (done < most and self._match(body, 0, at, again))
        return (done < most and self._match(body, 0, at, again)) or rest(at)

    def _anchored(self, kind: Any, at: int) -> bool:
        text = self._text
        if kind in (c.AT_BEGINNING, c.AT_BEGINNING_STRING):
            return at == 0 or (kind is c.AT_BEGINNING and bool(self._flags & re.M) and text[at - 1] == "\n")
        if kind in (c.AT_END, c.AT_END_STRING):
            last = at == len(text) or (kind is c.AT_END and text[at:] == "\n")
            return last or (kind is c.AT_END and bool(self._flags & re.M) and text[at] == "\n")
        edge = _is_word(text, at - 1) != _is_word(text, at)
        return edge is (kind is c.AT_BOUNDARY)

    def _holds(self, node: Node, character: str) -> bool:
        kind, value = node
        if kind is c.LITERAL:
            return ord(character[0]) == value
        if kind is c.NOT_LITERAL:
            return ord(character[0]) != value
        if kind is c.ANY:
            return character != "\n" or bool(self._flags & re.S)
        negated = value[0][0] is c.NEGATE
        return any(_one_of(item, character) for item in value[negated:]) is not negated


def _one_of(item: Node, character: str) -> bool:
    kind, value = item
    code = ord(character[0])
    if kind is c.LITERAL:
        return code == value
    if kind is c.RANGE:
        return value[0] <= code <= value[1]
    tests = {
        c.CATEGORY_DIGIT: character.isdigit(),
        c.CATEGORY_SPACE: character.isspace(),
        c.CATEGORY_WORD: character.isalnum() or character == "_",
    }
    negated = {c.CATEGORY_NOT_DIGIT: c.CATEGORY_DIGIT, c.CATEGORY_NOT_SPACE: c.CATEGORY_SPACE}
    return not tests[negated.get(value, c.CATEGORY_WORD)] if value not in tests else tests[value]


def _is_word(text: str, at: int) -> bool:
    return 0 <= at < len(text) and (text[at].isalnum() or text[at] == "_")


def hostile_texts(steps: Steps) -> Iterator[Callable[[int], str]]:
    """Functions of a size that make texts to try: what leads to each repeat, and then more and more of what it takes."""
    for lead, taken in dict.fromkeys(_pumps(steps, steps.tree, "")):
        for end in ("", "\x00"):
            yield lambda n, lead=lead, taken=taken, end=end: lead + taken * n + end  # type: ignore[misc]
            yield lambda n, lead=lead, taken=taken, end=end: (lead + taken) * n + end  # type: ignore[misc]


def _pumps(steps: Steps, nodes: Sequence[Node], lead: str) -> Iterator[tuple[str, str]]:
    for node in nodes:
        kind, value = node
        if kind in _REPEATS:
            body = list(value[2])
            if value[1] is c.MAXREPEAT or value[1] > _GROW:
                if len(body) == 1 and body[0][0] in _CHARACTERS:
                    yield from ((lead, character) for character in _characters(steps, body[0]))
                else:
                    yield lead, _sample(steps, body)
            yield from _pumps(steps, body, lead)
        elif kind is c.SUBPATTERN:
            yield from _pumps(steps, list(value[3]), lead)
        elif kind is c.BRANCH:
            for branch in value[1]:
                yield from _pumps(steps, list(branch), lead)
        lead += _sample(steps, [node])


def _sample(steps: Steps, nodes: Sequence[Node]) -> str:
    """A short text that the nodes match."""
    found = ""
    for kind, value in nodes:
        if kind in _CHARACTERS:
            found += next(_characters(steps, (kind, value)), "")
        elif kind in _REPEATS:
            found += _sample(steps, list(value[2])) * value[0]
        elif kind is c.SUBPATTERN:
            found += _sample(steps, list(value[3]))
        elif kind is c.BRANCH:
            found += _sample(steps, list(value[1][0]))
    return found


def _characters(steps: Steps, node: Node) -> Iterator[str]:
    if node[0] is c.LITERAL:
        yield chr(node[1])
        return
    literal = [chr(value) for kind, value in node[1] if kind is c.LITERAL] if node[0] is c.IN else []
    literal += [chr(value[0]) for kind, value in node[1] if kind is c.RANGE] if node[0] is c.IN else []
    yield from dict.fromkeys(one for one in [*literal[:3], *_SAMPLES] if steps.accepts(node, one))


def growth(pattern: re.Pattern[Any], method: str, size: int = 32) -> tuple[float, str]:
    """By what the worst text's steps grow when it gets twice as long (2 is linear), and that text at a small size."""
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 20_000))
    worst = (0.0, "")
    for text in hostile_texts(Steps(pattern, 0)):
        short, long = (_steps(pattern, method, text(n)) for n in (size, 2 * size))
        worst = max(worst, (math.inf if short == _ENDLESS else long / max(short, 1), text(3)))
    return worst


def _steps(pattern: re.Pattern[Any], method: str, text: str) -> int:
    steps = Steps(pattern, 30_000)
    try:
        return steps.of(text, method)
    except TooManyStepsError:
        return _ENDLESS
