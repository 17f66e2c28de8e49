"""Showing results: tables for people, JSON for programs, progress on terminals only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

from dagy.client.files.verified import Progress as OnProgress
from dagy.commands.terminal import json_text, note, printable, say
from dagy.model.status import Phase

M = TypeVar("M")

_WIDE = 10_000
"""Columns of what is not a terminal: nothing is cut off there."""
_STYLES = {
    Phase.COMPLETED: "green",
    Phase.VALID: "green",
    Phase.FAILED: "red",
    Phase.INVALID: "red",
    "Ready": "green",
    "Refused": "red",
    "Succeeded": "green",
    "Failed": "red",
}


def as_json(value: BaseModel | Sequence[BaseModel] | dict[str, Any]) -> None:
    """Print a result whole."""
    if isinstance(value, BaseModel):
        plain: Any = value.model_dump(mode="json")
    elif isinstance(value, dict):
        plain = value
    else:
        plain = [one.model_dump(mode="json") for one in value]
    json_text(plain)


def listing(
    found: Sequence[M], headings: Sequence[str], row: Callable[[M, datetime], Sequence[str]], none: str
) -> None:
    """Print what was found as a table of one row each, or say that there is none."""
    if found:
        now = datetime.now(UTC)
        table(headings, (row(one, now) for one in found))
    else:
        note(none)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows in columns, as kubectl does; words that say how something stands are coloured."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDE)
    shown = Table(box=None, pad_edge=False, show_edge=False, header_style="")
    cells = [[_one_line(cell) for cell in row] for row in rows]
    for column, heading in enumerate(headings):
        width = max(len(heading), *(len(row[column]) for row in cells))
        # Only the last column may be cut: names and slugs are there to be copied.
        least = None if column == len(headings) - 1 else width
        shown.add_column(
            heading, no_wrap=True, min_width=least, overflow="ellipsis" if console.is_terminal else "ignore"
        )
    for row in cells:
        shown.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    with console.capture() as captured:
        console.print(shown)
    for line in captured.get().splitlines():
        print(line.rstrip())


def fields(pairs: Iterable[tuple[str, str | None]]) -> None:
    """Print names and values, one in a line; without those that have none."""
    given = [(name, value) for name, value in pairs if value]
    width = max((len(name) for name, _ in given), default=0) + 2
    for name, value in given:
        first, *more = value.splitlines()
        say(f"{name + ':':<{width}}{first}")
        for line in more:
            say(" " * width + line)


@contextmanager
def progress_bar(what: str) -> Iterator[OnProgress | None]:
    """A bar on standard error for bytes that are moved; nothing where that is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))
