"""Sources of a client's Kubernetes token: the caller, the environment, the pod, or the kubeconfig."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from dagy.client.http.errors import SetupError

TOKEN_VARIABLE = "DAGY_API_TOKEN"  # noqa: S105 the variable's name
IN_CLUSTER_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
_FRESH_SECONDS = 60.0
"""The kubelet replaces a pod's token long before it expires; a minute-old copy of it is good."""

TokenSource = Callable[[], str]
"""Gives the token for a request that is sent now. Raises SetupError."""


def token_source(
    token: str | None, environ: Mapping[str, str] = os.environ, in_cluster: Path = IN_CLUSTER_TOKEN
) -> TokenSource:
    """The first there is of: `token`, DAGY_API_TOKEN, the pod's service account, the kubeconfig's present context."""
    given = (token or environ.get(TOKEN_VARIABLE) or "").strip()
    if given:
        return lambda: given
    if in_cluster.exists():
        return FreshToken(lambda: _read(in_cluster))
    from dagy.client.http.kubeconfig import kubeconfig_token

    return FreshToken(lambda: kubeconfig_token(environ))


class FreshToken:
    """A token that its source may replace: asked for again after a minute."""

    def __init__(self, source: TokenSource, clock: Callable[[], float] = time.monotonic) -> None:
        self._source, self._clock = source, clock
        self._token, self._taken_at = "", -_FRESH_SECONDS

    def __call__(self) -> str:
        """The token. Raises what the source raises."""
        if not self._token or self._clock() - self._taken_at > _FRESH_SECONDS:
            self._token, self._taken_at = self._source(), self._clock()
        return self._token


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise SetupError(f"The pod's token {path} cannot be read: {error.strerror}. Set {TOKEN_VARIABLE}.") from error
