"""Lists of which only some objects are shown: looked through page by page, within bounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from dagy.adapters.kube.api import Json, KubeApi
from dagy.core.rest.edit import Cursor
from dagy.core.rest.reasons import ApiReason
from dagy.web.serving.problems import ProblemError
from dagy.web.serving.resources import Resource

_SCANNED_ITEMS = 10_000
"""Objects that are looked through before what was found is answered, with a cursor."""
_PAGE = 50


class Found(NamedTuple):
    """What a scan has found."""

    items: list[Json]
    following: str | None
    """The cursor of the next page; None on the last one."""
    version: str
    """resourceVersion of the list, the same on all its pages."""


async def scan(
    resource: Resource,
    caller: KubeApi,
    namespace: str | None,
    *,
    limit: int,
    cursor: str,
    shows: Callable[[Json], bool] | None,
) -> Found:
    """Find at most `limit` objects that are shown (all when None). Raises ProblemError."""
    at = _cursor(cursor)
    size = limit if shows is None and not at.skip else _PAGE
    found: list[Json] = []
    scanned, version = 0, ""
    while scanned < _SCANNED_ITEMS:
        page = await resource.page(caller, namespace, size, at.token)
        scanned, version = scanned + (len(page.items) or 1), page.version
        for index, item in enumerate(page.items):
            if index < at.skip or (shows and not shows(item)):
                continue
            found.append(item)
            if len(found) == limit:
                return Found(found, _after(at, index + 1, len(page.items), page.following), version)
        if not page.following:
            return Found(found, None, version)
        # A page may be shorter than when the cursor was made.
        at = Cursor(page.following, max(0, at.skip - len(page.items)))
    return Found(found, at.encode(), version)


def _cursor(text: str) -> Cursor:
    if not text:
        return Cursor()
    try:
        return Cursor.decode(text)
    except ValueError:
        raise ProblemError(
            ApiReason.INVALID_REQUEST, "The cursor is not one of this API's. Take next_cursor of the page before."
        ) from None


def _after(at: Cursor, looked_at: int, page: int, following: str) -> str | None:
    if looked_at < page:
        return Cursor(at.token, looked_at).encode()
    return Cursor(following).encode() if following else None
