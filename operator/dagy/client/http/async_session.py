"""Sending calls and driving operations, asynchronously."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar

import httpx

from dagy.client.http import responses as answers
from dagy.client.http.errors import DagyError
from dagy.client.http.requests import Call, Operation, Pause
from dagy.client.http.transport import request

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
        attempts = answers.Attempts(call, str(self.http.base_url))
        while True:
            try:
                response = await self.http.send(request(self.http, call))
            except httpx.TransportError as error:
                delay = attempts.after_failure(error)
            else:
                if attempts.is_done(response):
                    return answers.read(call, response, response.content)
                delay = attempts.after_answer(response)
            await asyncio.sleep(delay)

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
        response = await self._opened(call)
        try:
            yield response
        except httpx.TransportError as error:
            raise answers.failure(error, str(self.http.base_url)) from error
        finally:
            await response.aclose()

    async def _opened(self, call: Call[bytes]) -> httpx.Response:
        """The beginning of an answer, asked for again where that helps. Raises DagyError."""
        timeout = httpx.Timeout(self.http.timeout.connect, read=None)
        attempts = answers.Attempts(call, str(self.http.base_url))
        while True:
            try:
                response = await self.http.send(request(self.http, call, timeout), stream=True)
                if response.is_success:
                    return response
                async with aclosing(response):
                    await response.aread()
            except httpx.TransportError as error:
                delay = attempts.after_failure(error)
            else:
                delay = attempts.after_answer(response)
            await asyncio.sleep(delay)

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
