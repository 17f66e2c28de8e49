"""From a requirements file's bytes to its logical lines: encodings, line ends, continuations, comments, options.

The rules are pip's (Requirements File Format, pip documentation), except that a blank after a continuing backslash does
no harm, and that nothing is expanded.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_BYTES = 1024 * 1024
"""Far above any real list of requirements: 200 of them with hashes take some 50 kB."""

_LOOKED_AT = 4096

_LINE_END = re.compile(r"\r\n|\r|\n")
_CONTINUES = re.compile(r"\\[ \t]*$")
# The look-behinds keep a long run of blanks from being searched once for each of them.
_COMMENT = re.compile(r"(?:^|(?<![ \t])[ \t]+)#.*$", re.DOTALL)
_OPTIONS = re.compile(r"(?<![ \t])[ \t]+--[A-Za-z].*$", re.DOTALL)


class UnusableFileError(ValueError):
    """A file that isn't a requirements file at all. The message is one sentence or two, for people."""


@dataclass(frozen=True)
class LogicalLine:
    """One or more lines of the file that belong together."""

    number: int
    """First line, from 1."""
    last: int
    """Last line."""
    text: str
    """Joined, without the continuation marks, stripped."""

    @property
    def content(self) -> str:
        """The text without its comment."""
        return _COMMENT.sub("", self.text).strip(" \t")

    @property
    def requirement(self) -> str:
        """The content without the options that may follow a requirement, such as --hash."""
        return _OPTIONS.sub("", self.content)

    @property
    def options(self) -> tuple[str, ...]:
        """The names of the options that follow the requirement, each once, without their values."""
        following = self.content.removeprefix(self.requirement)
        return tuple(dict.fromkeys(re.findall(r"(?<![^ \t])--[A-Za-z][A-Za-z-]*", following)))


def decode(data: bytes) -> str:
    """Return the text of a requirements file: UTF-8, or UTF-16 with a byte order mark (as PowerShell writes it).

    Bytes that are neither become U+FFFD, so that a comment in Latin-1 does no harm. Raises UnusableFileError for a
    file that is too large, and for binary data.
    """
    if len(data) > MAX_BYTES:
        raise UnusableFileError(
            f"The file has {len(data):,} bytes, more than {MAX_BYTES:,}. Give a list of requirements, one per line."
        )
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = data.decode("utf-16" if utf16 else "utf-8-sig", errors="replace")
    if "\0" in text:
        if _is_utf16(data):
            raise UnusableFileError("The file is UTF-16 without a byte order mark. Save it as UTF-8.")
        raise UnusableFileError("The file holds binary data. Give a text file with one requirement per line.")
    return text


def _is_utf16(data: bytes) -> bool:
    """Return True when it looks like ASCII of which each other byte is 0."""
    start = data[:_LOOKED_AT]
    return any(
        start[zeros::2].count(0) >= 0.9 * len(start[zeros::2]) and start[1 - zeros :: 2].count(0) == 0
        for zeros in (0, 1)
    )


def logical_lines(text: str) -> Iterator[LogicalLine]:
    """The logical lines in order. Together they cover every line of the text, each once."""
    text = text.removeprefix("\ufeff")
    lines = _LINE_END.split(text)
    if lines[-1] == "":
        lines.pop()  # the end of the last line is not another line
    parts: list[str] = []
    for number, line in enumerate(lines, start=1):
        comment = line.lstrip(" \t").startswith("#")
        continues = not comment and _CONTINUES.search(line) is not None
        # The blank before a comment keeps it one when it ends a continuation.
        parts.append(f" {line}" if comment else _CONTINUES.sub("", line) if continues else line)
        if not continues or number == len(lines):
            yield LogicalLine(number - len(parts) + 1, number, "".join(parts).strip(" \t"))
            parts = []
