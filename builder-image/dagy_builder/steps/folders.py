"""Where the steps of one build write: each has a folder of its own, which the others at most read."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TypeVar

from dagy_builder.contract import Step

_P = TypeVar("_P", bound=PurePath)


def step_folder(work: _P, step: Step) -> _P:
    """Where `step` writes, and nobody else. In a pod it is a volume."""
    return work / step


def tree_in(work: Path) -> Path:
    """The installed packages."""
    return step_folder(work, Step.INSTALL) / "tree"


def packed_in(work: Path) -> Path:
    """The folder of the ZIP and what belongs to it."""
    return step_folder(work, Step.PACKAGE)
