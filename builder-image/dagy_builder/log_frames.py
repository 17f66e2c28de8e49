"""A step's result as lines of its log: framed, so that the reader knows whether all of it came. Pure.

A log is no channel for whole texts: runtimes split lines at 16 KiB, kubelets rotate files, streams end early. So each
frame is short and tells its number, the number of all, and the length and the SHA-256 of the whole. It also carries a
nonce that only the operator and the step know, the pod's uid: a line that an index or a package brought into the log
is no frame.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from itertools import groupby

from dagy_builder.contract import RESULT_PREFIX

RESULT_LIMIT_BYTES = 16 << 20
"""Nobody takes a longer result; a lock of 4,000 distributions makes one of 1 MB."""
_PAYLOAD = 8_000
_LONGEST_LINE = 10_000  # a frame's header and payload have less
_FRAME = re.compile(
    rb"(?P<nonce>[!-~]{1,64}) (?P<index>[0-9]{1,6})/(?P<count>[0-9]{1,6}) (?P<size>[0-9]{1,9}) "
    rb"(?P<sha256>[0-9a-f]{64}) (?P<payload>.+)",
    re.DOTALL,
)


def framed(text: str, nonce: str) -> list[str]:
    """The lines to print for a text of one line of ASCII, which is not empty."""
    parts = [text[start : start + _PAYLOAD] for start in range(0, len(text), _PAYLOAD)]
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return [
        f"{RESULT_PREFIX}{nonce} {index}/{len(parts)} {len(text)} {sha256} {part}"
        for index, part in enumerate(parts, start=1)
    ]


@dataclass(frozen=True)
class _Whole:
    """The header that all frames of one text have in common."""

    count: int
    size: int
    sha256: str

    @property
    def fits(self) -> bool:
        """True when `framed` can have made it, so that its parts take no more memory than it may have."""
        return 0 < self.size <= RESULT_LIMIT_BYTES and self.count == -(-self.size // _PAYLOAD)

    def length_of(self, index: int) -> int:
        """Length of that part's payload."""
        return _PAYLOAD if index < self.count else self.size - _PAYLOAD * (self.count - 1)


class FrameReader:
    """Takes a log in pieces and keeps its last framed text, for logs that go on and for those that have ended."""

    def __init__(self, nonce: str) -> None:
        self._nonce, self._line = nonce.encode(), b""
        self._whole: _Whole | None = None
        self._parts: dict[int, bytes] = {}
        self._text: str | None = None

    def feed(self, chunk: bytes) -> bool:
        """Take the log's next bytes; return True when a text came to its end in them.

        Takes time in proportion to them, and a line that is too long for a frame takes no memory.
        """
        *lines, rest = (self._line + chunk).split(b"\n")
        ended = [self._take(line) for line in lines]
        self._line = rest[: _LONGEST_LINE + 1]
        return any(ended)

    def text(self) -> str | None:
        """The text, once all of it has come."""
        return self._text

    def flaw(self) -> str:
        """Return the reason that there is no text, as a sentence's end: "... did not come whole: <flaw>."."""
        if self._whole is None:
            return "the log has none of its parts"
        missing = [index for index in range(1, self._whole.count + 1) if index not in self._parts]
        if missing:
            return f"of its {self._whole.count} parts the log lacks {_ranges(missing)}"
        return "its parts do not add up to the length and the SHA-256 that they announce"

    def _take(self, line: bytes) -> bool:
        """Take a line; return True when it ended a text. A text is put together once, however often its frames come."""
        if not line.startswith(RESULT_PREFIX.encode()) or len(line) > _LONGEST_LINE:
            return False
        found = _FRAME.fullmatch(line.removeprefix(RESULT_PREFIX.encode()))
        if found is None or found["nonce"] != self._nonce:
            return False
        whole = _Whole(int(found["count"]), int(found["size"]), found["sha256"].decode())
        index = int(found["index"])
        if not (whole.fits and 1 <= index <= whole.count and len(found["payload"]) == whole.length_of(index)):
            return False
        if whole != self._whole:
            self._whole, self._parts, self._text = whole, {}, None
        if index in self._parts:
            return False
        self._parts[index] = found["payload"]
        if len(self._parts) < whole.count:
            return False
        data = b"".join(self._parts[number] for number in range(1, whole.count + 1))
        if hashlib.sha256(data).hexdigest() == whole.sha256:
            self._text = data.decode("ascii", errors="replace")
        return self._text is not None


def _ranges(numbers: list[int]) -> str:
    runs = [[n for _, n in run] for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])]
    shown = [str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs[:5]]
    return ", ".join(shown) + (f" and {len(runs) - 5} gaps more" if len(runs) > 5 else "")
