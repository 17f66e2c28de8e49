"""The API's process: `python -m dagy.web`. Settings come from the environment (docs/settings.md)."""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
from pathlib import Path

import pydantic
import uvicorn

from dagy.adapters.api_settings import ApiSettings
from dagy.adapters.attach_settings import AttachSettings
from dagy.adapters.settings import wrong_settings
from dagy.web.admission import Admission
from dagy.web.app import create_app
from dagy.web.certificate_keeper import CertificateKeeper
from dagy.web.services import Services
from dagy_builder.trust import trust_added_authorities

_GRACE_SECONDS = 20


def main() -> int:
    """Serve until SIGTERM; the exit code is 0 then, 2 when a setting is wrong."""
    wrong: list[str] = []
    for kind in (ApiSettings, AttachSettings):
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
        asyncio.run(_serve(settings, AttachSettings.from_environment()))
    return 0


async def _serve(settings: ApiSettings, attach: AttachSettings) -> None:
    services = await Services.in_cluster(settings)
    keeper = CertificateKeeper(services.identity(), attach)
    await keeper.look()
    app = create_app(services)
    app.state.admission = Admission(services.lookup, lambda: attach.init_container(keeper.authorities))
    config = uvicorn.Config(
        app,
        host=settings.api_host,
        port=settings.api_port,
        ssl_context_factory=lambda *_: keeper.context,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    looking = asyncio.create_task(keeper.run())
    try:
        await uvicorn.Server(config).serve()
    finally:
        looking.cancel()
        await services.close()


if __name__ == "__main__":
    sys.exit(main())
