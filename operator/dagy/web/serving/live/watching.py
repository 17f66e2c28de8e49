"""What becomes of the objects of one kind, as server-sent events with summaries of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Header, Query
from pydantic import BaseModel
from starlette.responses import Response

from dagy.adapters.kube.api import Json, KubeApi
from dagy.web.serving.live import events
from dagy.web.serving.problems import translated
from dagy.web.serving.resources import Resource
from dagy.web.serving.services import Services

_VERSION = "^[1-9][0-9]{0,19}$"
SinceQuery = Annotated[
    str | None, Query(pattern=_VERSION, description="That of the list that is known; the present one when absent.")
]
LastEventId = Annotated[
    str | None, Header(pattern=_VERSION, description="Id of the last event that came; goes before the other.")
]


@dataclass(frozen=True)
class Watched:
    """A kind whose objects are watched."""

    resource: Resource
    event: str
    """Name of the event that tells of an object that is new or has changed."""
    summary: Callable[[Json], BaseModel]
    gone: Callable[[Json], BaseModel]

    def described(self, summary: type[BaseModel], gone: type[BaseModel]) -> dict[str, Any]:
        """Return the answer for the OpenAPI document."""
        return {
            "content": {events.MEDIA_TYPE: {"schema": {"type": "string"}}},
            "description": f"Server-sent events: `{self.event}` with a {summary.__name__}, `gone` with a "
            f"{gone.__name__}, `synced` when all up to its id was told, and last `reset` with {{reason, detail}} when "
            "to list anew.",
        }

    async def answer(
        self, services: Services, caller: KubeApi, who: str, namespace: str | None, since: str | None
    ) -> Response:
        """Return the stream of what happens after the version `since`; it ends when the caller's right ends.

        Raises ProblemError.
        """
        services.watches.check(who)
        since = since or (await self.resource.page(caller, namespace, 1, "")).version
        told = self._told(caller.over(services.watch_callers), namespace, since)
        first = await anext(told)  # what stands in the way of a watch is an answer of its own
        lasting = services.watches.bounded(who, _after(first, told), lambda said: events.reset("Ended", said))
        return events.answer(events.alive(lasting, services.ending))

    async def _told(self, watching: KubeApi, namespace: str | None, since: str) -> AsyncGenerator[bytes, None]:
        """The events. Raises what stands in the way before the first one; later it is the last one."""
        begun = False
        try:
            async with aclosing(self.resource.changes(watching, namespace, since)) as changes:
                async for changed in changes:
                    if changed or not begun:
                        yield b"".join(map(self._event, changed)) or events.event("synced", "{}", since)
                    begun = True
        except Exception as error:
            if not begun:
                raise
            problem = translated(error)
            yield events.reset(problem.code, problem.detail)

    def _event(self, change: Json) -> bytes:
        """One event of Kubernetes as one of ours."""
        found = change["object"]
        version = found["metadata"]["resourceVersion"]
        match change["type"]:
            case "BOOKMARK":
                return events.event("synced", "{}", version)
            case "DELETED":
                return events.event("gone", self.gone(found).model_dump_json(), version)
            case _:
                return events.event(self.event, self.summary(found).model_dump_json(), version)


async def _after(first: bytes, more: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(more):
        yield first
        async for chunk in more:
            yield chunk
