"""Server-sent events: their form, signs of life, and their end with the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

import anyio

from dagy.web.serving import connections
from dagy.web.serving.live.events import alive, event, reset


async def quiet(ended: list[str]) -> AsyncGenerator[bytes, None]:
    try:
        yield b"first"
        await asyncio.Event().wait()
    finally:
        ended.append("ended")


def test_the_form_of_an_event() -> None:
    assert event("package", "{}", "7") == b"event: package\nid: 7\ndata: {}\n\n"
    assert event("synced", "{}") == b"event: synced\ndata: {}\n\n"
    assert reset("Ended", "a\nb") == b'event: reset\ndata: {"reason": "Ended", "detail": "a\\nb"}\n\n'


def test_silence_is_told_from_death_and_the_end_of_the_process_is_an_event() -> None:
    async def follow() -> list[bytes]:
        ended, ending = list[str](), asyncio.Event()
        told = alive(quiet(ended), ending, 0.01)
        found = [await anext(told) for _ in range(3)]
        ending.set()
        found += [chunk async for chunk in told]
        assert ended == ["ended"]
        return found

    first, *beats, last = asyncio.run(follow())
    assert first == b"first"
    assert set(beats) == {b":\n\n"}
    assert last.startswith(b'event: reset\ndata: {"reason": "Shutdown"')


def test_a_reader_that_goes_ends_what_is_read_for_it() -> None:
    async def follow() -> list[str]:
        ended = list[str]()
        told = alive(quiet(ended), asyncio.Event(), 0.01)
        for _ in range(2):
            await anext(told)
        await told.aclose()
        return ended

    assert asyncio.run(follow()) == ["ended"]


def test_a_server_that_cancels_each_wait_anew_closes_it_as_well() -> None:
    """As Starlette does, by anyio, when a browser closes the connection."""

    async def slow(ended: list[str]) -> AsyncGenerator[bytes, None]:
        try:
            await asyncio.Event().wait()
            yield b""
        finally:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0.01)  # closing a connection takes a moment
            ended.append("ended")

    async def follow() -> list[str]:
        ended = list[str]()
        async with anyio.create_task_group() as group:

            async def read() -> None:
                async with aclosing(alive(slow(ended), asyncio.Event(), 0.01)) as told:
                    async for _ in told:
                        group.cancel_scope.cancel()

            group.start_soon(read)
        return ended

    assert asyncio.run(follow()) == ["ended"]


def test_nothing_is_read_for_a_reader_that_takes_nothing() -> None:
    made = list[int]()

    async def many() -> AsyncGenerator[bytes, None]:
        while True:
            made.append(1)
            yield b"x" * 1000

    async def follow() -> None:
        told = alive(many(), asyncio.Event(), 0.01)
        for taken in range(1, 4):
            await anext(told)
            await asyncio.sleep(0.03)
            assert len(made) == taken
        await told.aclose()

    asyncio.run(follow())


def test_a_server_says_that_it_ends_before_it_waits() -> None:
    async def serve() -> list[str]:
        said = list[str]()

        async def app(scope: object, receive: object, send: object) -> None:
            raise AssertionError

        server = connections.server(app, "127.0.0.1", 0, ending=lambda: said.append("ending"))
        server.should_exit = True
        await server.serve()
        return said

    assert asyncio.run(serve()) == ["ending"]
