"""The API inside this process, with the rights of the kubeconfig: for commands that name no URL.

It listens on a Unix socket in a folder that only this user can enter: who could reach it would have those rights.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import tempfile
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from dagy.client.http.errors import SetupError
from dagy.client.http.kubeconfig import kubeconfig_paths

if TYPE_CHECKING:
    from dagy.adapters.kube.api import KubeApi
    from dagy.web.serving.in_process import ShortLivedServer

T = TypeVar("T")

_STARTS_WITHIN = 60.0
_ENDS_WITHIN = 5.0


@dataclass(frozen=True)
class Running:
    """The server, and the connection with the kubeconfig's rights that it works with."""

    server: ShortLivedServer
    api: KubeApi
    loop: asyncio.AbstractEventLoop
    stack: AsyncExitStack


@dataclass(frozen=True)
class InProcess:
    """The API inside this process."""

    transport: httpx.BaseTransport
    """The way to it."""
    api: KubeApi
    """The cluster with the kubeconfig's rights."""
    folder: Path
    """A folder that only this user can enter, and that goes with the process."""
    running: Running

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What a coroutine gives that works with `api`. Raises what it raises."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.running.loop).result()

    def enter(self, manager: AbstractAsyncContextManager[object]) -> None:
        """Enter a context until the API ends."""

        async def entered() -> None:
            await self.running.stack.enter_async_context(manager)

        self.run(entered())


@contextmanager
def in_process_api() -> Iterator[InProcess]:
    """Serve while the block runs. Raises SetupError."""
    if not hasattr(socket, "AF_UNIX"):
        raise SetupError("Without Unix sockets the API can't run inside this command. Name one with --url.")
    with tempfile.TemporaryDirectory(prefix="dagy-") as folder, socket.socket(socket.AF_UNIX) as listener:
        path = Path(folder) / "api"
        listener.bind(str(path))
        listener.listen()
        started: Future[Running] = Future()
        _quiet()
        thread = Thread(target=_run, args=(listener, started), name="dagy-api", daemon=True)
        thread.start()
        running = started.result(_STARTS_WITHIN)
        try:
            # There is no TLS on that socket, so no certificates need be read.
            yield InProcess(httpx.HTTPTransport(verify=False, uds=str(path)), running.api, Path(folder), running)
        finally:
            running.server.stop()
            thread.join(_ENDS_WITHIN)


def _run(listener: socket.socket, started: Future[Running]) -> None:
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


async def _serve(listener: socket.socket, started: Future[Running]) -> None:
    from dagy.adapters.settings.api import ApiSettings
    from dagy.web.app import create_app
    from dagy.web.serving.in_process import ShortLivedServer
    from dagy.web.serving.services import Services

    services = await Services.in_process(ApiSettings.from_environment(), os.environ.get("KUBECONFIG") or None)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(services.close)
        server = ShortLivedServer(create_app(services))
        started.set_result(Running(server, services.callers, asyncio.get_running_loop(), stack))
        await server.serve(sockets=[listener])


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
