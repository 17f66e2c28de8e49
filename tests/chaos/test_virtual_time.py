"""The clock stands still while a thread works, even if nobody waits for it any more."""

from __future__ import annotations

import asyncio
import threading

from tests.chaos.virtual_time import VirtualLoop, run


def test_a_thread_whose_future_was_cancelled_still_works() -> None:
    goes_on, ended = threading.Event(), threading.Event()

    def work() -> None:
        goes_on.wait(10)
        ended.set()

    async def main(loop: VirtualLoop) -> bool:
        future = loop.run_in_executor(None, work)
        await asyncio.sleep(0)
        future.cancel()
        threading.Timer(0.2, goes_on.set).start()
        await asyncio.sleep(60.0)
        return ended.is_set()

    assert run(main)


def test_a_wait_takes_no_time() -> None:
    async def main(loop: VirtualLoop) -> float:
        await asyncio.sleep(3600.0)
        return loop.time()

    assert run(main) == 3600.0
