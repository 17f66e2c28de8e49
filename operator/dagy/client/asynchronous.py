"""The client for asynchronous code."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

import httpx

from dagy.client.http.async_session import AsyncSession
from dagy.client.http.transport import setup, store_arguments, unauthenticated

# Each brings its models, so it is imported when it is asked for.
if TYPE_CHECKING:
    from dagy.client.async_deployments import AsyncDeployments
    from dagy.client.async_packages import AsyncPackages


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
            lambda: httpx.AsyncClient(verify=prepared.verify, **store_arguments(timeout)),
            namespace,
        )

    @classmethod
    def over(cls, transport: httpx.AsyncBaseTransport, *, namespace: str = "default", timeout: float = 30.0) -> Self:
        """A client of an API that a transport reaches by itself, such as one in this process: no URL, no token."""
        client = cls.__new__(cls)
        prepared = unauthenticated(timeout)
        client._start(
            httpx.AsyncClient(transport=transport, **prepared.arguments()),
            lambda: httpx.AsyncClient(verify=prepared.verify, **store_arguments(timeout)),
            namespace,
        )
        return client

    def _start(self, http: httpx.AsyncClient, open_store: Callable[[], httpx.AsyncClient], namespace: str) -> None:
        self._session = AsyncSession(http, open_store, namespace)

    @cached_property
    def packages(self) -> AsyncPackages:
        """Dependency packages."""
        from dagy.client.async_packages import AsyncPackages

        return AsyncPackages(self._session)

    @cached_property
    def deployments(self) -> AsyncDeployments:
        """Deployed flows and their runs."""
        from dagy.client.async_deployments import AsyncDeployments

        return AsyncDeployments(self._session)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()
