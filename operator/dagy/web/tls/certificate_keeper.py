"""Keeps the certificates of all replicas in one Secret, publishes whom to trust, and serves what is newest.

The Secret's resourceVersion decides which replica's renewal counts; the others take it over. A server certificate is
used only after its authority was published, so that no client meets one that it does not trust.

With a directory that somebody else keeps (`given_certificates`), nothing is made here.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dagy.adapters.kube.api import KubeApi, KubeError, namespaced
from dagy.adapters.settings.tls import TlsSettings
from dagy.web.tls.certificates import Certificates, renewed
from dagy.web.tls.given_certificates import UnusableCertificateError, loaded, proven, read, server_context

log = logging.getLogger(__name__)

_TRIES = 5

Publish = Callable[[str], Awaitable[None]]
"""Tells clients whom to trust (PEM); called at each look, so it writes only what has changed."""


async def published_by_others(_authorities: str) -> None:
    """For certificates whose keeper tells clients itself, as cert-manager does."""


class CertificateKeeper:
    """One replica's view. `context` serves the newest certificate, in new connections, without a restart."""

    def __init__(
        self,
        api: KubeApi,
        settings: TlsSettings,
        publish: Publish,
        *,
        client_authority: str = "",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`client_authority`: file with those whose certificate a client must have; none is asked for when empty."""
        self._api, self._settings, self._publish, self._clock = api, settings, publish, clock
        self._client_authority, self._accepted = client_authority, ""
        self._held: Certificates | None = None
        self._newest = self.context = self._asking_for_clients(server_context())
        # A context that has a certificate can't be told to forget it: a pair that turns out to be none would leave it
        # without a key, and one with another kind of key would be served beside the old one. So each gets a context
        # of its own, and connections move to the newest when they begin.
        self.context.sni_callback = self._choose
        self._told = ""
        """Last warning about a directory that can't be used, so as not to repeat it at every look."""

    @property
    def authorities(self) -> str:
        """PEM certificates by which others know this server; empty before the first look."""
        return self._held.authorities if self._held else ""

    @property
    def ends(self) -> datetime | None:
        """When the certificate that is served ends; None before the first look."""
        return self._held.ends if self._held else None

    def accept_clients(self, authorities: str) -> None:
        """From now on ask clients for a certificate of these authorities (PEM); they may have none.

        Raises ssl.SSLError for what is no certificate; it stays as it was then.
        """
        if authorities == self._accepted:
            return
        _accepting(server_context(), authorities)
        self._accepted = authorities
        # Whether a certificate is asked for comes from the context in which a connection begins; by which authorities
        # it is judged, from the one to which it moves.
        self.context.verify_mode = ssl.CERT_OPTIONAL if authorities else ssl.CERT_NONE
        if self._held:
            self._newest = self._asking_for_clients(loaded(self._held))

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
            given = self._given(Path(self._settings.tls_directory))
            if given:
                await self._publish(given[0].authorities)
                self._use(*given)
            return
        newest = await self._agree()
        await self._publish(newest.authorities)
        if self._held is None or (newest.chain, newest.key) != (self._held.chain, self._held.key):
            self._use(newest, loaded(newest))
        self._held = newest

    async def _agree(self) -> Certificates:
        """Return the Secret's certificates, after this replica or another one has renewed them if that was due."""
        path = namespaced("secrets", self._settings.api_namespace, self._settings.secret)
        valid_for = timedelta(days=self._settings.tls_days)
        for _ in range(_TRIES):
            secret = await self._api.get(path)
            if secret is None:
                raise LookupError(f"Secret {self._settings.secret} is missing; apply manifests/base/webhook.yaml.")
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
        raise TimeoutError(f"Secret {self._settings.secret} keeps changing.")

    def _given(self, folder: Path) -> tuple[Certificates, ssl.SSLContext] | None:
        """Return somebody else's certificates in `folder`, with their context; None when they are not new, or no use.

        While they are no use, those that are held are served, and that is logged. Raises UnusableCertificateError when
        nothing is held.
        """
        try:
            given = read(folder)
            if given == self._held:
                self._told = ""
                return None
            context = proven(given, self._settings.hosts[0])
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
            return None
        self._told = ""
        log.info("Serving the certificate that is now in %s", folder)
        return given, context

    def _use(self, newest: Certificates, context: ssl.SSLContext) -> None:
        self._held, self._newest = newest, self._asking_for_clients(context)

    def _asking_for_clients(self, context: ssl.SSLContext) -> ssl.SSLContext:
        if self._client_authority:
            context.load_verify_locations(self._client_authority)
            context.verify_mode = ssl.CERT_REQUIRED
        elif self._accepted:
            _accepting(context, self._accepted)
        return context

    def _choose(self, connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._newest


def _accepting(context: ssl.SSLContext, authorities: str) -> None:
    context.load_verify_locations(cadata=authorities)
    context.verify_mode = ssl.CERT_OPTIONAL
