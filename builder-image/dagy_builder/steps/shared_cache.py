"""What builds share: a volume with uv's cache, what was made of its wheels, and, so that uv can link, the trees.

Only steps that run no package code see it (docs/decisions/2026-11-21-shared-wheel-cache.md).
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from dagy_builder.contract import CACHED_TREE_VARIABLE, GATEWAY_VARIABLE, SHARED_CACHE_VARIABLE, BuildRequest
from dagy_builder.kept.entries import KeptEntries
from dagy_builder.uv.runner import Log, Uv

BYTECODE, DEFLATED = "bytecode", "deflated"
"""Folders of what builds have made of wheels."""

_LEAST_FREE, _ENOUGH_BYTES = 0.1, 8 << 30
"""A part of the volume, and what is enough on a large one, which others may fill to nine tenths."""
_LONGEST_BUILD = 3 * 3600.0  # more than the longest deadline that a build can have
_CLEANING_SECONDS = 120.0
# How long uv waits for other builds to let go of the cache: a stranger's index may keep one of them for minutes.
_OTHERS_SECONDS = 3


def cached_tree() -> Path | None:
    """Return the path of this build's tree in the shared volume; None when this build does not use one.

    Files that were fetched with credentials must not come to builds without them, so the index gateway rules it out.
    """
    path = os.environ.get(CACHED_TREE_VARIABLE)
    return Path(path) if path and not os.environ.get(GATEWAY_VARIABLE) else None


def must_be_checked(request: BuildRequest) -> bool:
    """Return True when the tree may come from a damaged cache. A second attempt fetches its packages anew."""
    return cached_tree() is not None and request.attempt == 1


def kept(request: BuildRequest, folder: str) -> KeptEntries | None:
    """Return what builds share in one of the folders (DAGY_SHARED_CACHE).

    Builds that run package code, or see what credentials were needed for, share nothing. A second attempt makes
    everything anew, in case the first failed by what it found.
    """
    shared = os.environ.get(SHARED_CACHE_VARIABLE)
    if not shared or request.runs_package_code or os.environ.get(GATEWAY_VARIABLE):
        return None
    entries = KeptEntries(Path(shared, folder), anew=request.attempt > 1)
    entries.forget_unused(time.time())
    return entries


def prepare(request: BuildRequest, names: Iterable[str], uv: Uv, log: Log) -> None:
    """Make room, and empty the cache of these packages when the attempt before has failed."""
    tree = cached_tree()
    if tree is None:
        return
    tree.parent.mkdir(parents=True, exist_ok=True)
    _sweep(tree.parent, time.time())
    if _is_nearly_full(tree.parent):
        log("The wheel cache is nearly full and is emptied.")
        if shared := os.environ.get(SHARED_CACHE_VARIABLE):
            for folder in (BYTECODE, DEFLATED):
                shutil.rmtree(Path(shared, folder), ignore_errors=True)
        if uv.run(["cache", "clean"], log, seconds=_CLEANING_SECONDS, lock_seconds=_OTHERS_SECONDS).code:
            log("Other builds are using it: one that comes later will empty it.")
    elif request.attempt > 1:
        log("The attempt before this one failed: its packages are fetched anew.")
        uv.run(["cache", "clean", "--", *names], log, seconds=_CLEANING_SECONDS)


def _is_nearly_full(folder: Path) -> bool:
    volume = os.statvfs(folder)
    return volume.f_bavail * volume.f_frsize < min(_LEAST_FREE * volume.f_blocks * volume.f_frsize, _ENOUGH_BYTES)


def discard() -> None:
    """Remove this build's tree, which nobody needs any more. A later build sweeps files that can't be removed."""
    if (tree := cached_tree()) is not None:
        shutil.rmtree(tree, ignore_errors=True)


def _sweep(trees: Path, now: float) -> None:
    """Remove the trees of builds that were killed."""
    for tree in trees.iterdir():
        with suppress(FileNotFoundError):  # its own build has removed it
            if now - tree.stat().st_mtime > _LONGEST_BUILD:
                shutil.rmtree(tree, ignore_errors=True)
