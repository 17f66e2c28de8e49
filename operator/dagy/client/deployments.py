"""Flow deployments: `Client.deployments`."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence

from dagy.client import watching
from dagy.client.http.errors import NotSettledError
from dagy.client.http.requests import Call, answer, nothing, path, query
from dagy.client.http.session import Session
from dagy.client.references import object_key
from dagy.model.flowstatus import RunPhase
from dagy.model.rest.deployments import (
    DeploymentPage,
    DeploymentResponse,
    RestRevision,
    RestRun,
    RollbackRequest,
    RunDetail,
    RunPage,
    RunResponse,
)
from dagy.model.rest.summaries import DeploymentSummary, GoneDeployment

ROOT = "deployments"
Watcher = Callable[[DeploymentResponse], None]
_ENDED = frozenset({RunPhase.SUCCEEDED, RunPhase.FAILED})
_LOOK_AGAIN_SECONDS = 0.5


class Deployments:
    """A `reference` is a name, or namespace/name. All methods raise `DagyError`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list(self, namespace: str | None = None, *, dep_package: str | None = None) -> Iterator[DeploymentResponse]:
        """All deployments of a namespace, or all that the caller may list, fetched page by page.

        With `dep_package`, a slug, only those that attach that package.
        """
        cursor: str | None = None
        while True:
            parameters = query(namespace=namespace, dep_package=dep_package, cursor=cursor)
            page = self._session.send(Call("GET", path(ROOT), answer(DeploymentPage), parameters))
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def summaries(self, namespace: str | None = None, *, dep_package: str | None = None) -> Iterator[DeploymentSummary]:
        """As `list`, in few words: for many deployments at once."""
        for items, _ in watching.pages(self._session, watching.DEPLOYMENTS, namespace, dep_package=dep_package):
            yield from items

    def watch(self, namespace: str | None = None) -> Iterator[DeploymentSummary | GoneDeployment]:
        """Each deployment as it is, then each again whenever it has changed, without an end.

        Interruptions are bridged; after a long one deployments come again.
        """
        return watching.watch(self._session, watching.DEPLOYMENTS, namespace)

    def get(self, reference: str) -> DeploymentResponse:
        """One deployment."""
        return self._session.send(Call("GET", self._path_of(reference), answer(DeploymentResponse)))

    def delete(self, reference: str) -> None:
        """Delete a deployment with its runs."""
        self._session.send(Call("DELETE", self._path_of(reference), nothing))

    def run(self, reference: str) -> RunResponse:
        """Start a run of the present revision."""
        token = query(token=secrets.token_hex(8))  # however often it arrives, it is one run
        return self._session.send(Call("POST", self._path_of(reference, verb="run"), answer(RunResponse), token))

    def revision(self, reference: str, revision: int) -> RestRevision:
        """A revision that is kept, with all that it sets for its runs."""
        where = self._path_of(reference, "revisions", str(revision))
        return self._session.send(Call("GET", where, answer(RestRevision)))

    def rollback(self, reference: str, revision: int) -> DeploymentResponse:
        """Deploy an earlier revision again, with the artifacts that it had."""
        where, body = self._path_of(reference, verb="rollback"), RollbackRequest(revision=revision).model_dump()
        return self._session.send(Call("POST", where, answer(DeploymentResponse), body=body))

    def wait(self, reference: str, *, timeout: float = 300.0, watcher: Watcher | None = None) -> DeploymentResponse:
        """Wait until the present version is deployed or refused: see `ready` and `message`. `timeout` in seconds.

        `watcher` gets the deployment at each look. NotSettledError when the time is over.
        """
        deadline = time.monotonic() + timeout
        while True:
            found = self.get(reference)
            if watcher:
                watcher(found)
            if found.settled:
                return found
            if time.monotonic() + _LOOK_AGAIN_SECONDS > deadline:
                key = object_key(reference, self._session.namespace)
                raise NotSettledError(
                    f"Deployment {key} is not ready after {timeout:.0f} s: {found.message or 'no news yet.'} It goes "
                    f"on by itself; look again with `dagy deployments show {key}`."
                )
            time.sleep(_LOOK_AGAIN_SECONDS)

    def runs(self, reference: str) -> Sequence[RestRun]:
        """The runs that are kept, the newest first."""
        return self._session.send(Call("GET", self._path_of(reference, "runs"), answer(RunPage))).items

    def run_logs(self, reference: str, job_name: str, *, follow: bool = False) -> Iterator[str]:
        """Lines of a run's log. With `follow` as they come, until the run ends."""
        where, parameters = self._path_of(reference, "runs", job_name, "logs"), query(follow="true" if follow else None)
        with self._session.stream(Call("GET", where, bytes, parameters, headers={"Accept": "text/plain"})) as response:
            yield from response.iter_lines()

    def wait_for_run(self, reference: str, job_name: str) -> RunDetail:
        """Wait until a run has ended; NotFoundError when it is deleted meanwhile."""
        call = Call("GET", self._path_of(reference, "runs", job_name), answer(RunDetail))
        while (found := self._session.send(call)).phase not in _ENDED:
            time.sleep(_LOOK_AGAIN_SECONDS)
        return found

    def _path_of(self, reference: str, *more: str, verb: str = "") -> str:
        key = object_key(reference, self._session.namespace)
        return path(ROOT, key.namespace, key.name, *more, verb=verb)
