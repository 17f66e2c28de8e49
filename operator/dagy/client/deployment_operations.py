"""What can be done with flow deployments, as operations over calls. No I/O."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from dagy.client.http.errors import NotSettledError
from dagy.client.http.requests import Call, Operation, Pause, answer, nothing, path, query
from dagy.client.references import ObjectKey
from dagy.model.flowstatus import RunPhase
from dagy.model.rest.deployments import (
    DeploymentPage,
    DeploymentResponse,
    RestRevision,
    RollbackRequest,
    RunDetail,
    RunPage,
    RunResponse,
)

ROOT = "deployments"
Clock = Callable[[], float]
Watcher = Callable[[DeploymentResponse], None]
ENDED = frozenset({RunPhase.SUCCEEDED, RunPhase.FAILED})
_LOOK_AGAIN_SECONDS = 0.5


def page(namespace: str | None, cursor: str | None) -> Call[DeploymentPage]:
    """One page of a list; `namespace` None is all that the caller may list."""
    return Call("GET", path(ROOT), answer(DeploymentPage), query(namespace=namespace, cursor=cursor))


def get(key: ObjectKey) -> Call[DeploymentResponse]:
    """One deployment."""
    return Call("GET", _of(key), answer(DeploymentResponse))


def delete(key: ObjectKey) -> Call[None]:
    """Delete it, with its runs."""
    return Call("DELETE", _of(key), nothing)


def run(key: ObjectKey) -> Call[RunResponse]:
    """Start a run. The token makes it repeatable: however often it arrives, it is one run."""
    return Call("POST", _of(key, verb="run"), answer(RunResponse), query(token=secrets.token_hex(8)))


def rollback(key: ObjectKey, revision: int) -> Call[DeploymentResponse]:
    """Deploy an earlier revision again."""
    body = RollbackRequest(revision=revision).model_dump()
    return Call("POST", _of(key, verb="rollback"), answer(DeploymentResponse), body=body)


def revision(key: ObjectKey, number: int) -> Call[RestRevision]:
    """A revision with all that it sets for its runs."""
    return Call("GET", _of(key, "revisions", str(number)), answer(RestRevision))


def runs(key: ObjectKey) -> Call[RunPage]:
    """The runs that are kept, the newest first."""
    return Call("GET", _of(key, "runs"), answer(RunPage))


def run_log(key: ObjectKey, job_name: str, *, follow: bool) -> Call[bytes]:
    """The log of a run, as text."""
    parameters = query(follow="true" if follow else None)
    return Call("GET", _of(key, "runs", job_name, "logs"), bytes, parameters, headers={"Accept": "text/plain"})


def wait(
    key: ObjectKey, timeout: float, watcher: Watcher | None, clock: Clock = time.monotonic
) -> Operation[DeploymentResponse]:
    """Look until the present version is deployed, or someone must act. Raises NotSettledError."""
    deadline = clock() + timeout
    while True:
        found: DeploymentResponse = yield get(key)
        if watcher:
            watcher(found)
        if found.settled:
            return found
        if clock() + _LOOK_AGAIN_SECONDS > deadline:
            raise NotSettledError(
                f"Deployment {key} is not ready after {timeout:.0f} s: {found.message or 'no news yet.'} It goes on by "
                f"itself; look again with `dagy deployments show {key}`."
            )
        yield Pause(_LOOK_AGAIN_SECONDS)


def get_run(key: ObjectKey, job_name: str) -> Call[RunDetail]:
    """One run, and how its program ended."""
    return Call("GET", _of(key, "runs", job_name), answer(RunDetail))


def wait_for_run(key: ObjectKey, job_name: str) -> Operation[RunDetail]:
    """Look until a run has ended."""
    while True:
        found: RunDetail = yield get_run(key, job_name)
        if found.phase in ENDED:
            return found
        yield Pause(_LOOK_AGAIN_SECONDS)


def _of(key: ObjectKey, *more: str, verb: str = "") -> str:
    return path(ROOT, key.namespace, key.name, *more, verb=verb)
