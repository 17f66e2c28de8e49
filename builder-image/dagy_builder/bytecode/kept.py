"""Bytecode that was compiled before.

An entry is named by all that its process was given: the interpreter, the program, and each path and source in their
order. So whoever could make a compiler lie, with a source of their own, reaches nobody without that source.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dagy_builder.bytecode.process import WORKER
from dagy_builder.kept.entries import KeptEntries, name_of

_HEAD_BYTES = 4


@dataclass(frozen=True)
class Bytecode:
    """The compiler's answer for one source: the content of its .pyc, or its words where it refuses."""

    data: bytes = b""
    refusal: str = ""


class KeptBytecode:
    """What processes of the compiler have answered, in `entries`."""

    def __init__(self, entries: KeptEntries) -> None:
        self._entries = entries

    def find(self, key: str) -> list[Bytecode] | None:
        """Return what is kept under a key; None when there is nothing of use."""
        entry = self._entries.find(key)
        return None if entry is None else _unpacked(entry)

    def keep(self, key: str, compiled: Sequence[Bytecode]) -> None:
        """Keep the answers of one process."""
        head = json.dumps([[len(one.data), one.refusal] for one in compiled]).encode()
        self._entries.keep(key, [len(head).to_bytes(_HEAD_BYTES, "big"), head, *(one.data for one in compiled)])


def key_of(interpreter: str, sources: Iterable[tuple[str, bytes]]) -> str:
    """Return the name of what that interpreter makes of sources (paths and contents) in one process."""
    parts = (part for path, source in sources for part in (path.encode(), source))
    return name_of([WORKER.read_bytes(), interpreter.encode(), *parts])


def _unpacked(entry: memoryview) -> list[Bytecode]:
    at = _HEAD_BYTES + int.from_bytes(entry[:_HEAD_BYTES], "big")
    found = []
    for size, refusal in json.loads(bytes(entry[_HEAD_BYTES:at])):
        found.append(Bytecode(bytes(entry[at : at + size]), refusal))
        at += size
    return found
