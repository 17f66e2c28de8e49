"""What must not be shown of text that others wrote: secrets, escape sequences, and characters that deceive the reader.

The one place for it, in the steps and in the operator. Everything here takes time in proportion to the text, whatever
it holds: strangers choose it.
"""

from __future__ import annotations

import re

LINE_CHARACTERS = 10_000
"""What is shown of a line of a log."""

# ECMA-48: CSI sequences, OSC strings (hyperlinks, titles), and the two-byte escapes.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
# What is no text: C0 and C1 controls but newline, halves of surrogate pairs, and what reorders, hides or joins text.
_CONTROLS = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_TAB = "    "
# Runs in which a URL lies; quotes and brackets are what people put around one.
_WORD = re.compile(r"[^\s'\"`<>]+")
_USERINFO_WITHOUT_SCHEME = re.compile(r"(?<![^\s'\"`<>(])[\w.+%-]+:(?!//)[^\s:@'\"`<>]+@(?=[\w-])")
# Values of query parameters that carry a secret, presigned URLs' among them.
_SECRET_PARAMETER = re.compile(
    r"(?i)([?&;](?:[\w.-]{0,64}(?:token|secret|password|passwd|signature|credential|api[_-]?key)[\w.-]{0,64})=)"
    r"[^&\s'\"`<>]+"
)


def redact(text: str) -> str:
    """The text with userinfo and secret parameters of URLs masked, without escape sequences and controls."""
    text = _ESCAPES.sub("", text).replace("\r\n", "\n").replace("\r", "\n").replace("\t", _TAB)
    text = _CONTROLS.sub("", text)
    if "@" in text:
        text = _WORD.sub(_without_userinfo, text)
        text = _USERINFO_WITHOUT_SCHEME.sub("****@", text)
    return _SECRET_PARAMETER.sub(r"\1****", text) if "=" in text else text


def one_line(text: str, most: int) -> str:
    """The redacted text in one line of at most `most` characters."""
    # Cut before, so that little is looked at; and after, because masks and tabs may add to it.
    line = " ".join(redact(text[: 2 * most]).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def log_line(line: str) -> str:
    """A line of a log as it may be shown."""
    if line.isascii() and line.isprintable() and len(line) <= LINE_CHARACTERS and "@" not in line and "=" not in line:
        return line
    return redact(line[:LINE_CHARACTERS]).replace("\n", " ") + ("…" if len(line) > LINE_CHARACTERS else "")


def _without_userinfo(found: re.Match[str]) -> str:
    """To the last "@", because a password may hold "/" and "@"; a path with an "@" is masked as well."""
    word = found[0]
    start, end = word.find("://") + 3, word.rfind("@")
    return f"{word[:start]}****{word[end:]}" if 3 <= start <= end else word
