"""What stays in memory of callers who were refused."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any, NoReturn, cast

import pytest

from dagy.adapters.kube.api import KubeError
from dagy.web.serving.callers import Callers
from dagy.web.serving.problems import ProblemError, unauthenticated

REFUSALS = [unauthenticated("No token of a pod."), KubeError(401, "Unauthorized", "No token.")]


class Request:
    """What the functions hold that a refusal comes through."""


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda one: type(one).__name__)
def test_of_a_refused_request_only_the_answer_stays(refusal: ProblemError | KubeError) -> None:
    callers, requests, asked = Callers(cast(Any, None)), list[weakref.ref[Request]](), list[str]()

    async def ask() -> NoReturn:
        asked.append("")
        held = Request()
        requests.append(weakref.ref(held))
        raise refusal.again()

    async def admitted() -> str:
        held = Request()
        requests.append(weakref.ref(held))
        try:
            await callers._answer(("user", b""), ask)
        except (ProblemError, KubeError) as error:
            return str(error)
        raise AssertionError

    async def thrice() -> list[str]:
        return [await admitted() for _ in range(3)]

    assert asyncio.run(thrice()) == [str(refusal)] * 3
    gc.collect()
    assert len(asked) == 1, "the answer was kept"
    assert [one() for one in requests] == [None] * 4
