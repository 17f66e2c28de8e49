"""Keeps the certificates of all replicas in one Secret, tells the API server whom to trust, and serves what is newest.

The Secret's resourceVersion decides which replica's renewal counts; the others take it over. A server certificate is
used only after its authority was published, so that no admission request meets one that it does not trust.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dagy.adapters.attach_settings import AttachSettings
from dagy.adapters.kube import KubeApi, KubeError, namespaced
from dagy.model import names
from dagy.web.certificates import Certificates, renewed

log = logging.getLogger(__name__)

_CONFIGURATIONS = ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")
_TRIES = 5


class CertificateKeeper:
    """One replica's view. `context` serves the newest certificate, in new connections, without a restart."""

    def __init__(
        self, api: KubeApi, settings: AttachSettings, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._api, self._settings, self._clock = api, settings, clock
        self._held: Certificates | None = None
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2

    @property
    def authorities(self) -> str:
        """PEM certificates by which others know this server; empty before the first look."""
        return self._held.authorities if self._held else ""

    async def run(self) -> None:
        """Look at intervals until cancelled; what goes wrong is tried again at the next look."""
        while True:
            await asyncio.sleep(self._settings.tls_check_seconds)
            try:
                await self.look()
            except Exception:
                log.exception("Looking after the certificates failed; trying again")

    async def look(self) -> None:
        """Renew what is due, publish whom to trust, serve what is newest."""
        if self._settings.tls_directory:
            self._serve(_read(Path(self._settings.tls_directory)))
            return
        newest = await self._agree()
        await self._publish(newest.authorities)
        self._serve(newest)

    async def _agree(self) -> Certificates:
        """What the Secret holds, after this replica or another one has renewed it if that was due."""
        path = namespaced("secrets", self._settings.api_namespace, self._settings.tls_secret)
        valid_for = timedelta(days=self._settings.tls_days)
        for _ in range(_TRIES):
            secret = await self._api.get(path)
            if secret is None:
                raise LookupError(f"Secret {self._settings.tls_secret} is missing; apply manifests/base/webhook.yaml.")
            # Emptied by somebody: what this replica serves is put back, because it is what is trusted now.
            found = Certificates.from_secret(secret.get("data"))
            wanted = renewed(self._clock(), found or self._held, self._settings.hosts, valid_for)
            if wanted is None and found is not None:
                return found
            wanted = wanted or self._held
            assert wanted
            try:
                await self._api.request("PUT", path, body={**secret, "data": wanted.to_secret()})
            except KubeError as error:
                if error.status != 409:
                    raise
                continue  # another replica was faster
            log.info("Made new certificates")
            return wanted
        raise TimeoutError(f"Secret {self._settings.tls_secret} keeps changing.")

    async def _publish(self, authorities: str) -> None:
        bundle = base64.b64encode(authorities.encode()).decode()
        for kind in _CONFIGURATIONS:
            path = f"/apis/admissionregistration.k8s.io/v1/{kind}/{names.ATTACH_CONTAINER}"
            configuration = await self._api.get(path)
            webhooks: list[Any] = (configuration or {}).get("webhooks") or []
            patch = [
                # "test" first: the position is right only as long as the list is the one that was read.
                operation
                for index, webhook in enumerate(webhooks)
                if webhook["clientConfig"].get("caBundle") != bundle
                for operation in (
                    {"op": "test", "path": f"/webhooks/{index}/name", "value": webhook["name"]},
                    {"op": "add", "path": f"/webhooks/{index}/clientConfig/caBundle", "value": bundle},
                )
            ]
            if patch:
                await self._api.request("PATCH", path, body=patch, content_type="application/json-patch+json")
                log.info("Published the authority in %s %s", kind, names.ATTACH_CONTAINER)

    def _serve(self, newest: Certificates) -> None:
        if newest == self._held:
            return
        if self._held is None or (newest.chain, newest.key) != (self._held.chain, self._held.key):
            # OpenSSL reads files only; this one has no name and lies in memory.
            file = os.memfd_create("tls", os.MFD_CLOEXEC)
            try:
                os.write(file, f"{newest.key}\n{newest.chain}".encode())
                self.context.load_cert_chain(f"/proc/self/fd/{file}")
            finally:
                os.close(file)
        self._held = newest


def _read(folder: Path) -> Certificates:
    parts = {name: (folder / name).read_text() for name in ("ca.crt", "tls.crt", "tls.key")}
    return Certificates(parts["ca.crt"], "", parts["tls.crt"], parts["tls.key"])
