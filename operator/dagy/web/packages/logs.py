"""The logs of a package's steps: live from the pods of its Jobs, afterwards from S3."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Annotated, TypeVar

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse, StreamingResponse
from starlette.responses import Response

from dagy.adapters.kube.api import Json, KubeApi, KubeError, namespaced
from dagy.core.outcomes import logs
from dagy.core.outcomes.facts import STEPS, JobFact
from dagy.core.outcomes.results import log_text
from dagy.core.package.status_cache import trusted_status
from dagy.core.rest import view as rest_view
from dagy.core.rest.no_log import why_none
from dagy.core.rest.reasons import ApiReason
from dagy.model import constants as names
from dagy.model.status import DepPackageStatus, JobKind, Phase
from dagy.web.serving.live.events import UNBUFFERED
from dagy.web.serving.parameters import NamePath, NamespacePath, problems
from dagy.web.serving.problems import ProblemError, translated
from dagy.web.serving.resources import PACKAGES
from dagy.web.serving.services import Caller, CallerName, Provided, Services

router = APIRouter(tags=["packages"])
T = TypeVar("T")

_LOOK_SECONDS = 1.0
"""Between two looks for a pod: callers may not watch the build namespace, and hundreds of them must not either."""
_RIGHTS_SECONDS = 30.0
"""Between two looks whether the caller may still see the package; what becomes of it is looked at for all together."""
_IDLE_SECONDS = 7200.0
"""Longest silence of a step, the same as its longest time-out."""
_MOST_BYTES = 1 << 40
_R = ApiReason


@router.get(
    "/dep-packages/{namespace}/{name}/logs",
    responses={
        **problems(_R.NO_LOG, _R.STORAGE_NOT_CONFIGURED, _R.STORAGE_UNAVAILABLE),
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "The log"},
    },
    response_class=PlainTextResponse,
)
async def package_logs(
    *,
    services: Provided,
    caller: Caller,
    who: CallerName,
    namespace: NamespacePath,
    name: NamePath,
    step: Annotated[JobKind | None, Query(description="Whose log; both, one after the other, when absent.")] = None,
    follow: Annotated[bool, Query(description="Go on until the step has ended, through all its attempts.")] = False,
    attempt: Annotated[int | None, Query(ge=1, le=1000, description="Of this attempt alone; of the last one.")] = None,
    from_byte: Annotated[int, Query(ge=0, le=_MOST_BYTES, description="Without so many bytes, which came before.")] = 0,
) -> Response:
    """The log of the last attempt of each step."""
    package = await PACKAGES.get(caller, namespace, name)
    sources = [_Source(services, one, attempt) for one in ([step] if step else JobKind)]
    if follow:
        services.streams.check(who)
        chunks = services.streams.bounded(who, _after(from_byte, _follow(sources, caller, package)))
        return StreamingResponse(chunks, media_type="text/plain; charset=utf-8", headers=UNBUFFERED)
    texts = [text for source in sources if (text := await source.whole(package)) is not None]
    if not texts:
        raise _no_log(package, step, attempt)
    return PlainTextResponse("".join(texts).encode()[from_byte:])


async def _after(skipped: int, chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The chunks without their first bytes."""
    async with aclosing(chunks):
        async for chunk in chunks:
            if skipped < len(chunk):
                yield chunk[skipped:]
            skipped = max(0, skipped - len(chunk))


async def _follow(sources: Sequence[_Source], caller: KubeApi, package: Json) -> AsyncGenerator[bytes, None]:
    shown = False
    try:
        for source in sources:
            async with aclosing(source.follow(caller, package)) as chunks:
                async for chunk in chunks:
                    shown = True
                    yield chunk
        if not shown:
            yield f"{_no_log(package, None).detail}\n".encode()
    except Exception as error:  # the answer has begun: what went wrong can only be its last line
        yield f"\n{translated(error).detail}\n".encode()


def _no_log(package: Json, step: str | None, attempt: int | None = None) -> ProblemError:
    status = _status(package)
    which = f"step {step} of " if step else ""
    if attempt is not None:
        which = f"attempt {attempt} at {which}"
    where = f"{package['metadata']['namespace']}/{package['metadata']['name']}"
    why = why_none(status, JobKind(step or JobKind.BUILD), attempt)
    return ProblemError(
        _R.NO_LOG, f"There is no log of {which}package {where}. {why} The package is {status.phase or Phase.PENDING}."
    )


