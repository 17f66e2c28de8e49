"""Which file of a tree is in which layer of its image. Pure.

The largest distributions have layers of their own, so that another version of one of them is one new layer and packages
share what they have in common. Small ones share buckets that their names choose: one that comes, goes or changes
touches its own bucket and no other. All that no distribution owns is one layer more.

Few enough layers for overlayfs: containerd passes all of an image in one page of mount options, and the kernel stacks
500 at most.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import source_from_cache

OWN_LAYERS, BUCKETS = 24, 7
MOST_LAYERS = OWN_LAYERS + BUCKETS + 1
OWN_BYTES = 1 << 20
"""Size from which a distribution has a layer of its own, in bytes."""
_WHITEOUT = ".wh."


class NotAnImageError(Exception):
    """A tree that no image can hold; the message says why."""


@dataclass(frozen=True)
class Layer:
    """One layer: the paths in it, sorted by their bytes."""

    paths: tuple[str, ...]
    distribution: str = ""
    """Normalized name of the distribution whose layer it is; empty for buckets and the rest."""


def layers_of(sizes: Mapping[str, int], owners: Mapping[str, str]) -> list[Layer]:
    """Return the layers of a tree, from the lowest to the uppermost; no file is in two of them.

    `sizes`: bytes of each file; `owners`: the distribution of each path that has one. Raises NotAnImageError.

    A runtime unpacks a layer anew when one below it has changed, so those that change least are below: large ones, in
    an order that a few bytes more or less don't turn.
    """
    _refuse_whiteouts(sizes)
    files: dict[str, list[str]] = defaultdict(list)
    for path in sizes:
        files[_owner(path, owners)].append(path)
    totals = {name: sum(sizes[path] for path in paths) for name, paths in files.items()}
    large = sorted((name for name in totals if name and totals[name] >= OWN_BYTES), key=lambda n: (-totals[n], n))
    own = sorted(large[:OWN_LAYERS], key=lambda name: (-totals[name].bit_length(), name))
    shared: dict[int, list[str]] = defaultdict(list)
    for name in totals.keys() - set(own):
        shared[_bucket(name)] += files[name]
    return [
        *(Layer(_in_order(files[name]), name) for name in own),
        *(Layer(_in_order(shared[place])) for place in sorted(shared)),
    ]


def _bucket(name: str) -> int:
    """Return the place of a distribution among the shared layers; the last one is for what has no owner."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) % BUCKETS if name else BUCKETS


def _owner(path: str, owners: Mapping[str, str]) -> str:
    """Return a file's distribution: bytecode is its source's."""
    if path.endswith(".pyc") and posixpath.basename(posixpath.dirname(path)) == "__pycache__":
        try:
            return owners.get(source_from_cache(path), "")
        except ValueError:
            return ""
    return owners.get(path, "")


def _in_order(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(paths, key=lambda path: path.encode()))


def _refuse_whiteouts(paths: Iterable[str]) -> None:
    """Refuse names that runtimes read as the deletion of what lies below (OCI Image Specification, "Whiteouts")."""
    for path in paths:
        if any(part.startswith(_WHITEOUT) for part in path.split("/")):
            shown = ascii(path)[:200]
            raise NotAnImageError(
                f"{shown} has a name that begins with {_WHITEOUT}, by which layers of images delete files. Leave "
                "out the package that brings it, or use this one without an image"
            )
