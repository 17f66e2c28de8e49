"""Sending calls and driving operations, asynchronously."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, TypeVar

import httpx

from dagy.client import answers
from dagy.client.calls import Call, Operation, Pause
from dagy.client.errors import DagyError
from dagy.client.transport import request

T = TypeVar("T")


class AsyncSession:
    """One API, and the object store that it signs URLs of, which must never see the token."""

    def __init__(self, http: httpx.AsyncClient, open_store: Callable[[], httpx.AsyncClient], namespace: str) -> None:
        self.http, self.namespace = http, namespace
        self._open_store = open_store
        self._store: httpx.AsyncClient | None = None

    @property
    def store(self) -> httpx.AsyncClient:
        """The client of the object store, opened when it is first used: reading certificates takes a while."""
        self._store = self._store or self._open_store()
        return self._store

    async def close(self) -> None:
        """Close the connections."""
        await self.http.aclose()
        if self._store:
            await self._store.aclose()

    async def send(self, call: Call[T]) -> T:
        """Send it, again where that helps and does no harm. Raises DagyError."""
        for attempt in count(1):
            try:
                response = await self.http.send(request(self.http, call))
            except httpx.TransportError as error:
                delay = answers.delay_after_failure(attempt, call, error)
                if delay is None:
                    raise answers.failure(error, str(self.http.base_url)) from error
            else:
                if response.is_success:
                    return answers.read(call, response, response.content)
                delay = answers.delay_after(attempt, call, response)
                if delay is None:
                    raise answers.refusal(response, response.content)
            await asyncio.sleep(delay)
        raise AssertionError("count() does not end")

    async def run(self, operation: Operation[T]) -> T:
        """Drive an operation to its result. Raises DagyError."""
        try:
            step = next(operation)
            while True:
                try:
                    result = await self._step(step)
                except DagyError as error:
                    step = operation.throw(error)
                else:
                    step = operation.send(result)
        except StopIteration as ended:
            value: T = ended.value
            return value

    async def _step(self, step: Call[Any] | Pause) -> Any:
        if isinstance(step, Call):
            return await self.send(step)
        await asyncio.sleep(step.seconds)
        return None

    @asynccontextmanager
    async def stream(self, call: Call[bytes]) -> AsyncIterator[httpx.Response]:
        """An answer that is read while it comes; silence is no failure. Raises DagyError."""
        timeout = httpx.Timeout(self.http.timeout.connect, read=None)
        try:
            response = await self.http.send(request(self.http, call, timeout), stream=True)
            try:
                if not response.is_success:
                    raise answers.refusal(response, await response.aread())
                yield response
            finally:
                await response.aclose()
        except httpx.TransportError as error:
            raise answers.failure(error, str(self.http.base_url)) from error

    @asynccontextmanager
    async def fetch(self, signed_url: str) -> AsyncIterator[httpx.Response]:
        """An object of the store, read while it comes. Raises DagyError."""
        try:
            async with self.store.stream("GET", signed_url) as response:
                if not response.is_success:
                    raise answers.store_refusal(response)
                yield response
        except httpx.TransportError as error:
            raise answers.store_failure(error, signed_url) from error
