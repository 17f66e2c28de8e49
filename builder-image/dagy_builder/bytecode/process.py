"""One process of the compiler, seen from outside: requests, answers, and its limits.

A process is given the sources of one chunk. It gets no variable of ours, and there is an end to all that it may take:
`dagy_builder.bytecode.worker` bounds its own memory and CPU time before the first source; time, and the size of
answers, are bounded here.
"""

from __future__ import annotations

import os
import select
import struct
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

WORKER = Path(__file__).with_name("worker.py")
MEMORY_BYTES, CPU_SECONDS = 512 << 20, 60
START_SECONDS, SOURCE_SECONDS = 30.0, 60.0
_SIZES = struct.Struct(">II")
_ANSWER = struct.Struct(">BI")
_LEAST_ANSWER, _ANSWER_PER_BYTE = 1 << 20, 8
_BLOCK = 1 << 16
# The order of hashes is fixed, and no other variable counts. The interpreters are linked so that they need none.
_ENVIRONMENT: Mapping[str, str] = {"PYTHONHASHSEED": "0", "LANG": "C.UTF-8"}
_OPTIONS = ("-s", "-S", "-B", "-W", "ignore")


class RefusedError(Exception):
    """The compiler refuses a source; the message is its own, in a few words."""


class EndedError(Exception):
    """The process has ended, or has been ended, over a source; the message is a few words."""


class CompilerProcess:
    """A process of the interpreter `python`. Use it as a context: with the block it ends, whatever it does."""

    def __init__(self, python: Path) -> None:
        self._process = subprocess.Popen(
            [python, *_OPTIONS, WORKER, str(MEMORY_BYTES), str(CPU_SECONDS)],
            env=dict(_ENVIRONMENT),
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        assert self._process.stdin
        assert self._process.stdout
        self._to, self._of = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._to, False)
        os.set_blocking(self._of, False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        with self._process:  # closes the pipes, waits
            pass

    def start(self) -> tuple[str, bool]:
        """Return which interpreter it is ("cpython-312 3.12.1 (main, ..."), and whether the kernel confines it.

        Raises EndedError.
        """
        confined, version = self._exchange(b"", _LEAST_ANSWER, START_SECONDS)
        return version.decode(errors="replace"), confined

    def compile(self, path: str, source: bytes) -> bytes:
        """Return the content of the .pyc of a source. Raises RefusedError and EndedError."""
        name = path.encode()
        most = max(_LEAST_ANSWER, _ANSWER_PER_BYTE * len(source))
        good, data = self._exchange(_SIZES.pack(len(name), len(source)) + name + source, most, SOURCE_SECONDS)
        if not good:
            raise RefusedError(data.decode(errors="replace"))
        return data

    def _exchange(self, request: bytes, most: int, seconds: float) -> tuple[bool, bytes]:
        """Send a request and return its answer, which says whether it went well."""
        left, answer, end = memoryview(request), bytearray(), time.monotonic() + seconds
        while True:
            self._wait(end, f"more than {seconds:.0f} s", writing=bool(left))
            left = left[self._send(left) :]
            block = self._receive()
            answer += block
            if len(answer) >= _ANSWER.size:
                good, size = _ANSWER.unpack_from(answer)
                if size > most:
                    raise EndedError(f"more than {most} bytes of bytecode")
                if len(answer) >= _ANSWER.size + size:
                    return bool(good), bytes(answer[_ANSWER.size :])

    def _wait(self, end: float, why: str, *, writing: bool) -> None:
        waiter = select.poll()
        waiter.register(self._of, select.POLLIN)
        if writing:
            waiter.register(self._to, select.POLLOUT)
        if not waiter.poll(max(0.0, end - time.monotonic()) * 1000):
            raise EndedError(why)

    def _send(self, data: memoryview) -> int:
        try:
            return os.write(self._to, data[:_BLOCK]) if data else 0
        except BlockingIOError:
            return 0
        except BrokenPipeError:
            raise EndedError("the compiler crashed") from None

    def _receive(self) -> bytes:
        try:
            block = os.read(self._of, _BLOCK)
        except BlockingIOError:
            return b""
        if not block:
            raise EndedError("the compiler crashed")
        return block
