"""What a process has of everything that could grow: in itself, in S3, in etcd."""

from __future__ import annotations

import asyncio
import base64
import ctypes
import gc
import json
import os
import sys
import threading
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

ALLOWED: Mapping[str, float] = {
    "memory (MiB)": 5.0,
    "blocks of memory": 1000.0,
    "Python objects": 20.0,
    "entries of containers": 6.0,
    "file descriptors": 2.0,
    "asyncio tasks": 0.5,
    "threads": 2.0,
    "S3 keys": 0.5,
    "objects in etcd": 0.5,
}
"""The quantities, and by how much each may grow over all rounds, however many there are."""

_BLOCKS_OF_A_NOTE = 2
"""Of the dictionary, beside one for each number in it."""


def vitals(data: Path, store: str, noted: Sequence[Mapping[str, float]] = ()) -> dict[str, float]:
    """The quantities now. `data`: the bucket's folder on the S3 server's disk; `store`: etcd's URL.

    `noted`: the quantities of earlier rounds, which are no part of what is measured.
    """
    gc.collect()
    blocks = sys.getallocatedblocks() - sum(len(one) + _BLOCKS_OF_A_NOTE for one in noted)
    objects = gc.get_objects()
    count, entries = len(objects), _entries(objects) - len(noted) - sum(map(len, noted))
    del objects
    ctypes.CDLL(None).malloc_trim(0)  # what is free is no growth
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    values = (
        resident / (1 << 20),
        blocks,
        count,
        entries,
        sum(1 for _ in Path("/proc/self/fd").iterdir()),
        len(asyncio.all_tasks()),
        threading.active_count(),
        sum(path.is_file() for path in data.rglob("*")),
        _count(store, "/registry/", "/registry0") - _count(store, "/registry/events/", "/registry/events0"),
    )
    return dict(zip(ALLOWED, map(float, values), strict=True))


def _entries(objects: list[object]) -> int:
    """How much dictionaries, lists and sets hold; one that holds texts alone is found by what holds it."""
    found = dict[int, int]()
    for obj in objects:
        for one in (obj, *gc.get_referents(obj)):
            if type(one) in (dict, list, set):
                found[id(one)] = len(one)  # type: ignore[arg-type]
    return sum(found.values())


def _count(store: str, first: str, end: str) -> int:
    """Keys of etcd from `first` to before `end`; Events come and go by the real clock, and are not counted."""
    key, stop = (base64.b64encode(text.encode()).decode() for text in (first, end))
    body = json.dumps({"key": key, "range_end": stop, "count_only": True}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{store}/v3/kv/range", body), timeout=30) as answer:
        return int(json.load(answer).get("count", 0))
