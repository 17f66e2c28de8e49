"""A download in progress: bytes go to a file beside the target, which is replaced when their SHA-256 is right."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from dagy.client.http.errors import ArtifactError

Progress = Callable[[int, int], None]
"""Gets the bytes done and the bytes in all, from whichever thread did them."""


class VerifiedFile:
    """Whole and verified at its path, or not there at all. Raises ArtifactError."""

    def __init__(self, target: Path, sha256: str, size_bytes: int, progress: Progress | None) -> None:
        self._target, self._sha256, self._size, self._progress = target, sha256, size_bytes, progress
        self._hash, self._written = hashlib.sha256(), 0

    def __enter__(self) -> Self:
        try:
            number, name = tempfile.mkstemp(prefix=f".{self._target.name}.", dir=self._target.parent)
        except OSError as error:
            raise ArtifactError(f"{self._target} cannot be written: {error.strerror}.") from error
        self._partial, self._file = Path(name), os.fdopen(number, "wb")
        return self

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        try:
            self._file.write(chunk)
        except OSError as error:
            raise ArtifactError(f"{self._target} cannot be written: {error.strerror}.") from error
        self._hash.update(chunk)
        self._written += len(chunk)
        if self._progress:
            self._progress(self._written, self._size)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()
            if kind is None:
                self._place()
        finally:
            self._partial.unlink(missing_ok=True)

    def _place(self) -> None:
        if self._hash.hexdigest() != self._sha256:
            raise ArtifactError(
                f"What came for {self._target} has the SHA-256 {self._hash.hexdigest()}, not {self._sha256}: it was "
                "damaged or replaced on the way, and is not kept. Try again; if it stays so, tell your administrator."
            )
        mask = os.umask(0)
        os.umask(mask)
        self._partial.chmod(0o666 & ~mask)  # mkstemp gives 0600, which no other file of the user's has
        self._partial.replace(self._target)
