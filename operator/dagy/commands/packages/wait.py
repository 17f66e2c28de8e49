"""Waiting for a package, with its phases as they come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from dagy.client import Client
from dagy.client.packages import Watcher
from dagy.commands import output, terminal
from dagy.commands.connection import DONE, FAILED
from dagy.commands.packages.text import outcome, succeeded
from dagy.model.rest.packages import DepPackageResponse


def wait_for(client: Client, reference: str, timeout: float, *, as_json: bool) -> int:
    """Wait, tell the outcome, and give its exit code."""
    with _phases() as watcher:
        found = client.packages.wait(reference, timeout=timeout, watcher=watcher)
    if as_json:
        output.as_json(found)
    elif succeeded(found):
        terminal.say(outcome(found))
    else:
        terminal.note(outcome(found))
    return DONE if succeeded(found) else FAILED


@contextmanager
def _phases() -> Iterator[Watcher]:
    """On a terminal one line that changes; elsewhere a line for each phase."""
    console = Console(stderr=True, highlight=False)
    seen: list[str] = []
    if console.is_terminal:
        with console.status("...") as status:
            yield lambda package: status.update(f"{package.namespace}/{package.name}: {package.build_status}")
        return

    def tell(package: DepPackageResponse) -> None:
        if package.settled or seen[-1:] == [package.build_status]:
            return
        seen.append(package.build_status)
        terminal.note(f"{package.namespace}/{package.name}: {package.build_status}")

    yield tell
