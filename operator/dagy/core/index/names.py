"""All names of a package index in little memory: one sorted text, with where each name begins in it. Pure.

900,000 names take about 20 MB. They are read from the index's answer while it comes, so that neither the answer nor
a list of Python strings is ever there as a whole.
"""

from __future__ import annotations

import re
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby

from dagy_builder.redact import one_line

MAX_CHARACTERS = 128
"""No name is longer: PyPI's longest ones have some 80."""

_MAX_NAMES, _MAX_BYTES = 1_500_000, 32_000_000
"""Of what is kept: PyPI has 900,000 names with 13 MB. Sorting them takes 260 MB at worst, where all begin alike."""
_CARRIED_BYTES = 4096
"""Of one chunk to the next: an entry that is longer is no entry with a name."""
# A name stands in JSON (PEP 691) as a string without escapes, in HTML (PEP 503) as the text of a link, to which web
# servers that list a folder add a slash.
_IN_JSON = re.compile(rb'"name"\s{0,8}:\s{0,8}"([A-Za-z0-9._-]{1,128})"')
_IN_HTML = re.compile(rb"<a\s[^<>]{0,2048}>\s{0,64}([A-Za-z0-9._-]{1,128})/?\s{0,64}</a\s{0,8}>", re.IGNORECASE)
_SEPARATORS = re.compile(rb"[-_.]+")


class NotAListError(Exception):
    """The index's answer is no list of names; the text is a clause that says why."""


class IndexNames:
    """Normalized names (PEP 503), sorted. Immutable, and so safe for threads."""

    def __init__(self, text: bytes, lengths: bytes) -> None:
        """`text`: the sorted names, each behind a line break, and one more at the end. `lengths`: of each name."""
        # Lengths in bytes of their own, so that the shortest names of a range are found at the speed of memchr.
        self._text, self._lengths = text, lengths
        self._starts = array("I", _starts(lengths))

    @classmethod
    def from_chunks(cls, chunks: Iterable[bytes], content_type: str) -> IndexNames:
        """Read an index's `/simple/`, in JSON (PEP 691) or HTML (PEP 503). Raises NotAListError.

        What is no name by PEP 508, or too long, is left out.
        """
        by_letter: defaultdict[int, bytearray] = defaultdict(bytearray)
        count = kept = 0
        is_json = "json" in content_type.lower()
        for found in _found_in_json(chunks) if is_json else _found(chunks, _IN_HTML):
            count += len(found)
            kept += sum(map(len, found))
            if count > _MAX_NAMES or kept > _MAX_BYTES:
                raise NotAListError(f"it has more than {_MAX_NAMES:,} names, or longer ones than can be kept")
            # At once for all: two passes over one text take less time than a call for each name.
            for name in _SEPARATORS.sub(b"-", b"\n".join(found).lower()).split(b"\n"):
                if name[0] != 45 and name[-1] != 45:  # a name begins and ends with a letter or digit
                    by_letter[name[0]] += name + b"\n"
        if not by_letter:
            raise NotAListError(f"there is no name in it (it is of the type {one_line(content_type, 60) or 'unknown'})")
        return cls._of_letters(by_letter)

    @classmethod
    def of(cls, names: Iterable[str]) -> IndexNames:
        """Of some normalized names, each of at most `MAX_CHARACTERS`."""
        by_letter: defaultdict[int, bytearray] = defaultdict(bytearray)
        for name in names:
            encoded = _encoded(name)
            by_letter[encoded[0]] += encoded + b"\n"
        return cls._of_letters(by_letter)

    @classmethod
    def _of_letters(cls, by_letter: dict[int, bytearray]) -> IndexNames:
        """Of names by their first letter, each with a line break behind it; takes them from there."""
        parts, lengths = [b"\n"], bytearray()
        for letter in sorted(by_letter):
            # One letter at a time: Python's strings take five times as much as their text.
            names = [name for name, _ in groupby(sorted(bytes(by_letter.pop(letter)[:-1]).split(b"\n")))]
            lengths += bytes(map(len, names))
            parts.append(b"\n".join(names) + b"\n")
        return cls(b"".join(parts), bytes(lengths))

    def __len__(self) -> int:
        return len(self._lengths)

    def __getitem__(self, place: int) -> str:
        start = self._starts[place]
        return self._text[start : start + self._lengths[place]].decode("ascii")

    @property
    def held_bytes(self) -> int:
        """Memory that is kept."""
        return len(self._text) + len(self._lengths) + self._starts.itemsize * len(self._starts)

    def has(self, name: str) -> bool:
        """Return whether the normalized name is one of them."""
        wanted = _encoded(name)
        place = self.place(wanted)
        return place < len(self) and self._at(place) == wanted

    def place(self, name: bytes, low: int = 0, high: int | None = None) -> int:
        """Return where the first name is that does not come before `name`, from `low` to `high`."""
        high = len(self) if high is None else high
        text, starts, lengths = self._text, self._starts, self._lengths
        while low < high:
            middle = (low + high) // 2
            start = starts[middle]
            if text[start : start + lengths[middle]] < name:
                low = middle + 1
            else:
                high = middle
        return low

    def beginning(self, prefix: bytes, low: int = 0, high: int | None = None) -> tuple[int, int]:
        """Return the range of names that begin with a text."""
        start = self.place(prefix, low, high)
        return start, self.place(prefix + b"\x7f", start, high)

    def shortest(self, low: int, high: int) -> Iterator[str]:
        """The names of a range, the shortest first, equally long ones in alphabetical order."""
        if low >= high:
            return
        for length in range(1, MAX_CHARACTERS + 1):
            at = self._lengths.find(length, low, high)
            while at >= 0:
                yield self[at]
                at = self._lengths.find(length, at + 1, high)

    def holding(self, part: bytes, most: int) -> Iterator[str]:
        """Names with this text anywhere in them, in alphabetical order; at most so many."""
        at = self._text.find(part)
        while at >= 0 and most > 0:
            start = self._text.rfind(b"\n", 0, at) + 1
            end = self._text.find(b"\n", at)
            yield self._text[start:end].decode("ascii")
            most -= 1
            at = self._text.find(part, end)

    def _at(self, place: int) -> bytes:
        start = self._starts[place]
        return self._text[start : start + self._lengths[place]]


def _encoded(name: str) -> bytes:
    return name.encode("ascii", "replace")


def _starts(lengths: bytes) -> Iterator[int]:
    at = 1
    for length in lengths:
        yield at
        at += length + 1


def _found_in_json(chunks: Iterable[bytes]) -> Iterator[list[bytes]]:
    """The names in each chunk. Raises NotAListError when the last one is not the end."""
    end = b""

    def seen() -> Iterator[bytes]:
        nonlocal end
        for chunk in chunks:
            end = (end + chunk)[-_CARRIED_BYTES:]
            yield chunk

    yield from _found(seen(), _IN_JSON)
    if not end.rstrip().endswith(b"}"):
        raise NotAListError("it ends in the middle")


def _found(chunks: Iterable[bytes], pattern: re.Pattern[bytes]) -> Iterator[list[bytes]]:
    """The names in each chunk; an entry may lie in two of them."""
    left = b""
    for chunk in chunks:
        text = left + chunk
        found, end = [], 0
        for match in pattern.finditer(text):
            found.append(match[1])
            end = match.end()
        left = text[max(end, len(text) - _CARRIED_BYTES) :]
        if found:
            yield found
