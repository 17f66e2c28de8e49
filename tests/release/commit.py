"""What is released: a commit of this repository, without anything that only lies in the working tree."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.layout import REPO, ClusterError
from tests.cluster.shell import run


@dataclass(frozen=True)
class Commit:
    """A commit, laid out in a folder."""

    identity: str
    epoch: int
    """When it was committed, in seconds; every time in a release is this one."""
    folder: Path
    version: str
    """As pyproject.toml has it."""


@contextmanager
def exported(folder: Path) -> Iterator[Commit]:
    """HEAD, as a folder that goes with the block. Raises ClusterError when tracked files differ from it."""
    changed = run(["git", "-C", REPO, "status", "--porcelain", "--untracked-files=no"])
    if changed:
        raise ClusterError(f"A release is made of a commit, and these files differ from it: commit them.\n{changed}")
    identity, epoch = run(["git", "-C", REPO, "log", "-1", "--format=%H %ct"]).split()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        archive = folder.with_suffix(".tar")
        run(["git", "-C", REPO, "archive", f"--output={archive}", identity])
        run(["tar", "-xf", archive, "-C", folder])
        archive.unlink()
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        yield Commit(identity, int(epoch), folder, project["version"])
    finally:
        shutil.rmtree(folder)
