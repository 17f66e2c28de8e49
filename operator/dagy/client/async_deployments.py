"""Flow deployments, for asynchronous code: `AsyncClient.deployments`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from dagy.client import deployment_operations as operations
from dagy.client.deployment_operations import Watcher
from dagy.client.http.async_session import AsyncSession
from dagy.client.references import object_key
from dagy.model.rest.deployments import DeploymentResponse, RestRevision, RestRun, RunDetail, RunResponse


class AsyncDeployments:
    """A `reference` is a name, or namespace/name. All methods raise `DagyError`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list(self, namespace: str | None = None) -> AsyncIterator[DeploymentResponse]:
        """All deployments of a namespace, or all that the caller may list, fetched page by page."""
        cursor: str | None = None
        while True:
            page = await self._session.send(operations.page(namespace, cursor))
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    async def get(self, reference: str) -> DeploymentResponse:
        """One deployment."""
        return await self._session.send(operations.get(object_key(reference, self._session.namespace)))

    async def delete(self, reference: str) -> None:
        """Delete a deployment with its runs."""
        await self._session.send(operations.delete(object_key(reference, self._session.namespace)))

    async def run(self, reference: str) -> RunResponse:
        """Start a run of the present revision."""
        return await self._session.send(operations.run(object_key(reference, self._session.namespace)))

    async def revision(self, reference: str, revision: int) -> RestRevision:
        """A revision that is kept, with all that it sets for its runs."""
        return await self._session.send(operations.revision(object_key(reference, self._session.namespace), revision))

    async def rollback(self, reference: str, revision: int) -> DeploymentResponse:
        """Deploy an earlier revision again, with the artifacts that it had."""
        return await self._session.send(operations.rollback(object_key(reference, self._session.namespace), revision))

    async def wait(
        self, reference: str, *, timeout: float = 300.0, watcher: Watcher | None = None
    ) -> DeploymentResponse:
        """Wait until the present version is deployed or refused: see `ready` and `message`. `timeout` in seconds."""
        key = object_key(reference, self._session.namespace)
        return await self._session.run(operations.wait(key, timeout, watcher))

    async def runs(self, reference: str) -> Sequence[RestRun]:
        """The runs that are kept, the newest first."""
        page = await self._session.send(operations.runs(object_key(reference, self._session.namespace)))
        return page.items

    async def run_logs(self, reference: str, job_name: str, *, follow: bool = False) -> AsyncIterator[str]:
        """Lines of a run's log. With `follow` as they come, until the run ends."""
        key = object_key(reference, self._session.namespace)
        async with self._session.stream(operations.run_log(key, job_name, follow=follow)) as response:
            async for line in response.aiter_lines():
                yield line

    async def wait_for_run(self, reference: str, job_name: str) -> RunDetail:
        """Wait until a run has ended; NotFoundError when it is deleted meanwhile."""
        key = object_key(reference, self._session.namespace)
        return await self._session.run(operations.wait_for_run(key, job_name))
