"""Keeps the certificates of all replicas in one Secret, tells the API server whom to trust, and serves what is newest.

The Secret's resourceVersion decides which replica's renewal counts; the others take it over. A server certificate is
used only after its authority was published, so that no admission request meets one that it does not trust.

With a directory that somebody else keeps (`given_certificates`), only the last of the three is done here.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dagy.adapters.attach_settings import AttachSettings
from dagy.adapters.kube import KubeApi, KubeError, namespaced
from dagy.model import names
from dagy.web.certificates import Certificates, renewed
from dagy.web.given_certificates import UnusableCertificateError, loaded, proven, read, server_context

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
        self._newest = self.context = server_context()
        # A context that has a certificate can't be told to forget it: a pair that turns out to be none would leave it
        # without a key, and one with another kind of key would be served beside the old one. So each gets a context
        # of its own, and connections move to the newest when they begin.
        self.context.sni_callback = self._choose
        self._told = ""
        """What was said last about a directory that can't be used, so as not to say it at every look."""

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
            self._take(Path(self._settings.tls_directory))
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

    def _take(self, folder: Path) -> None:
        """Serve what somebody else put there; while that is no use, go on with what is held, and say so.

        Raises UnusableCertificateError when nothing is held.
        """
        try:
            given = read(folder)
            if given != self._held:
                self._use(given, proven(given, self._settings.hosts[0]))
                log.info("Serving the certificate that is now in %s", folder)
            self._told = ""
        except (OSError, ValueError) as error:
            sentence = f"The certificate in {folder} can't be served: {error}."
            if self._held is None:
                raise UnusableCertificateError(
                    f"{sentence} Have a certificate for {self._settings.hosts[0]} written there, or unset "
                    "DAGY_TLS_DIRECTORY."
                ) from error
            if sentence != self._told:
                log.warning("%s The one before is still served; correct what writes it.", sentence)
            self._told = sentence

    def _serve(self, newest: Certificates) -> None:
        if self._held is None or (newest.chain, newest.key) != (self._held.chain, self._held.key):
            self._use(newest, loaded(newest))
        self._held = newest

    def _use(self, newest: Certificates, context: ssl.SSLContext) -> None:
        self._held, self._newest = newest, context

    def _choose(self, connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._newest
