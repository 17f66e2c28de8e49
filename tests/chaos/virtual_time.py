"""An event loop whose clock stands still while anybody works, and jumps to the next timer when nobody does.

Back-offs and safety looks of minutes so take no time, and their length can still be measured.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from typing_extensions import override

from dagy.controller.engine import controller

_STUCK_SECONDS = 60.0
_THREADS = 6


class Stuck(BaseException):
    """Nothing will ever happen any more: work that never ends, or nobody who waits for a time."""


class _Selector(selectors.DefaultSelector):
    loop: VirtualLoop

    @override
    def select(self, timeout: float | None = None) -> Any:
        if timeout is not None and timeout <= 0:
            return super().select(0)
        if self.loop.busy > 0:
            ready = super().select(_STUCK_SECONDS)
            if not ready:
                raise Stuck(f"{self.loop.busy} requests have no answer")
            return ready
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise Stuck("nobody waits for anything")
            self.loop.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop. `busy` counts requests that are under way; whoever makes one says so with `working`."""

    def __init__(self) -> None:
        self.now, self.busy = 0.0, 0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="chaos")
        self.set_default_executor(self._threads)

    @override
    def time(self) -> float:
        return self.now

    @override
    def run_in_executor(self, executor: Executor | None, func: Callable[..., Any], *args: Any) -> Any:  # type: ignore[override]
        self.busy += 1
        thread = (executor or self._threads).submit(func, *args)
        future = asyncio.wrap_future(thread, loop=self)
        # Of the thread and not of the future, which is done when it is cancelled, while the thread goes on; and after
        # the future's own, whose result has to be there when the clock goes on.
        thread.add_done_callback(self._told)
        return future

    async def start_threads(self) -> None:
        """Start all threads, each of which would start at some time, when so many requests meet for the first time."""
        all_of_them = threading.Barrier(_THREADS)
        await asyncio.gather(*(self.run_in_executor(None, all_of_them.wait) for _ in range(_THREADS)))

    def _told(self, _: object) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self.call_soon_threadsafe(self._ended)

    @override
    async def shutdown_default_executor(self, *arguments: Any) -> None:
        self.busy += 1
        try:
            await super().shutdown_default_executor(*arguments)
        finally:
            self.busy -= 1

    def _ended(self) -> None:
        self.busy -= 1

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Let the clock stand still while the block waits for a server."""
        self.busy += 1
        try:
            yield
        finally:
            self.busy -= 1


def run(main: Callable[[VirtualLoop], Any]) -> Any:
    """Run a coroutine function in a loop of its own.

    Nothing in it takes CPU time: what depends on that would depend on the machine.
    """
    with pytest.MonkeyPatch.context() as patch, asyncio.Runner(loop_factory=VirtualLoop) as runner:
        patch.setattr(controller, "process_time", lambda: 0.0)
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        return runner.run(main(loop))
