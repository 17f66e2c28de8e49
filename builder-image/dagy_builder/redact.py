"""What must not leave a step: escape sequences and secrets in the text of other programs."""

from __future__ import annotations

import re

# ECMA-48: CSI sequences, OSC strings (hyperlinks, titles), and the two-byte escapes.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
# What is no text: C0 and C1 controls but tab and newline, and what reorders or hides text (bidi, zero width).
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
# To the last "@", because a password may hold "/" and "@"; a path with an "@" is masked as well.
_USERINFO = re.compile(r"(?<=://)[^\s'\"`<>]*@")
_USERINFO_WITHOUT_SCHEME = re.compile(r"(?<![^\s'\"`<>(])[\w.+%-]+:(?!//)[^\s:@'\"`<>]+@(?=[\w-])")
# Values of query parameters that carry a secret, presigned URLs' among them.
_SECRET_PARAMETER = re.compile(
    r"(?i)([?&;](?:[\w.-]*(?:token|secret|password|passwd|signature|credential|api[_-]?key)[\w.-]*)=)[^&\s'\"`<>]+"
)


def redact(text: str) -> str:
    """The text with userinfo and secret parameters of URLs masked, without escape sequences and controls."""
    text = _ESCAPES.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    text = _CONTROLS.sub("", text)
    text = _USERINFO.sub("****@", text)
    text = _USERINFO_WITHOUT_SCHEME.sub("****@", text)
    return _SECRET_PARAMETER.sub(r"\1****", text)
