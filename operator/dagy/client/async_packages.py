"""Packages, for asynchronous code: `AsyncClient.packages`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from dagy.client import package_operations as operations
from dagy.client.files.verified import Progress, VerifiedFile
from dagy.client.http.async_session import AsyncSession
from dagy.client.package_operations import Verb, Watcher
from dagy.client.references import ObjectKey
from dagy.model.rest.packages import (
    DepPackageBody,
    DepPackageCreate,
    DepPackageResponse,
    DownloadResponse,
    ParseRequest,
    ParseResponse,
    RequestResponse,
)


class AsyncPackages:
    """A `reference` is a slug, a name, or namespace/name. All methods raise `DagyError`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list(
        self,
        namespace: str | None = None,
        *,
        search: str | None = None,
        phase: str | None = None,
        python_version: str | None = None,
    ) -> AsyncIterator[DepPackageResponse]:
        """All packages of a namespace, or all that the caller may list, fetched page by page."""
        filters = {"search": search, "phase": phase, "python_version": python_version}
        cursor: str | None = None
        while True:
            page = await self._session.send(operations.page(namespace, cursor, filters))
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    async def get(self, reference: str) -> DepPackageResponse:
        """One package."""
        return await self._session.run(operations.find(reference, self._session.namespace))

    async def create(self, package: DepPackageCreate) -> DepPackageResponse:
        """A new package; ConflictError when its name is taken."""
        return await self._session.send(operations.create(package))

    async def save(self, name: str, package: DepPackageBody, *, etag: str | None = None) -> DepPackageResponse:
        """Create or replace the package `name` or namespace/name, however often it is repeated.

        With the `etag` of what was read before, ChangedError when somebody else changed it since.
        """
        key = operations.key_of(name, self._session.namespace)
        return await self._session.send(operations.save(key, package, etag))

    async def change(self, reference: str, fields: Mapping[str, Any], *, etag: str | None = None) -> DepPackageResponse:
        """Set some fields of a package; None takes a field away."""
        return await self._session.run(operations.change(reference, self._session.namespace, fields, etag))

    async def delete(self, reference: str) -> ObjectKey:
        """Delete a package; its ZIP in S3 goes or stays as its deletion policy says."""
        return await self._session.run(operations.delete(reference, self._session.namespace))

    async def validate(self, reference: str) -> RequestResponse:
        """Ask for a validation."""
        return await self._request(reference, "validate")

    async def build(self, reference: str) -> RequestResponse:
        """Ask for a build, from the same lock where there is one."""
        return await self._request(reference, "build")

    async def refresh(self, reference: str) -> RequestResponse:
        """Ask for a new resolution, and a build if it brings anything new."""
        return await self._request(reference, "refresh")

    async def cancel(self, reference: str) -> RequestResponse:
        """Stop what runs for a package."""
        return await self._request(reference, "cancel")

    async def wait(
        self, reference: str, *, timeout: float = 1800.0, watcher: Watcher | None = None
    ) -> DepPackageResponse:
        """Wait until nothing more happens by itself; `build_status` is the outcome. `timeout` in seconds.

        `watcher` gets the package at each look. NotSettledError when the time is over.
        """
        return await self._session.run(operations.wait(reference, self._session.namespace, timeout, watcher))

    async def logs(self, reference: str, *, step: str | None = None, follow: bool = False) -> AsyncIterator[str]:
        """Lines of the log: of `validate`, of `build`, or of both. With `follow` as they come, until the end."""
        key = await self._session.run(operations.locate(reference, self._session.namespace))
        async with self._session.stream(operations.log_call(key, step, follow=follow)) as response:
            async for line in response.aiter_lines():
                yield line

    async def download_link(self, reference: str) -> DownloadResponse:
        """A URL of the ZIP that works for a short time and needs no credentials: keep it secret."""
        return await self._session.run(operations.download_link(reference, self._session.namespace))

    async def download(
        self, reference: str, target: str | Path, *, progress: Progress | None = None
    ) -> DownloadResponse:
        """Write the ZIP to `target`, verified by its SHA-256: whole, or not at all."""
        link = await self.download_link(reference)
        with VerifiedFile(Path(target), link.sha256, link.size_bytes, progress) as file:
            async with self._session.fetch(link.url) as response:
                async for chunk in response.aiter_bytes(1 << 18):
                    file.write(chunk)
        return link

    async def parse(self, text: ParseRequest) -> ParseResponse:
        """What each line of a requirements.txt means, and the list that results. Changes nothing."""
        return await self._session.send(operations.parse(text))

    async def _request(self, reference: str, verb: Verb) -> RequestResponse:
        return await self._session.run(operations.request(reference, self._session.namespace, verb))
