"""Redaction of text that others wrote: secrets, escape sequences, and characters that deceive the reader.

The one place for it, in the steps and in the operator. Everything here takes time in proportion to the text, whatever
it holds, because strangers choose it; except `redact_requirement`, which looks at a short text only.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "****"

LINE_CHARACTERS = 10_000
"""Characters that are shown of a line of a log."""

# ECMA-48: CSI sequences, OSC strings (hyperlinks, titles), and the two-byte escapes.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
# No text: C0 and C1 controls but newline, halves of surrogate pairs, and characters that reorder, hide or join text.
_CONTROLS = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_TAB = "    "
_COLOUR = re.compile(r"(\x1b\[[0-9;:]{0,64}m)")
_AUTHORITY_END = re.compile(r"[/?#]|\s")
# A name with a dot, localhost, or an address: what else stands there may be the beginning of a password.
_HOST = re.compile(
    r"(?:(?:[A-Za-z0-9_-]{1,63}\.){1,20}[A-Za-z][A-Za-z0-9-]{1,62}|localhost|[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(?::[0-9]{1,5})?"
)
# Runs in which a URL lies; quotes and brackets are what people put around one.
_WORD = re.compile(r"[^\s'\"`<>]+")
_USERINFO_WITHOUT_SCHEME = re.compile(r"(?<![^\s'\"`<>(])[\w.+%-]+:(?!//)[^\s:@'\"`<>]+@(?=[\w-])")
# Values of query parameters that carry a secret, presigned URLs' among them.
_SECRET_PARAMETER = re.compile(
    r"(?i)([?&;](?:[\w.-]{0,64}(?:token|secret|password|passwd|signature|credential|api[_-]?key)[\w.-]{0,64})=)"
    r"[^&\s'\"`<>]+"
)
REQUIREMENT_CHARACTERS = 512
"""No requirement is longer."""
_LOGIN_IN_REQUIREMENT = re.compile(r"(?<![^\s=,;@(])[^\s/:@]+:(?!//)[^\s@]+@")
# Queries hold the tokens of presigned and shared URLs.
_QUERY_IN_REQUIREMENT = re.compile(r"(:/?/?[^\s?]*)\?\S*")
# Shorter values can't be told from ordinary text.
_SHORTEST_MASKED = 6


def redact(text: str) -> str:
    """The text with userinfo and secret parameters of URLs masked, without escape sequences and controls."""
    text = _ESCAPES.sub("", text).replace("\r\n", "\n").replace("\r", "\n").replace("\t", _TAB)
    text = _CONTROLS.sub("", text)
    if "@" in text:
        text = _WORD.sub(lambda found: _without_userinfo(found[0]), text)
        text = _USERINFO_WITHOUT_SCHEME.sub(f"{MASK}@", text)
    return _SECRET_PARAMETER.sub(rf"\1{MASK}", text) if "=" in text else text


def redact_requirement(text: str) -> str:
    """Return a would-be requirement in a form that may be shown: one printable line, nothing secret of its URLs.

    Masks too much rather than too little (user names, passwords and whole queries), because nobody can tell what was
    meant by a malformed text. A text that is longer than `REQUIREMENT_CHARACTERS` keeps its beginning.
    """
    if len(text) > REQUIREMENT_CHARACTERS:
        # A cut could fall between a password and the "@" that gives it away, so nothing after a ":" is shown.
        text = f"{text[:60].partition(':')[0]}…"
    if ":" in text:
        text = _without_userinfo(text)
        text = _LOGIN_IN_REQUIREMENT.sub(f"{MASK}@", text)
        text = _QUERY_IN_REQUIREMENT.sub(rf"\1?{MASK}", text)
    if not text.isprintable():
        text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return text


def spellings(*secrets: str) -> tuple[str, ...]:
    """The secrets, percent-encoded and in base64 as well, the longest first; very short ones are left out."""
    found: set[str] = set()
    for secret in secrets:
        raw = secret.encode()
        packed = {base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()}
        found |= {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}
        found |= packed | {text.rstrip("=") for text in packed}
    return tuple(sorted((text for text in found if len(text) >= _SHORTEST_MASKED), key=len, reverse=True))


def without_values(text: str, values: Iterable[str]) -> str:
    """The text with the mask for each of the values, which are known secrets in all their `spellings`."""
    for value in values:
        text = text.replace(value, MASK)
    return text


def one_line(text: str, most: int) -> str:
    """The redacted text in one line of at most `most` characters."""
    # Cut before, so that little is looked at; and after, because masks and tabs may add to it.
    return clipped(" ".join(redact(text[: 2 * most]).split()), most)


def clipped(text: str, most: int) -> str:
    """The text, or as many of its words as `most` characters hold, with an ellipsis."""
    if len(text) <= most:
        return text
    start = text[: most - 1]
    words = start.rpartition(" ")[0]
    return f"{words if 2 * len(words) > most else start}…"


def log_line(line: str) -> str:
    """A line of a log as it may be shown."""
    if line.isascii() and line.isprintable() and len(line) <= LINE_CHARACTERS and "@" not in line and "=" not in line:
        return line
    return redact(line[:LINE_CHARACTERS]).replace("\n", " ") + ("…" if len(line) > LINE_CHARACTERS else "")


def coloured_log_line(line: str) -> str:
    """As `log_line`, with its colours (SGR, ECMA-48 8.3.117) as far as nothing is hidden behind them."""
    parts = _COLOUR.split(line)
    shown = log_line("".join(parts[::2]))
    if len(parts) == 1:
        return shown
    texts = [log_line(text) for text in parts[::2]]
    colours = [*parts[1::2], ""]
    return "".join(map("".join, zip(texts, colours, strict=True))) if "".join(texts) == shown else shown


def _without_userinfo(text: str) -> str:
    """The text with the mask for the user information of the URLs in it.

    It ends at the last "@" before the host, which ends at the first "/" (RFC 3986): a path may hold an "@". Where no
    host is there, the "/" may be part of a password, and all is masked up to the last "@".
    """
    parts, at = [], 0
    while (found := text.find("://", at)) >= 0:
        start = found + 3
        end = _AUTHORITY_END.search(text, start)
        authority = text[start : end.start() if end else len(text)]
        userinfo, _, host = authority.rpartition("@")
        if _HOST.fullmatch(host):
            parts.append(text[at:start] + (f"{MASK}@" if userinfo else "") + host)
            at = start + len(authority)
            continue
        last = text.rfind("@", start)
        if last < 0:
            break
        return "".join([*parts, text[at:start], MASK, text[last:]])
    return "".join([*parts, text[at:]])
