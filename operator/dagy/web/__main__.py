"""The API's process: `python -m dagy.web`. Settings come from the environment (docs/settings.md)."""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
from pathlib import Path

import pydantic

from dagy.adapters.settings.api import ApiSettings
from dagy.adapters.settings.environment import wrong_settings
from dagy.adapters.settings.tls import ApiTlsSettings
from dagy.web.app import create_app
from dagy.web.serving import connections
from dagy.web.serving.services import Services
from dagy.web.tls.authorities import ApiAuthority
from dagy.web.tls.certificate_keeper import CertificateKeeper
from dagy.web.tls.client_certificates import ClientAuthorities
from dagy_builder.trust import trust_added_authorities


def main() -> int:
    """Serve until SIGTERM; the exit code is 0 then, 2 when a setting is wrong."""
    wrong: list[str] = []
    for kind in (ApiSettings, ApiTlsSettings):
        try:
            kind.from_environment()
        except pydantic.ValidationError as error:
            wrong += wrong_settings(kind, error)
    if wrong:
        print(*wrong, sep="\n", file=sys.stderr)
        return 2
    settings = ApiSettings.from_environment()
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with tempfile.TemporaryDirectory() as scratch:
        trust_added_authorities(Path(scratch))
        asyncio.run(_serve(settings, ApiTlsSettings.from_environment()))
    return 0


async def _serve(settings: ApiSettings, tls: ApiTlsSettings) -> None:
    services = await Services.in_cluster(settings)
    identity = services.identity()
    keeper = CertificateKeeper(identity, tls, ApiAuthority(identity, tls.api_namespace, tls.address).publish)
    clients = ClientAuthorities(identity, keeper.accept_clients)
    await clients.look()
    await keeper.look()
    server = connections.server(create_app(services), settings.api_host, settings.api_port, lambda: keeper.context)
    looking = [asyncio.create_task(one) for one in (keeper.run(), clients.run(tls.tls_check_seconds))]
    try:
        await server.serve()
    finally:
        for task in looking:
            task.cancel()
        await services.close()


if __name__ == "__main__":
    sys.exit(main())
