"""Callers that the webhook accepts: the API server, as far as it can be told from others."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address

from starlette.types import Scope

from dagy.adapters.settings.attach import AttachSettings
from dagy.core.rest.client_certificate import user_of
from dagy.web.serving.connections import PEER_CERTIFICATE


class NotTheApiServerError(Exception):
    """Somebody else asks; the message says by what that is known."""


@dataclass(frozen=True)
class Clients:
    """By its client certificate, or else by the network from which it asks. With neither, nobody is known."""

    with_certificate: bool
    certificate_names: tuple[str, ...]
    networks: tuple[IPv4Network | IPv6Network, ...]

    @classmethod
    def of(cls, settings: AttachSettings) -> Clients:
        """As the settings say."""
        return cls(bool(settings.webhook_client_ca), settings.client_names, settings.clients)

    @property
    def known(self) -> bool:
        """True when whoever is let in is the API server, and may be told whatever it asks."""
        return self.with_certificate or bool(self.networks)

    async def admit(self, scope: Scope) -> str:
        """Nobody in particular. Raises NotTheApiServerError for anybody else than the API server."""
        if self.with_certificate:
            user = user_of(scope.get("state", {}).get(PEER_CERTIFICATE) or {})
            if not user or (self.certificate_names and user.name not in self.certificate_names):
                raise NotTheApiServerError("Its certificate is not the one that DAGY_WEBHOOK_CLIENT_NAMES names.")
        address = (scope.get("client") or ("",))[0]
        if self.networks and not any(ip_address(address) in network for network in self.networks):
            raise NotTheApiServerError(f"DAGY_WEBHOOK_CLIENTS has no network with the address {address}.")
        return ""
