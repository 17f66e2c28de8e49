"""Events of a watch, however the network has cut them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy.adapters.kube import watches
from dagy.adapters.kube.objects import KubeError


async def pieces(data: bytes, size: int) -> AsyncGenerator[bytes, None]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def read(data: bytes, size: int) -> list[dict[str, Any]]:
    async def all_of() -> list[dict[str, Any]]:
        return [event async for events in watches._events(pieces(data, size)) for event in events]

    return asyncio.run(all_of())


@given(st.lists(st.text(max_size=20), max_size=8), st.integers(1, 300))
def test_pieces_make_no_difference(texts: list[str], size: int) -> None:
    events = [{"type": "ADDED", "object": {"text": text}} for text in texts]
    assert read("".join(json.dumps(event) + "\n" for event in events).encode(), size) == events


def test_an_error_among_them_is_raised() -> None:
    expired = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}}
    with pytest.raises(KubeError, match="too old") as raised:
        read(json.dumps(expired).encode() + b"\n", 7)
    assert (raised.value.status, raised.value.reason) == (410, "Expired")


def test_an_event_without_an_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watches, "_EVENT_BYTES", 1000)
    with pytest.raises(KubeError, match="larger than any of a cluster"):
        read(b"x" * 5000, 100)
