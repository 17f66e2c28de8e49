"""Whether the network around this pod is as closed as package code needs it.

A NetworkPolicy is enforced by the cluster's network plugin, a moment after a pod has started, and by some plugins not
at all. The Kubernetes API is what every pod reaches where no policy holds, and none of ours may reach where one does.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

from dagy_builder.contract import ISOLATION_REQUIRED, ISOLATION_VARIABLE, BuildRequest, Fault, Reason
from dagy_builder.failure import StepError
from dagy_builder.uv import runs_package_code

_ENFORCED_WITHIN = 20.0
_CONNECTED_WITHIN = 1.0
_LOOK_AGAIN = 0.1


def await_isolation(
    request: BuildRequest, environment: Mapping[str, str] | None = None, within: float = _ENFORCED_WITHIN
) -> None:
    """Before package code runs: wait until the Kubernetes API can't be reached. Raises StepError after `within` s.

    Only where DAGY_ISOLATION says that it is required: a laptop has no such network.
    """
    given = os.environ if environment is None else environment
    if given.get(ISOLATION_VARIABLE) != ISOLATION_REQUIRED or not runs_package_code(request):
        return
    host = given.get("KUBERNETES_SERVICE_HOST", "")
    port = int(given.get("KUBERNETES_SERVICE_PORT_HTTPS", "443"))
    deadline = time.monotonic() + within
    while host and _reaches(host, port):
        if time.monotonic() > deadline:
            raise StepError(
                Reason.NOT_ISOLATED,
                f"The code of source distributions does not run here: this pod reaches the Kubernetes API ({host}), so "
                "the cluster does not enforce the NetworkPolicies of the build namespace. Use a network plugin that "
                "does, or set DAGY_NETWORK_POLICY_REQUIRED=false to run such code with the network open.",
                Fault.INFRASTRUCTURE,
            )
        time.sleep(_LOOK_AGAIN)


def _reaches(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=_CONNECTED_WITHIN).close()
    except OSError:
        return False
    return True
