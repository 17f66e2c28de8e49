"""Apart from package code: a network that is closed to it, a step that it can't look into, and the end of its daemons.

A NetworkPolicy is enforced by the cluster's network plugin, a moment after a pod has started, and by some plugins not
at all. Connections can fail for other reasons: a network that isn't there yet, a server that starts again. So a pod is
isolated when the places that a policy closes have refused several times in a row, and something else answers.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from dagy_builder.contract import ISOLATION_REQUIRED, ISOLATION_VARIABLE, NODE_VARIABLE, BuildRequest, Fault, Reason
from dagy_builder.failure import StepError

_PR_SET_DUMPABLE = 4  # prctl(2)
_ENFORCED_WITHIN = 20.0
_CONNECTED_WITHIN = 0.7
_REFUSED_FOR, _REFUSED_TIMES = 1.5, 3
_LOOK_AGAIN = 0.1
_KUBELET_PORT = 10250
_METADATA = ("169.254.169.254", 80)
_KNOWN_NAME = "kubernetes.default.svc"
_OVERRIDE = "or set DAGY_NETWORK_POLICY_REQUIRED=false to run such code with the network open."


@dataclass(frozen=True)
class Place:
    """A place that every pod reaches where no policy holds, and no build may reach where one does."""

    what: str
    host: str
    port: int


def await_isolation(
    request: BuildRequest,
    environment: Mapping[str, str] | None = None,
    within: float = _ENFORCED_WITHIN,
    *,
    refused_for: float = _REFUSED_FOR,
    answers: Callable[[], bool] | None = None,
) -> None:
    """Wait, before package code runs, until the network is seen to be closed. Raises StepError after `within` seconds.

    It waits only where DAGY_ISOLATION requires that: a laptop has no such network. The places have to refuse for
    `refused_for` seconds; `answers` tests the thing that has to answer: the cluster's DNS when left out.
    """
    given = os.environ if environment is None else environment
    if given.get(ISOLATION_VARIABLE) != ISOLATION_REQUIRED or not request.runs_package_code:
        return
    from concurrent.futures import ThreadPoolExecutor  # 8 ms, and most builds have left by now

    places = _places(given)
    deadline = time.monotonic() + within
    times, since = 0, time.monotonic()
    with ThreadPoolExecutor(len(places)) as pool:
        while True:
            open_places = [place for place, is_open in zip(places, pool.map(_reaches, places), strict=True) if is_open]
            times = 0 if open_places else times + 1
            since = time.monotonic() if open_places else since
            closed = times >= _REFUSED_TIMES and time.monotonic() - since >= refused_for
            if closed and (answers or _dns_answers)():
                return
            if time.monotonic() > deadline:
                raise _not_isolated(open_places)
            time.sleep(_LOOK_AGAIN)


def _places(environment: Mapping[str, str]) -> list[Place]:
    host = environment.get("KUBERNETES_SERVICE_HOST", "")
    if not host:
        raise StepError(
            Reason.NOT_ISOLATED,
            "The code of source distributions does not run here: this pod is not told where the Kubernetes API is "
            "(KUBERNETES_SERVICE_HOST), so nobody can see that it is kept from it. Run it as a Job of the operator, "
            f"{_OVERRIDE}",
            Fault.INFRASTRUCTURE,
        )
    api = Place("the Kubernetes API", host, int(environment.get("KUBERNETES_SERVICE_PORT_HTTPS") or 443))
    node = environment.get(NODE_VARIABLE, "")
    kubelet = [Place("its node's kubelet", node, _KUBELET_PORT)] if node else []
    return [api, *kubelet, Place("the metadata service", *_METADATA)]


def _not_isolated(reached: list[Place]) -> StepError:
    if reached:
        place = reached[0]
        why = (
            f"this pod reaches {place.what} ({place.host}), so the cluster does not enforce the NetworkPolicies of the "
            "build namespace. Use a network plugin that does,"
        )
    else:
        why = (
            "nothing answers in this pod, its DNS included, so nobody can see whether the NetworkPolicies of the build "
            "namespace are enforced. It is tried again; check the cluster's DNS,"
        )
    message = f"The code of source distributions does not run here: {why} {_OVERRIDE}"
    return StepError(Reason.NOT_ISOLATED, message, Fault.INFRASTRUCTURE)


def _reaches(place: Place) -> bool:
    try:
        socket.create_connection((place.host, place.port), timeout=_CONNECTED_WITHIN).close()
    except OSError:
        return False
    return True


def _dns_answers() -> bool:
    """Return True when the DNS answers; that there is no such name is an answer, too."""
    try:
        socket.getaddrinfo(_KNOWN_NAME, 443)
    except socket.gaierror as error:
        return error.errno in (socket.EAI_NONAME, socket.EAI_NODATA)
    except OSError:
        return False
    return True


def hide_from_package_code() -> None:
    """Keep processes of the same user out of this one: its memory, its open files, its environment (proc(5)).

    Processes that it starts are as open as before, so uv and package code see one another, but not the step that reads
    their files. Raises OSError.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE) failed")


def end_all_others() -> None:
    """Kill every other process of this container, and wait until none is left.

    Only as process 1 of a PID namespace, where "all processes" are the container's: kill(2) with -1 then spares nobody
    but the caller, and no process that is being forked escapes. Elsewhere (on a laptop) nothing is done.
    """
    if os.getpid() != 1:
        return
    with suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    # Process 1 inherits all orphans, so these are all its children.
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return
