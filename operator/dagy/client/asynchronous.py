"""The client for asynchronous code."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Self

import httpx

from dagy.client.async_deployments import AsyncDeployments
from dagy.client.async_packages import AsyncPackages
from dagy.client.async_session import AsyncSession
from dagy.client.transport import setup, store_arguments, unauthenticated


class AsyncClient:
    """DAGY's API. Use it as an asynchronous context manager, or close it; it belongs to one event loop.

    Parameters and errors are those of `dagy.client.Client`.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | None = None,
        namespace: str = "default",
        timeout: float = 30.0,
        ca_file: str | os.PathLike[str] | None = None,
    ) -> None:
        prepared = setup(url, token, ca_file, timeout)
        self._start(
            httpx.AsyncClient(verify=prepared.verify, **prepared.arguments()),
            httpx.AsyncClient(verify=prepared.verify, **store_arguments(timeout)),
            namespace,
        )

    @classmethod
    def over(cls, transport: httpx.AsyncBaseTransport, *, namespace: str = "default", timeout: float = 30.0) -> Self:
        """A client of an API that a transport reaches by itself, such as one in this process: no URL, no token."""
        client = cls.__new__(cls)
        prepared = unauthenticated(timeout)
        client._start(
            httpx.AsyncClient(transport=transport, **prepared.arguments()),
            httpx.AsyncClient(verify=prepared.verify, **store_arguments(timeout)),
            namespace,
        )
        return client

    def _start(self, http: httpx.AsyncClient, store: httpx.AsyncClient, namespace: str) -> None:
        self._session = AsyncSession(http, store, namespace)
        self.packages = AsyncPackages(self._session)
        self.deployments = AsyncDeployments(self._session)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._session.http.aclose()
        await self._session.store.aclose()
