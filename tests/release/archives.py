"""Archives whose bytes follow from their contents: sorted, of one time, of nobody. Pure but for the files themselves."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path


def tar(path: Path, members: Mapping[str, bytes], epoch: int) -> None:
    """Write a tar archive of these files."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        _fill(archive, members, epoch)


def tar_gz(path: Path, members: Mapping[str, bytes], epoch: int) -> None:
    """Write a compressed one."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        _fill(archive, members, epoch)
    with path.open("wb") as file, gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=epoch) as compressed:
        compressed.write(buffer.getvalue())


def _fill(archive: tarfile.TarFile, members: Mapping[str, bytes], epoch: int) -> None:
    for name in sorted(members):
        entry = tarfile.TarInfo(name)
        entry.size, entry.mtime, entry.mode = len(members[name]), epoch, 0o644
        archive.addfile(entry, io.BytesIO(members[name]))


def repacked(source: Path, target: Path, epoch: int) -> None:
    """Write an archive of the same files (an OCI layout: blobs are named by their digests) anew."""
    with tarfile.open(source) as archive:
        files = (entry for entry in archive if entry.isfile())
        tar(target, {entry.name.removeprefix("./"): _contents(archive, entry) for entry in files}, epoch)


def _contents(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(entry)
    assert file is not None
    return file.read()


def checksums(files: Iterable[Path]) -> str:
    """Their SHA-256 in the form that `sha256sum --check` reads."""
    rows = []
    for path in sorted(files, key=lambda one: one.name):
        with path.open("rb") as file:
            rows.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n")
    return "".join(rows)
