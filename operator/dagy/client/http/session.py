"""Sending calls, again where that helps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from threading import RLock
from typing import Any, TypeVar

import httpx

from dagy.client.http import responses as answers
from dagy.client.http.requests import Call
from dagy.client.http.transport import request

T = TypeVar("T")


class Session:
    """One API, and the object store that it signs URLs of, which must never see the token."""

    def __init__(
        self,
        http: httpx.Client,
        open_store: Callable[[], httpx.Client],
        namespace: str,
        open_central: Callable[[], httpx.Client] | None = None,
    ) -> None:
        """`open_central`: the API for calls that are `central`, where `http` leads to one that has no store."""
        self.http, self.namespace = http, namespace
        self._open_store, self._open_central, self._opening = open_store, open_central, RLock()
        self._store: httpx.Client | None = None
        self._central: httpx.Client | None = None

    @property
    def store(self) -> httpx.Client:
        """The client of the object store, opened when it is first used: reading certificates takes a while."""
        with self._opening:
            self._store = self._store or self._open_store()
            return self._store

    @property
    def is_divided(self) -> bool:
        """True when calls that are `central` go to another API than the rest."""
        return self._open_central is not None

    @property
    def central(self) -> httpx.Client:
        """The client for calls that are `central`; where it is another one, it is opened when it is first used."""
        if self._open_central is None:
            return self.http
        with self._opening:
            self._central = self._central or self._open_central()
            return self._central

    def _client(self, call: Call[Any]) -> httpx.Client:
        return self.central if call.central else self.http

    def close(self) -> None:
        """Close the connections."""
        for client in (self.http, self._store, self._central):
            if client:
                client.close()

    def send(self, call: Call[T]) -> T:
        """Send it, again where that helps and does no harm. Raises DagyError."""
        http = self._client(call)
        attempts = answers.Attempts(call, str(http.base_url))
        while True:
            try:
                response = http.send(request(http, call))
            except httpx.TransportError as error:
                delay = attempts.after_failure(error)
            else:
                if attempts.is_done(response):
                    return answers.read(call, response, response.content)
                delay = attempts.after_answer(response)
            time.sleep(delay)

    @contextmanager
    def stream(self, call: Call[bytes], silence: float | None = None) -> Iterator[httpx.Response]:
        """An answer that is read while it comes. Raises DagyError, also after that many seconds of silence, if any."""
        response = self._opened(call, silence)
        try:
            yield response
        except httpx.TransportError as error:
            raise answers.failure(error, str(self._client(call).base_url)) from error
        finally:
            response.close()

    def _opened(self, call: Call[bytes], silence: float | None) -> httpx.Response:
        """The beginning of an answer, asked for again where that helps. Raises DagyError."""
        http = self._client(call)
        timeout = httpx.Timeout(http.timeout.connect, read=silence)
        attempts = answers.Attempts(call, str(http.base_url))
        while True:
            try:
                response = http.send(request(http, call, timeout), stream=True)
                if response.is_success:
                    return response
                with closing(response):
                    response.read()
            except httpx.TransportError as error:
                delay = attempts.after_failure(error)
            else:
                delay = attempts.after_answer(response)
            time.sleep(delay)

    @contextmanager
    def fetch(self, signed_url: str) -> Iterator[httpx.Response]:
        """An object of the store, read while it comes. Raises DagyError."""
        try:
            with self.store.stream("GET", signed_url) as response:
                if not response.is_success:
                    raise answers.store_refusal(response)
                yield response
        except httpx.TransportError as error:
            raise answers.store_failure(error, signed_url) from error
