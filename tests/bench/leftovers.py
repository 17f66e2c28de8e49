"""What runs leave on the disk, and how long it stays there."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# ext4 passes over inodes that were freed in the last minutes, and looks at each of them again for each file that it
# creates (recently_deleted() in fs/ext4/ialloc.c). Creating 6,000 files took 0.4 s of CPU here, and 2 to 3.4 s after 6,000
# had been deleted: what the round before leaves must not be deleted beside those that are still being timed.
RESERVE = 8 << 30
"""Bytes that stay free on the disk; leftovers are kept only while there is more."""


def has_room(folder: Path) -> bool:
    """Whether leftovers below that folder may stay."""
    return shutil.disk_usage(folder).free > RESERVE


class Folders:
    """Folders for runs. They stay until the last one has run, or go at once where the disk has no room."""

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        self.deleted_early = 0

    def new(self) -> Path:
        """An empty one."""
        return Path(tempfile.mkdtemp(dir=self._parent))

    def leave(self, folder: Path) -> None:
        """Its run is over."""
        if not has_room(self._parent):
            self.deleted_early += 1
            shutil.rmtree(folder)


def early(number: int, things: str) -> str:
    """The sentence of the report about leftovers that could not stay."""
    if not number:
        return ""
    return (
        f"{number} {things} were deleted between two runs, because less than {RESERVE >> 30} GiB would have stayed free on the "
        "disk: on ext4, whatever ran in the next minutes took longer to create files."
    )


@contextmanager
def folders() -> Iterator[Folders]:
    """Until the block ends, all that has room."""
    with tempfile.TemporaryDirectory(prefix="dagy-bench-") as parent:
        yield Folders(Path(parent))
