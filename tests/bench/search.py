"""Searching 900,000 names: what the list costs to load and to keep, and how long a search takes.

`measure` serves the list over HTTP, packed as PyPI packs it; this module as a program loads and searches it, in a process
of its own, whose memory nothing else uses.
"""

from __future__ import annotations

import gzip
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from dagy.adapters.index.source import IndexPlace, IndexSource
from dagy.core.index.known_names import KnownNames, NumberedNames
from dagy.core.index.names import IndexNames
from dagy.core.index.search import normalized_query, search
from tests.fakes.index import serve
from tests.fakes.many_names import generated, json_chunks, typed

NAMES, MEANT, POPULAR = 900_000, 300, 15_000


def measure(say: Callable[[str], None]) -> list[list[str]]:
    """Rows of what and how much."""
    packed = gzip.compress(b"".join(json_chunks(generated(NAMES))), 6)
    say(f"search: {NAMES:,} names, {len(packed) / 1e6:.1f} MB packed")
    with serve() as index:
        index.raw = {"/simple/": lambda: pieces(packed)}
        index.raw_headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        argv = [sys.executable, "-m", "tests.bench.search", index.url]
        done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=600)
    rows: list[list[str]] = json.loads(done.stdout)
    return rows


def pieces(packed: bytes) -> Iterator[bytes]:
    """The answer, as a network brings it."""
    return (packed[at : at + 65536] for at in range(0, len(packed), 65536))


def measured(url: str) -> list[list[str]]:
    """Load and search: the same rows."""
    source = IndexSource(IndexPlace(url, proxies={}), "dagy-bench")
    with serve() as empty:  # what the first request imports and opens, is not the list's
        empty.names = ["first"]
        IndexSource(IndexPlace(empty.url, proxies={}), "dagy-bench").names()
    before = _mebibytes("VmRSS")
    started = time.perf_counter()
    found = source.names()
    took = time.perf_counter() - started
    assert found
    kept, peak = _mebibytes("VmRSS") - before, _mebibytes("VmHWM") - before
    names = found.value
    step = len(names) // POPULAR
    known = KnownNames(popular=NumberedNames({names[place * step]: place for place in range(POPULAR)}))
    meant = itertools.islice(generated(NAMES), 0, None, NAMES // MEANT)
    seconds = sorted(_searched(normalized_query(text), names, known) for text in typed(meant))
    return [
        [f"load {len(names):,} names over HTTP", f"{took:.1f} s"],
        ["memory at most while they are loaded", f"{peak:.0f} MiB"],
        ["memory afterwards", f"{kept:.0f} MiB"],
        ["of that, names", f"{names.held_bytes / (1 << 20):.0f} MiB"],
        [f"a search, median of {len(seconds)}", f"{1000 * seconds[len(seconds) // 2]:.1f} ms"],
        ["a search, 99th percentile", f"{1000 * seconds[len(seconds) * 99 // 100]:.1f} ms"],
        ["a search, the slowest", f"{1000 * seconds[-1]:.1f} ms"],
    ]


def _searched(query: str, names: IndexNames, known: KnownNames) -> float:
    started = time.perf_counter()
    search(query, names, known)
    return time.perf_counter() - started


def _mebibytes(what: str) -> float:
    """Memory of this process, as the kernel tells it: VmRSS now, VmHWM at most. `ru_maxrss` is the parent's, too."""
    (line,) = (one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith(what))
    return int(line.split()[1]) / 1024


def _main(arguments: Sequence[str]) -> None:
    print(json.dumps(measured(arguments[0])))


if __name__ == "__main__":
    _main(sys.argv[1:])
