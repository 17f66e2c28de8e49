"""Names of an index with very many projects, made up while they are read, and how people type them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

_WORDS = [
    "data",
    "py",
    "django",
    "test",
    "tools",
    "api",
    "client",
    "core",
    "ml",
    "x",
    "async",
    "cloud",
    "flask",
    "utils",
    "sdk",
    "ai",
    "web",
    "io",
    "lib",
    "net",
    "kube",
    "auth",
    "json",
    "sql",
    "graph",
]
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def generated(count: int) -> Iterator[str]:
    """Names about as long as PyPI's, each once, in no order."""
    rng = random.Random(5)
    for number in range(count):
        own = "".join(_LETTERS[(number // 26**place) % 26] for place in range(5))
        yield f"{rng.choice(['', rng.choice(_WORDS) + '-'])}{own}{rng.choice(['', '-' + rng.choice(_WORDS)])}"


def json_chunks(names: Iterable[str]) -> Iterator[bytes]:
    """The list of these names as PyPI sends it (PEP 691), piece by piece."""
    yield b'{"meta":{"api-version":"1.1"},"projects":[{"_last-serial":1,"name":"first"}'
    for name in names:
        yield f',{{"_last-serial":12345678,"name":"{name}"}}'.encode()
    yield b"]}"


def typed(names: Iterable[str]) -> Iterator[str]:
    """What somebody types who means these names: how they begin, a word of them, the whole, and that with a slip."""
    rng = random.Random(6)
    for name in names:
        yield from (name[:length] for length in range(1, 6))
        yield name
        yield name.rpartition("-")[2]
        at = rng.randrange(len(name))
        yield name[:at] + name[at + 1 :]
        yield name[:at] + rng.choice(_LETTERS) + name[at + 1 :]
