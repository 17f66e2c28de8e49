"""`dagy console`: the web console in a browser on this machine, with the rights of the command line."""

from __future__ import annotations

import html
import os
import signal
import tempfile
import webbrowser
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import Annotated

import httpx
from cyclopts import Parameter

from dagy.client.http.errors import DagyError, SetupError
from dagy.client.http.responses import failure
from dagy.client.http.transport import setup, unauthenticated
from dagy.commands import terminal
from dagy.commands.connection import DONE, with_exit_code
from dagy.commands.forwarding import LocalProxy, serving
from dagy.commands.options import DEFAULT, Api

_ANSWER_SECONDS = 30.0
_GRAPHICAL = ("DISPLAY", "WAYLAND_DISPLAY")


@with_exit_code
def console(
    *,
    port: Annotated[int, Parameter(help="Port on 127.0.0.1; a free one when 0.")] = 0,
    browser: Annotated[bool, Parameter(help="Open a browser, where there is one.")] = True,
    api: Api = DEFAULT,
) -> int:
    """Open the console; `dagy.cli` has the help."""
    with _api_for_everything(api) as http, _proxy(http, port) as proxy:
        terminal.say(f"The console is at {proxy.address}")
        terminal.note("Whoever has this address has your rights on packages and flows. Ctrl-C ends it.")
        with suppress(KeyboardInterrupt), _ended_by_signals(), _shown(proxy, browser=browser):
            Event().wait()
    return DONE


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """End as by Ctrl-C: on SIGTERM, too, and where SIGINT is ignored, as in the background of a shell."""
    before = {one: signal.signal(one, signal.default_int_handler) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _proxy(http: httpx.Client, port: int) -> AbstractContextManager[LocalProxy]:
    try:
        return serving(LocalProxy(http, port))
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or "it must be between 0 and 65535"
        raise SetupError(
            f"Port {port} of 127.0.0.1 can't be used: {why}. Name another one with --port, or none."
        ) from error


@contextmanager
def _api_for_everything(api: Api) -> Iterator[httpx.Client]:
    """The API at the URL, or else the cluster's own; where that can't be reached, one inside this process."""
    if api.url:
        given = setup(api.url, None, api.ca_file, _ANSWER_SECONDS)
        with httpx.Client(verify=given.verify, **given.arguments()) as http:
            yield http
        return
    from dagy.commands.cluster_api import open_cluster_api
    from dagy.commands.in_process import in_process_api

    with in_process_api() as process:
        try:
            http = _that_answers(open_cluster_api(process, api))
        except DagyError as error:
            terminal.note(f"{error} Until then the console can't show logs and ZIPs.")
            http = httpx.Client(transport=process.transport, **unauthenticated(_ANSWER_SECONDS).arguments())
        with closing(http):
            yield http


def _that_answers(http: httpx.Client) -> httpx.Client:
    try:
        http.get("/healthz")
    except httpx.TransportError as error:
        http.close()
        raise failure(error, str(http.base_url)) from error
    return http


@contextmanager
def _shown(proxy: LocalProxy, *, browser: bool) -> Iterator[None]:
    """Open the browser with a page that leads to the console.

    What a browser is started with, every user of the machine can read; the page, only this one.
    """
    if not browser or not _has_browser():
        yield
        return
    with tempfile.TemporaryDirectory(prefix="dagy-console-") as folder:
        page = Path(folder, "console.html")
        address = html.escape(proxy.address, quote=True)
        page.write_text(
            f'<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>DAGY</title>'
            f'<meta http-equiv="refresh" content="0;url={address}"><a href="{address}">Open the console</a>\n'
        )
        webbrowser.open(page.as_uri())
        yield


def _has_browser() -> bool:
    """Return False where only browsers for terminals could start, which can't show the console."""
    return os.name == "nt" or os.uname().sysname == "Darwin" or any(os.environ.get(name) for name in _GRAPHICAL)
