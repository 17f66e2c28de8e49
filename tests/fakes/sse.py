"""A reader of server-sent events, as a browser has it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True)
class Event:
    """One event; a comment is one without a kind."""

    kind: str
    data: Any
    id: str


def events(lines: Iterator[str]) -> Iterator[Event]:
    """The events of an answer."""
    kind, data, identifier = "", "", ""
    for line in lines:
        if line.startswith(":"):
            yield Event("", None, "")
        elif line:
            name, _, value = line.partition(": ")
            kind, data, identifier = (
                value if name == "event" else kind,
                value if name == "data" else data,
                value if name == "id" else identifier,
            )
        elif kind:
            yield Event(kind, json.loads(data), identifier)
            kind, data, identifier = "", "", ""


class Watching:
    """An open stream."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._events = events(response.iter_lines())

    def until(self, wanted: Callable[[Event], bool]) -> list[Event]:
        """All events up to the first that is wanted. It waits as long as the client's timeout."""
        found: list[Event] = []
        for event in self._events:
            found.append(event)
            if wanted(event):
                return found
        raise AssertionError(f"the stream has ended: {found}")

    def rest(self) -> list[Event]:
        """All events to the end."""
        return list(self._events)


@contextmanager
def watching(client: httpx.Client, path: str = "/dep-packages:watch", **query: str) -> Iterator[Watching]:
    """A stream, from its first event on."""
    headers = {"Last-Event-ID": query.pop("last_event_id")} if "last_event_id" in query else {}
    with client.stream("GET", path, params=query, headers=headers) as response:
        if response.status_code != 200:
            response.read()
        assert response.status_code == 200, response.text
        yield Watching(response)
