"""Packages and deployments as they are and as they change: a list, then a stream of events, again and again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from dagy.client.http.errors import UnreachableError
from dagy.client.http.requests import Call, answer, query
from dagy.client.http.session import Session
from dagy.model.rest.summaries import (
    DeploymentSummary,
    DeploymentSummaryPage,
    DepPackageSummary,
    DepPackageSummaryPage,
    GoneDeployment,
    GonePackage,
)

_SILENCE_SECONDS = 40.0
"""After which a stream is taken for dead; a comment comes every 15 seconds."""
_PAUSE_SECONDS = 1.0


S = TypeVar("S", DepPackageSummary, DeploymentSummary)
G = TypeVar("G", GonePackage, GoneDeployment)


@dataclass(frozen=True)
class Watched(Generic[S, G]):
    """A kind that is listed and watched in summaries."""

    path: str
    event: str
    summary: type[S]
    gone: type[G]
    page: Any
    """Type of a page of summaries."""

    def gone_of(self, summary: S) -> G:
        """What would be told at its end."""
        return self.gone(id=summary.id, namespace=summary.namespace, name=summary.name)


PACKAGES = Watched("/dep-packages", "package", DepPackageSummary, GonePackage, DepPackageSummaryPage)
DEPLOYMENTS = Watched("/deployments", "deployment", DeploymentSummary, GoneDeployment, DeploymentSummaryPage)


@dataclass(frozen=True)
class Event:
    """One server-sent event."""

    kind: str
    data: str
    id: str


def events(lines: Iterator[str]) -> Iterator[Event]:
    """The events of a stream (WHATWG HTML, 9.2.6), as this API writes them: data in one line."""
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if name:
            fields[name] = value.removeprefix(" ")
        elif not line and "event" in fields:
            yield Event(fields["event"], fields.get("data", ""), fields.get("id", ""))
            fields = {}


def pages(
    session: Session, watched: Watched[S, G], namespace: str | None, **filters: str | None
) -> Iterator[tuple[list[S], str]]:
    """Items and resourceVersion of each page of a list of summaries. Raises DagyError."""
    cursor: str | None = None
    while True:
        parameters = query(namespace=namespace, **filters, cursor=cursor, limit=1000)
        page = session.send(Call("GET", f"{watched.path}:summaries", answer(watched.page), parameters))
        yield page.items, page.resource_version
        cursor = page.next_cursor
        if cursor is None:
            return


def watch(session: Session, watched: Watched[S, G], namespace: str | None) -> Iterator[S | G]:
    """Each object as it is, then whatever becomes of them, without an end. Raises DagyError."""
    known: dict[str, G] = {}
    while True:
        found, version = dict[str, G](), ""
        for items, listed in pages(session, watched, namespace):
            version = listed
            for summary in items:
                found[summary.id] = watched.gone_of(summary)
                yield summary
        yield from (gone for identifier, gone in known.items() if identifier not in found)
        known = found
        for change in _changes(session, watched, namespace, version):
            if isinstance(change, watched.summary):
                known[change.id] = watched.gone_of(change)
            else:
                known.pop(change.id, None)
            yield change


def _changes(session: Session, watched: Watched[S, G], namespace: str | None, version: str) -> Iterator[S | G]:
    """What happens since that version, until the list has to be read anew."""
    while True:
        headers = {"Last-Event-ID": version}
        call = Call("GET", f"{watched.path}:watch", bytes, query(namespace=namespace), headers=headers)
        try:
            with session.stream(call, silence=_SILENCE_SECONDS) as response:
                for event in events(response.iter_lines()):
                    version = event.id or version
                    if event.kind == watched.event:
                        yield answer(watched.summary)(event.data.encode())
                    elif event.kind == "gone":
                        yield answer(watched.gone)(event.data.encode())
                    elif event.kind == "reset":
                        return
        except UnreachableError:
            pass  # it was cut; asking again tells whether the API is there
        time.sleep(_PAUSE_SECONDS)
