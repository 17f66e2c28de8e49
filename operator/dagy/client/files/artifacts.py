"""A flow's code as a local ZIP: whether it can be used, what it hashes to, and what it starts."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dagy.client.http.errors import ArtifactError


@dataclass(frozen=True)
class LocalArtifact:
    """A ZIP on this machine, as it was when it was read."""

    path: Path
    size_bytes: int
    sha256: str
    modules: frozenset[str]
    """Names that `python -m` could start: top-level modules, and packages with a __main__."""


def read_artifact(path: str | os.PathLike[str]) -> LocalArtifact:
    """Look at a ZIP. Raises ArtifactError, which says what is wrong with it."""
    file = Path(path)
    try:
        with file.open("rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
            size = opened.tell()
        with zipfile.ZipFile(file) as archive:
            modules = runnable_modules(archive.namelist())
    except OSError as error:
        raise ArtifactError(f"The artifact {file} cannot be read: {error.strerror}.") from error
    except zipfile.BadZipFile as error:
        raise ArtifactError(
            f"The artifact {file} is not a ZIP. Make one of the flow's code, e.g. `zip {file.stem}.zip daily_etl.py`."
        ) from error
    return LocalArtifact(file, size, sha256, modules)


def runnable_modules(names: Iterable[str]) -> frozenset[str]:
    """Modules and packages at the top of a ZIP that `python -m` could start."""
    found = set()
    for parts in (PurePosixPath(name).parts for name in names):
        if len(parts) == 1 and parts[0].endswith(".py"):
            found.add(parts[0].removesuffix(".py"))
        elif len(parts) == 2 and parts[1] == "__main__.py":
            found.add(parts[0])
    return frozenset(name for name in found if name.isidentifier() and not name.startswith("__"))
