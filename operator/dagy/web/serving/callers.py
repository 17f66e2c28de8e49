"""Authentication of callers before the body is read: the cluster is asked, and its answer kept for seconds."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from starlette.datastructures import Headers
from starlette.types import Scope

from dagy.adapters.kube import reviews
from dagy.adapters.kube.api import KubeError
from dagy.adapters.kube.reviews import PodIdentity
from dagy.model import constants as names
from dagy.web.serving.credentials import certified_user, token_in
from dagy.web.serving.problems import ProblemError, unauthenticated
from dagy.web.serving.services import Services

SIGN_PATH = "/artifacts:sign"
"""Path where the caller is a pod, with a token that the cluster's other doors don't take."""
_PUBLIC = frozenset({"/", "/console", "/healthz", "/readyz", "/openapi.json"})
_PUBLIC_BELOW = "/console/"
"""The console's files hold nothing of anybody; what it shows it asks for with its user's token."""
_ACCEPTED_SECONDS, _REFUSED_SECONDS = 10.0, 5.0
_KEPT = 4096
_AT_ONCE = 8
"""Questions to the cluster about tokens that were not accepted lately; those that were have as many of their own."""


_Found: TypeAlias = str | PodIdentity


@dataclass(frozen=True)
class _Answer:
    until: float
    value: _Found | ProblemError | KubeError


class Callers:
    """Knows callers by token or client certificate. In process, where there is neither, everybody is the one user."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._kept: OrderedDict[tuple[str, bytes], _Answer] = OrderedDict()
        self._asked: dict[tuple[str, bytes], asyncio.Future[_Found]] = {}
        self._new, self._known = asyncio.Semaphore(_AT_ONCE), asyncio.Semaphore(_AT_ONCE)

    async def admit(self, scope: Scope) -> str:
        """Return the caller's name. Raises ProblemError or KubeError (401), and what the cluster's absence raises."""
        path = scope["path"]
        if self._services.own is None or path in _PUBLIC or path.startswith(_PUBLIC_BELOW):
            return ""
        user = certified_user(scope)
        if user and path != SIGN_PATH:  # known by the connection already
            return user.name
        token = token_in(Headers(scope=scope).get("authorization", ""))
        if path == SIGN_PATH:
            pod = await self.pod(token)
            return f"pod {pod.namespace}/{pod.pod}"
        return str(await self._answer(("user", _hash(token)), lambda: self._user(token)))

    async def pod(self, token: str) -> PodIdentity:
        """Return the owner of a pod's token. Raises ProblemError (401)."""
        found = await self._answer(("pod", _hash(token)), lambda: self._pod(token))
        assert isinstance(found, PodIdentity)
        return found

    async def _user(self, token: str) -> str:
        return (await reviews.user_of(self._services.callers.as_caller(token))).name

    async def _pod(self, token: str) -> PodIdentity:
        pod = await reviews.pod_of(self._services.identity(), token)
        if pod is None:
            raise unauthenticated(
                f"This is no token of a pod for the audience {names.API_AUDIENCE}. Project one into the pod, as the "
                "init container dagy-attach has it."
            )
        return pod

    async def _answer(self, key: tuple[str, bytes], ask: Callable[[], Awaitable[_Found]]) -> _Found:
        kept = self._kept.get(key)
        if kept is None or kept.until < time.monotonic():
            accepted = kept is not None and not isinstance(kept.value, Exception)
            return await self._shared(key, self._known if accepted else self._new, ask)
        if isinstance(kept.value, Exception):
            raise kept.value.again()
        return kept.value

    async def _shared(
        self, key: tuple[str, bytes], lane: asyncio.Semaphore, ask: Callable[[], Awaitable[_Found]]
    ) -> _Found:
        """One question for all who ask at once. It goes on when one of them leaves."""
        asked = self._asked.get(key)
        if asked is None:
            asked = asyncio.ensure_future(self._ask(key, lane, ask))
            self._asked[key] = asked
            asked.add_done_callback(lambda done: (self._asked.pop(key, None), done.cancelled() or done.exception()))
        return await asyncio.shield(asked)

    async def _ask(
        self, key: tuple[str, bytes], lane: asyncio.Semaphore, ask: Callable[[], Awaitable[_Found]]
    ) -> _Found:
        async with lane:
            try:
                found = await ask()
            except (ProblemError, KubeError) as error:
                if isinstance(error, ProblemError) or error.status == 401:
                    self._keep(key, error.again(), _REFUSED_SECONDS)
                raise
        self._keep(key, found, _ACCEPTED_SECONDS)
        return found

    def _keep(self, key: tuple[str, bytes], value: _Found | ProblemError | KubeError, seconds: float) -> None:
        self._kept[key] = _Answer(time.monotonic() + seconds, value)
        self._kept.move_to_end(key)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
