"""Wheels that uv refuses to unpack or to install, in the words of the wheel format (PEP 427). Pure."""

from __future__ import annotations

import re

from dagy_builder.contract import Reason
from dagy_builder.explain.hints import ANOTHER_FILE
from dagy_builder.failure import StepError
from dagy_builder.redact import one_line

_SHOWN = 200  # characters of what a wheel says itself
_WHOSE = re.compile(r"^error: Failed to (?:download `([^`]+)`|install: \S+ \(([^)]+)\))", re.MULTILINE)
# What uv 0.13 says, and what that means. uv's own words would show paths of the step's cache and settings of uv.
_CAUSES = (
    (r"failed to open file `[^`]*\.dist-info/RECORD`: No such file", "it has no RECORD (the list of its files)"),
    (r"CSV deserialize error", "its RECORD (the list of its files) can't be read"),
    (r"Wheel \w+ does not match filename \((.+) != (.+?)\)", "its METADATA says {0}, and its file name says {1}"),
    (
        r"ZIP file contains multiple entries with different contents for: (.+)",
        "it holds {0} twice, with different contents",
    ),
    (r"Archive contains unacceptable filename: (.+)", "it holds {0}, which is no file name"),
    (r"failed to create (?:file|directory) `[^`]*`: File exists", "two of its members have one path"),
    (r"Bad (?:un)?compressed size|Bad CRC32", "its ZIP contradicts itself"),
    (r"unable to locate the end of central directory record", "its ZIP has no end"),
    (r"The wheel is invalid: (.+)", "{0}"),
)


def malformed_wheel(output: str) -> StepError | None:
    """What uv's output says about a wheel that can't be unpacked or installed, or None."""
    whose = _WHOSE.search(output)
    if whose is None:
        return None
    for pattern, words in _CAUSES:
        if found := re.search(f"cause: .*?{pattern}", output):
            why = words.format(*(one_line(text, _SHOWN) for text in found.groups())).rstrip(".")
            message = f"The wheel of {whose[1] or whose[2]} is malformed: {why}. {ANOTHER_FILE}."
            return StepError(Reason.INSTALL_FAILED, message, raw=output)
    return None
