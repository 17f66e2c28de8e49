"""The API inside this process, with the rights of the kubeconfig: for commands that name no URL.

It listens on a Unix socket in a folder that only this user can enter: who could reach it would have those rights.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import httpx

from dagy.client.errors import SetupError
from dagy.client.kubeconfig import kubeconfig_paths

if TYPE_CHECKING:
    from dagy.web.short_lived import ShortLivedServer

_STARTS_WITHIN = 60.0
_ENDS_WITHIN = 5.0


@contextmanager
def in_process_api() -> Iterator[httpx.BaseTransport]:
    """Serve while the block runs; yields the way to it. Raises SetupError."""
    if not hasattr(socket, "AF_UNIX"):
        raise SetupError("Without Unix sockets the API can't run inside this command. Name one with --url.")
    with tempfile.TemporaryDirectory(prefix="dagy-") as folder, socket.socket(socket.AF_UNIX) as listener:
        path = Path(folder) / "api"
        listener.bind(str(path))
        listener.listen()
        started: Future[ShortLivedServer] = Future()
        _quiet()
        thread = Thread(target=_run, args=(listener, started), name="dagy-api", daemon=True)
        thread.start()
        server = started.result(_STARTS_WITHIN)
        try:
            # There is no TLS on that socket, so no certificates need be read.
            yield httpx.HTTPTransport(verify=False, uds=str(path))
        finally:
            server.stop()
            thread.join(_ENDS_WITHIN)


def _run(listener: socket.socket, started: Future[ShortLivedServer]) -> None:
    try:
        asyncio.run(_serve(listener, started))
    except Exception as error:
        if not started.done():
            started.set_exception(_setup_error(error))


def _quiet() -> None:
    """Libraries log what goes wrong, and Python prints that when nobody listens; the command's sentence says it."""
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.NullHandler())


async def _serve(listener: socket.socket, started: Future[ShortLivedServer]) -> None:
    from dagy.adapters.api_settings import ApiSettings
    from dagy.web.app import create_app
    from dagy.web.services import Services
    from dagy.web.short_lived import ShortLivedServer

    services = await Services.in_process(ApiSettings.from_environment(), os.environ.get("KUBECONFIG") or None)
    try:
        server = ShortLivedServer(create_app(services))
        started.set_result(server)
        await server.serve(sockets=[listener])
    finally:
        await services.close()


def _setup_error(error: Exception) -> SetupError:
    if isinstance(error, ModuleNotFoundError):
        return SetupError(
            f"Without a URL the API runs inside this command, and that needs {error.name}, which is not installed. "
            "Name an API with --url or DAGY_API_URL, or run pip install 'dagy[server]'."
        )
    paths = kubeconfig_paths()
    missing = f"there is no file {' nor '.join(map(str, paths))}"
    why = str(error).rstrip(".") if any(path.exists() for path in paths) else missing
    return SetupError(
        f"There is no URL of the API, and the kubeconfig can't be used instead: {why}. Name an API "
        "with --url or DAGY_API_URL, or set KUBECONFIG."
    )
