"""The API's process: `python -m dagy.web`. Settings come from the environment (docs/settings.md)."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import pydantic

from dagy.adapters import logs
from dagy.adapters.metrics.registry import Metrics
from dagy.adapters.metrics.server import serving
from dagy.adapters.settings.api import ApiSettings
from dagy.adapters.settings.environment import wrong_settings
from dagy.adapters.settings.tls import ApiTlsSettings
from dagy.adapters.version import version
from dagy.core.metrics.metric import Process
from dagy.core.metrics.requests import certificate_samples
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
    logs.configure(settings.log_level, settings.log_format)
    with tempfile.TemporaryDirectory() as scratch:
        trust_added_authorities(Path(scratch))
        asyncio.run(_serve(settings, ApiTlsSettings.from_environment()))
    return 0


async def _serve(settings: ApiSettings, tls: ApiTlsSettings) -> None:
    metrics = Metrics(Process.API, version())
    services = await Services.in_cluster(settings, metrics.record)
    identity = services.identity()
    keeper = CertificateKeeper(identity, tls, ApiAuthority(identity, tls.api_namespace, tls.address).publish)
    clients = ClientAuthorities(identity, keeper.accept_clients)
    await clients.look()
    await keeper.look()
    metrics.watch(lambda: certificate_samples(keeper.ends))
    app, ending = create_app(services), services.ending.set
    server = connections.server(app, settings.api_host, settings.api_port, lambda: keeper.context, ending)
    looking = [asyncio.create_task(one) for one in (keeper.run(), clients.run(tls.tls_check_seconds))]
    try:
        async with serving(metrics, settings.metrics_port):
            await server.serve()
    finally:
        for task in looking:
            task.cancel()
        await services.close()


if __name__ == "__main__":
    sys.exit(main())
