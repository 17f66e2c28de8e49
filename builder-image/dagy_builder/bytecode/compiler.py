"""Compiling the sources of a tree, chunk by chunk, each in a process that sees no other sources."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path

from dagy_builder.bytecode.kept import Bytecode, KeptBytecode, key_of
from dagy_builder.bytecode.process import MEMORY_BYTES, CompilerProcess, EndedError, RefusedError
from dagy_builder.bytecode.rules import tag_of

_MOST_PROCESSES = 8
_MOST_ENDED = 10
"""Sources of one build over which a process may end, after which nothing more is compiled: each may take a minute."""
_SKIPPED = "not tried, because the compiler had failed on others before"
_MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of the container, where there are control groups (version 2)

Source = tuple[str, bytes]
"""Path in the tree and content."""


class NoCompilerError(Exception):
    """The interpreter can't compile; the message is a few words."""


class Compiler:
    """Compiles for one interpreter; to be called from several threads. `kept` is shared with other builds."""

    def __init__(self, python: Path, python_version: str, kept: KeptBytecode | None = None) -> None:
        """Start the interpreter once, to see which it is. Raises NoCompilerError."""
        self._python, self._kept = python, kept
        self.tag = tag_of(python_version)
        """The part of a .pyc file's name that says of which Python it is (PEP 3147)."""
        self._ended, self._lock = 0, threading.Lock()
        try:
            with CompilerProcess(python) as process:
                self._interpreter, confined = process.start()
        except (OSError, EndedError) as error:
            raise NoCompilerError(f"{python} does not start ({error})") from error
        if self._interpreter.partition(" ")[0] != self.tag:
            raise NoCompilerError(f"{python} is {self._interpreter.partition(' ')[0]}")
        if not confined:
            self._kept = None  # a process that could write to the folder must not decide what others find there

    def compile(self, sources: Sequence[Source]) -> list[Bytecode]:
        """Return the bytecode of each source, or why it has none."""
        key = key_of(self._interpreter, sources) if self._kept else ""
        if self._kept and (found := self._kept.find(key)) is not None and len(found) == len(sources):
            return found
        done: list[Bytecode] = []
        whole = True
        while len(done) < len(sources):
            if self._ended >= _MOST_ENDED:
                return done + [Bytecode(refusal=_SKIPPED)] * (len(sources) - len(done))
            whole &= self._run(sources, done)
        if self._kept and whole:
            self._kept.keep(key, done)
        return done

    def _run(self, sources: Sequence[Source], done: list[Bytecode]) -> bool:
        """Compile what is not `done` yet in one process. Return False when it ended over a source, which is last."""
        try:
            with CompilerProcess(self._python) as process:
                process.start()
                for path, source in sources[len(done) :]:
                    try:
                        done.append(Bytecode(process.compile(path, source)))
                    except RefusedError as error:
                        done.append(Bytecode(refusal=str(error)))
        except (OSError, EndedError) as error:
            with self._lock:
                self._ended += 1
            done.append(Bytecode(refusal=str(error)))
            return False
        return True


def processes() -> int:
    """Return how many processes may run at a time: one for each CPU, in no more than half of the container's memory."""
    try:
        most = int(_MEMORY_LIMIT.read_text()) // 2 // MEMORY_BYTES
    except (OSError, ValueError):
        most = _MOST_PROCESSES
    return max(1, min(len(os.sched_getaffinity(0)), most, _MOST_PROCESSES))
