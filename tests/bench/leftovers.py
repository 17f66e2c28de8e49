"""What runs leave on the disk, and how long it stays there."""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# ext4 without a journal passes over inodes that were freed in the last minutes, and looks at each of them again for each file
# that it creates nearby (recently_deleted() in fs/ext4/ialloc.c). Creating 6,000 files took 0.15 s of CPU here, and 2 to 4 s
# after 6,000 had been deleted in a folder beside. So what rounds leave must not be deleted while others are timed, and
# where tools delete something themselves, the next one must not get the same place on the disk.
_GET_FLAGS, _SET_FLAGS, _TOP_LEVEL = 0x80086601, 0x40086602, 0x00020000
"""FS_IOC_GETFLAGS, FS_IOC_SETFLAGS and FS_TOPDIR_FL (linux/fs.h, ioctl_iflags(2)); `chattr +T` does the same."""
RESERVE = 8 << 30
"""Bytes that stay free on the disk; leftovers are kept only while there is more."""


def has_room(folder: Path) -> bool:
    """Whether leftovers below that folder may stay."""
    return shutil.disk_usage(folder).free > RESERVE


def spread(folder: Path) -> None:
    """Have the file system put the folders in this one far from each other, where it knows how to."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        (flags,) = struct.unpack("i", fcntl.ioctl(descriptor, _GET_FLAGS, struct.pack("i", 0)))
        fcntl.ioctl(descriptor, _SET_FLAGS, struct.pack("i", flags | _TOP_LEVEL))
    except OSError:
        pass  # another file system, which has its own ways
    finally:
        os.close(descriptor)


class Folders:
    """Folders for runs. They stay until the last one has run, or go at once where the disk has no room."""

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        spread(parent)
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
        "disk: on ext4 without a journal, whatever ran in the next minutes took longer to create files."
    )


@contextmanager
def folders() -> Iterator[Folders]:
    """Until the block ends, all that has room."""
    with tempfile.TemporaryDirectory(prefix="dagy-bench-") as parent:
        yield Folders(Path(parent))
