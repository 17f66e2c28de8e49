"""Flow deployments, for synchronous code: `Client.deployments`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dagy.client import deployment_operations as operations
from dagy.client.deployment_operations import Watcher
from dagy.client.http.session import Session
from dagy.client.references import object_key
from dagy.model.rest.deployments import DeploymentResponse, RestRevision, RestRun, RunDetail, RunResponse


class Deployments:
    """A `reference` is a name, or namespace/name. All methods raise `DagyError`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list(self, namespace: str | None = None) -> Iterator[DeploymentResponse]:
        """All deployments of a namespace, or all that the caller may list, fetched page by page."""
        cursor: str | None = None
        while True:
            page = self._session.send(operations.page(namespace, cursor))
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def get(self, reference: str) -> DeploymentResponse:
        """One deployment."""
        return self._session.send(operations.get(object_key(reference, self._session.namespace)))

    def delete(self, reference: str) -> None:
        """Delete a deployment with its runs."""
        self._session.send(operations.delete(object_key(reference, self._session.namespace)))

    def run(self, reference: str) -> RunResponse:
        """Start a run of the present revision."""
        return self._session.send(operations.run(object_key(reference, self._session.namespace)))

    def revision(self, reference: str, revision: int) -> RestRevision:
        """A revision that is kept, with all that it sets for its runs."""
        return self._session.send(operations.revision(object_key(reference, self._session.namespace), revision))

    def rollback(self, reference: str, revision: int) -> DeploymentResponse:
        """Deploy an earlier revision again, with the artifacts that it had."""
        return self._session.send(operations.rollback(object_key(reference, self._session.namespace), revision))

    def wait(self, reference: str, *, timeout: float = 300.0, watcher: Watcher | None = None) -> DeploymentResponse:
        """Wait until the present version is deployed or refused: see `ready` and `message`. `timeout` in seconds."""
        key = object_key(reference, self._session.namespace)
        return self._session.run(operations.wait(key, timeout, watcher))

    def runs(self, reference: str) -> Sequence[RestRun]:
        """The runs that are kept, the newest first."""
        return self._session.send(operations.runs(object_key(reference, self._session.namespace))).items

    def run_logs(self, reference: str, job_name: str, *, follow: bool = False) -> Iterator[str]:
        """Lines of a run's log. With `follow` as they come, until the run ends."""
        key = object_key(reference, self._session.namespace)
        with self._session.stream(operations.run_log(key, job_name, follow=follow)) as response:
            yield from response.iter_lines()

    def wait_for_run(self, reference: str, job_name: str) -> RunDetail:
        """Wait until a run has ended; NotFoundError when it is deleted meanwhile."""
        key = object_key(reference, self._session.namespace)
        return self._session.run(operations.wait_for_run(key, job_name))
