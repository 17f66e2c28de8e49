"""Reading an installed tree that strangers' code may have written: only plain files with plain names come out.

Every folder and file is opened relative to its parent without following links, so nothing outside the tree is read,
whatever changes meanwhile.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from dagy_builder.contract import Reason
from dagy_builder.failure import StepError
from dagy_builder.sizes import Limits, human_size, too_large

_STARTUP_MODULES = ("sitecustomize", "usercustomize")
_MAX_PATH_BYTES = 1024
_MAX_FOLDERS = 64
"""Above a file. Reading takes two descriptors for each, and a process may have 1024."""
_SHOWN = 200  # characters of a path, with its escapes
_MOST_AT_ONCE = 1 << 24  # of one file, in bytes
_NO_LINK = os.O_NOFOLLOW | os.O_CLOEXEC
_KINDS = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@dataclass(frozen=True)
class TreeFile:
    """A plain file: its path below the tree with "/" between parts, and its state when the tree was scanned."""

    path: str
    size: int
    executable: bool
    inode: int
    modified_ns: int


def scan(root: Path, limits: Limits, *, may_link: bool = False) -> list[TreeFile]:
    """All files below `root`, sorted by the bytes of their paths. Raises StepError for a tree that is refused.

    `may_link`: hard links are all right, because no package code ran and uv made them (to its cache).
    """
    files: list[TreeFile] = []
    entries = total = 0
    for path, found in _walk(root, may_link=may_link):
        entries += 1
        if entries > limits.files:
            raise too_large(f"The installed packages have more than {limits.files:,} files", f"{limits.files:,}")
        if stat.S_ISDIR(found.st_mode):
            continue
        total += found.st_size
        if found.st_size > limits.file_bytes:
            raise too_large(f"{path} has {human_size(found.st_size)}", f"{human_size(limits.file_bytes)} for a file")
        if total > limits.uncompressed_bytes:
            most = human_size(limits.uncompressed_bytes)
            raise too_large(f"The installed packages have more than {most}", most)
        executable = bool(found.st_mode & stat.S_IXUSR)
        files.append(TreeFile(path, found.st_size, executable, found.st_ino, found.st_mtime_ns))
    files.sort(key=lambda file: file.path.encode())
    refuse_case_twins(file.path for file in files)
    return files


class TreeReader:
    """Reads the files of a tree, whose folder is `root_fd`. For one thread: neighbours share the open folder."""

    def __init__(self, root_fd: int) -> None:
        self._root_fd, self._folder, self._fd = root_fd, "", -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()

    def read(self, file: TreeFile) -> bytes:
        """Return the file's bytes. Raises StepError when it is no longer as `scan` saw it."""
        return self._opened(file, lambda fd: _content(fd, file))

    def head(self, file: TreeFile, size: int) -> bytes:
        """Return the file's first bytes. Raises StepError when it is no file any more."""
        return self._opened(file, lambda fd: os.pread(fd, size, 0))

    def _opened(self, file: TreeFile, look: Callable[[int], bytes]) -> bytes:
        folder, _, name = file.path.rpartition("/")
        try:
            # Without O_NONBLOCK a FIFO that takes the file's place would block for ever.
            fd = os.open(name.encode(), os.O_RDONLY | os.O_NONBLOCK | _NO_LINK, dir_fd=self._open(folder))
        except PermissionError as error:
            raise _unreadable(file.path) from error
        except OSError as error:
            raise refused(file.path, f"it changed while it was packed ({error.strerror})") from error
        try:
            return look(fd)
        finally:
            os.close(fd)

    def _open(self, folder: str) -> int:
        """Return the folder's descriptor; no part of its path is a link."""
        if not folder:
            return self._root_fd
        if self._fd < 0 or folder != self._folder:
            self._leave()
            parent = os.dup(self._root_fd)
            for part in folder.split("/"):
                try:
                    child = os.open(part.encode(), os.O_RDONLY | os.O_DIRECTORY | _NO_LINK, dir_fd=parent)
                finally:
                    os.close(parent)
                parent = child
            self._folder, self._fd = folder, parent
        return self._fd

    def _leave(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _content(fd: int, file: TreeFile) -> bytes:
    now = os.fstat(fd)
    if not stat.S_ISREG(now.st_mode) or (now.st_ino, now.st_size) != (file.inode, file.size):
        raise refused(file.path, "it changed while it was packed")
    blocks, left = list[bytes](), file.size
    while block := os.read(fd, min(left + 1, _MOST_AT_ONCE)):
        blocks.append(block)
        left -= len(block)
        if left < 0:
            raise refused(file.path, "it grew while it was packed")
    if left or os.fstat(fd).st_mtime_ns != file.modified_ns:
        raise refused(file.path, "it changed while it was packed")
    return b"".join(blocks)


def refuse_case_twins(paths: Iterable[str]) -> None:
    """Refuse paths that are one on file systems that ignore case; folders count as well."""
    seen: dict[str, str] = {}
    for path in paths:
        prefix = path
        while prefix:
            other = seen.setdefault(prefix.casefold(), prefix)
            if other != prefix:
                raise refused(prefix, f"it differs from {_quoted(other)} only in the case of letters")
            prefix = prefix.rpartition("/")[0]
            if seen.get(prefix.casefold()) == prefix:  # and so are the folders above it
                break


def refused(path: str, why: str) -> StepError:
    """Return the failure for a tree that holds something no ZIP of ours may hold."""
    return StepError(
        Reason.TREE_REFUSED,
        f"The installed packages hold {_quoted(path)}, which is refused: {why}. Find the package that brings it (its "
        "RECORD lists it) and leave that package out, or pin another version of it.",
    )


def _quoted(path: str) -> str:
    """Return the path in ASCII: characters that deceive the reader become escapes."""
    shown = ascii(path)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}...'"