class _Source:
    """Source of the log of one step."""

    def __init__(self, services: Services, kind: JobKind, attempt: int | None) -> None:
        """`attempt`: the number of the only one that is meant; the last one when None, and with `follow` all."""
        self._services, self._kind, self._builds, self._attempt = services, kind, services.builds, attempt

    async def whole(self, package: Json) -> str | None:
        """All there is of the last attempt; None when there is nothing."""
        job = await self._newest(package)
        if job and job.pod and not job.log_uri:
            parts = [(step, (await self._builds.log(job.pod, step)).text) for step in STEPS[self._kind]]
            return await asyncio.to_thread(log_text, parts, None)
        return await self._kept(package, job)

    async def follow(self, caller: KubeApi, package: Json) -> AsyncGenerator[bytes, None]:
        """Attempt after attempt, until the step has ended for good."""
        shown: set[str] = set()
        checked = time.monotonic()
        while True:
            job = await self._newest(package)
            if job and job.pod and job.name not in shown and not job.log_uri:
                shown.add(job.name)
                async with aclosing(self._live(job)) as lines:
                    async for chunk in lines:
                        yield chunk
                continue
            if time.monotonic() - checked > _RIGHTS_SECONDS:
                await self._present(caller, package)
                checked = time.monotonic()
            package = await self._present_for_all(package)
            if self._ended(package) or self._is_past(package, bool(shown)):
                kept = None if shown else await self._kept(package, job)
                if kept is not None:
                    yield kept.encode()
                return
            await asyncio.sleep(_LOOK_SECONDS)

    def _ended(self, package: Json) -> bool:
        """Return True when no other attempt of this step will come by itself."""
        if rest_view.package_response(package).settled:
            return True
        resolved = _status(package).phase not in (None, Phase.PENDING, Phase.VALIDATING)
        return self._kind is JobKind.VALIDATE and resolved and not rest_view.is_behind(package)

    def _is_past(self, package: Json, shown: bool) -> bool:
        """Return True when it is one attempt that is meant, and that has been shown or has ended."""
        if self._attempt is None:
            return False
        return shown or logs.kept_log(_status(package), self._kind, self._attempt) is not None

    async def _shared(self, what: str, package: Json, ask: Callable[[], Awaitable[T]]) -> T:
        return await self._services.looks.look((what, package["metadata"]["uid"]), ask)

    async def _present_for_all(self, package: Json) -> Json:
        """The package as it is; never one from before a change that the caller has made already."""
        seen = await self._shared("package", package, lambda: self._present(self._services.reader, package))
        return rest_view.later(seen, package)

    async def _present(self, api: KubeApi, package: Json) -> Json:
        return await PACKAGES.get(api, package["metadata"]["namespace"], package["metadata"]["name"])

    async def _newest(self, package: Json) -> JobFact | None:
        selector = {names.LABEL_PACKAGE_UID: package["metadata"]["uid"]}
        jobs = await self._shared("jobs", package, lambda: self._builds.jobs(selector))
        return logs.newest_job(jobs, self._kind, self._attempt)

    async def _live(self, job: JobFact) -> AsyncGenerator[bytes, None]:
        assert job.pod
        for step in STEPS[self._kind]:
            yield logs.heading(step).encode()
            last = b""
            async with aclosing(self._container(job, step)) as lines:
                async for chunk in lines:
                    last = chunk or last
                    yield chunk
            if not last.endswith(b"\n"):  # as in the log that is kept, so that a place in the one is one in the other
                yield b"\n"

    async def _container(self, job: JobFact, step: str) -> AsyncGenerator[bytes, None]:
        assert job.pod
        path = namespaced("pods", self._services.settings.build_namespace, job.pod.name, "log")
        query = {"container": step, "follow": "true"}
        while True:
            held = logs.LineFilter()
            try:
                async with aclosing(
                    self._services.stream_reader.stream(path, query=query, idle_seconds=_IDLE_SECONDS)
                ) as body:
                    async for chunk in body:
                        held, text = held.feed(chunk)
                        yield text
                yield held.end()
            except KubeError as error:
                if error.status not in (400, 404):
                    raise
                if not await self._is_live(job):
                    return
                await asyncio.sleep(_LOOK_SECONDS)  # the container has not started yet
            else:
                return

    async def _is_live(self, job: JobFact) -> bool:
        selector = {names.LABEL_INPUT_HASH: job.input_hash, names.LABEL_JOB_KIND: job.kind}
        like = await self._services.looks.look(job.name, lambda: self._builds.jobs(selector))
        return any(other.name == job.name and other.live for other in like)

    async def _kept(self, package: Json, job: JobFact | None) -> str | None:
        if not (job and job.log_uri) and not logs.kept_log(_status(package), self._kind, self._attempt):
            return None
        files, home = self._services.storage(), await self._services.home_of(package)
        if home is None:
            return None
        said = trusted_status(package, home)
        key = home.key_of((job.log_uri if job else "") or logs.kept_log(said, self._kind, self._attempt))
        return await asyncio.to_thread(files.text, key) if key else None


def _status(package: Json) -> DepPackageStatus:
    return DepPackageStatus.model_validate(package.get("status") or {})
