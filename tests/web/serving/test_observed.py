"""The outermost layer: each request is counted once, by what it is about, and carries an identifier that forges nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from dagy.adapters import logs
from dagy.core.metrics import catalogue as metrics
from dagy.core.metrics.metric import Sample
from dagy.web.serving.observed import Observed


async def echo(_: Request) -> Response:
    return PlainTextResponse((logs._about.get() or {})["request"])


async def broken(_: Request) -> Response:
    raise RuntimeError("no good")


def ask(path: str, **headers: str) -> tuple[httpx.Response | None, list[Sample]]:
    """The answer to one request, and all that was counted."""
    counted: list[Sample] = []

    def record(samples: Iterable[Sample]) -> None:
        counted.extend(samples)

    app = Observed(Starlette(routes=[Route("/dep-packages", echo), Route("/whoami", broken)]), record=record)

    async def run() -> httpx.Response | None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
            try:
                return await client.get(path, headers=headers)
            except RuntimeError:
                return None

    return asyncio.run(run()), counted


def requests(counted: list[Sample]) -> list[tuple[str, ...]]:
    return [sample.labels for sample in counted if sample.metric is metrics.REQUESTS]


def test_a_request_is_counted_by_resource_method_and_code() -> None:
    answer, counted = ask("/dep-packages?limit=3")
    assert answer
    assert requests(counted) == [("dep-packages", "GET", "200")]
    assert len([s for s in counted if s.metric is metrics.REQUEST_SECONDS]) == 1
    assert requests(ask("/nothing/of/the/kind")[1]) == [("Other", "GET", "404")]


def test_one_that_breaks_counts_as_a_fault_of_ours_once() -> None:
    answer, counted = ask("/whoami")
    assert requests(counted) == [("whoami", "GET", "500")]
    assert answer is None


def test_its_identifier_is_in_the_log_and_in_the_answer() -> None:
    first, second = ask("/dep-packages")[0], ask("/dep-packages")[0]
    assert first
    assert second
    assert first.text == first.headers["x-request-id"] != second.headers["x-request-id"]


@pytest.mark.parametrize(
    ("given", "taken"), [("4bf92f35-77b3.x_1", True), ("a" * 65, False), ('a"b', False), ("a b", False), ("-a", False)]
)
def test_a_proxys_identifier_is_taken_over_if_it_is_one(given: str, taken: bool) -> None:
    headers: Any = {"X-Request-ID": given}
    answer, _ = ask("/dep-packages", **headers)
    assert answer
    assert (answer.text == given) is taken