def _unreadable(path: str) -> StepError:
    """Return the failure to read a file: package code ran as another user, and may forbid this step to read them."""
    return refused(path, "its permissions forbid the build to read it")


def check_name(path: str) -> None:
    """Refuse a path that unpacks to something else elsewhere, or that Python runs at every start."""
    name = path.rpartition("/")[2]
    if name in ("", ".", "..") or "\\" in name or ":" in name:
        raise refused(path, "the name is no portable file name")
    if not (name.isascii() and name.isprintable()):
        _check_characters(path, name)
    if len(path.encode()) > _MAX_PATH_BYTES:
        raise refused(path, f"the path is longer than {_MAX_PATH_BYTES} bytes")
    if path.count("/") > _MAX_FOLDERS:
        raise refused(path, f"it lies in more than {_MAX_FOLDERS} folders")
    if "/" not in path and name.split(".")[0] in _STARTUP_MODULES:
        raise refused(path, "Python would run it at the start of every program")


def _check_characters(path: str, name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise refused(path, "the name is no UTF-8") from None
    if any(unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") for c in name):
        raise refused(path, "the name contains control characters")
    if not unicodedata.is_normalized("NFC", name):
        raise refused(path, "the name is not in Unicode's normal form C")


def _walk(root: Path, *, may_link: bool) -> Iterator[tuple[str, os.stat_result]]:
    """Everything below root, each as path and lstat; names and kinds are checked."""
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | _NO_LINK)
    device = os.fstat(fd).st_dev

    def below(folder_fd: int, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
        path = prefix
        try:
            with os.scandir(folder_fd) as entries:
                for entry in entries:
                    # Python takes names for the locale's, but they are wheels', which are UTF-8.
                    name = os.fsencode(entry.name)
                    path = prefix + name.decode(errors="surrogateescape")
                    check_name(path)
                    found = entry.stat(follow_symlinks=False)
                    _check_kind(path, found, device, may_link=may_link)
                    yield path, found
                    if stat.S_ISDIR(found.st_mode):
                        child = os.open(name, os.O_RDONLY | os.O_DIRECTORY | _NO_LINK, dir_fd=folder_fd)
                        yield from below(child, f"{path}/")
        except PermissionError as error:
            raise _unreadable(path) from error
        finally:
            os.close(folder_fd)

    yield from below(fd, "")


def _check_kind(path: str, found: os.stat_result, device: int, *, may_link: bool) -> None:
    for is_kind, name in _KINDS:
        if is_kind(found.st_mode):
            raise refused(path, f"it is {name}")
    if found.st_dev != device:
        raise refused(path, "it lies on another file system")
    if stat.S_ISREG(found.st_mode) and found.st_nlink > 1 and not may_link:
        raise refused(path, "it is a hard link")
