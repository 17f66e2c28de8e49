"""Client certificates that the API accepts: those that the cluster itself accepts, as API servers beside it do."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable

from dagy.adapters.kube.api import KubeApi, KubeError, namespaced

log = logging.getLogger(__name__)

_PATH = namespaced("configmaps", "kube-system", "extension-apiserver-authentication")
_KEY = "client-ca-file"

Accept = Callable[[str], None]
"""Takes the authorities (PEM; empty for none). Raises ssl.SSLError for what is none."""


class ClientAuthorities:
    """Keeps a server's acceptance up to date with what the cluster says."""

    def __init__(self, api: KubeApi, accept: Accept) -> None:
        self._api, self._accept = api, accept
        self._told = ""

    async def look(self) -> None:
        """Look once. A cluster that accepts no certificates, or doesn't tell, leaves tokens only. Raises KubeError."""
        try:
            found = await self._api.get(_PATH)
        except KubeError as error:
            if error.status != 403:
                raise
            self._tell("This account may not read whose client certificates the cluster accepts; tokens are accepted.")
            found = None
        try:
            self._accept(str(((found or {}).get("data") or {}).get(_KEY, "")))
        except ssl.SSLError:
            self._tell("The cluster's authorities of client certificates can't be read; those before are accepted.")

    async def run(self, seconds: float) -> None:
        """Look at intervals until cancelled; what goes wrong is tried again."""
        while True:
            await asyncio.sleep(seconds)
            try:
                await self.look()
            except Exception:
                log.exception("Looking for the cluster's client authorities failed; trying again")

    def _tell(self, sentence: str) -> None:
        if sentence != self._told:
            log.warning(sentence)
        self._told = sentence
