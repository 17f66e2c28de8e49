"""An API that counts its requests, and ends the process at the one that a test names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from typing_extensions import override

from dagy.adapters.kube.api import KubeApi

WRITES = {"POST", "PATCH", "PUT", "DELETE"}


class Crash(BaseException):
    """The process dies here. No `except Exception` sees it."""


@dataclass
class Api(KubeApi):
    """The API, counting writes, and dying at the one that a test names."""

    inner: KubeApi
    die_at: int = 0
    after: bool = False
    """True when it dies after the server has done the write, instead of before."""
    writes: list[str] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    """Paths that were read, lists included; of a list each page."""

    def __post_init__(self) -> None:
        """Take over the connections and the rights, with which reads are made."""
        super().__init__(self.inner._client, token=self.inner._token, manager=self.inner._manager)

    @override
    async def _send(self, method: str, path: str, **options: Any) -> Any:
        self.reads.append(path)
        return await super()._send(method, path, **options)

    @override
    async def request(self, method: str, path: str, **options: Any) -> bytes:
        if method not in WRITES:
            self.reads.append(path)
            return await self.inner.request(method, path, **options)
        if path.endswith("reviews"):
            self.reads.append(path)
        self.writes.append(f"{method} {path}")
        mine = len(self.writes) == self.die_at
        if mine and not self.after:
            raise Crash
        answer = await self.inner.request(method, path, **options)
        if mine:
            raise Crash
        return answer


class Reading(KubeApi):
    """An API that keeps what its lists answer."""

    def __init__(self, inner: KubeApi) -> None:
        super().__init__(inner._client, token=inner._token)
        self.answers = b""

    @override
    async def _at_most(self, *arguments: Any) -> bytes | None:
        answer = await super()._at_most(*arguments)
        self.answers += answer or b""
        return answer
