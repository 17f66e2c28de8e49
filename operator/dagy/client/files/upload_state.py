"""Uploads that were under way, by file: a state on this machine. S3 knows how far each has got, through the API.

A state that is lost, damaged or out of date costs another upload and nothing else, so no failure here is one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class UploadState:
    """An upload that was started. None of it lets anyone in."""

    upload_id: str
    artifact_key: str
    part_size: int
    parts: tuple[tuple[int, str], ...] = ()
    """Number and ETag of each part, once all are there."""


class UploadStates:
    """A folder with one small file for each upload."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def of_user(cls, environ: Mapping[str, str] = os.environ) -> UploadStates:
        """Return the states in the folder where the XDG convention puts what can be lost."""
        base = environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 never raises
        return cls(Path(base) / "dagy" / "uploads")

    def find(self, *what: str) -> UploadState | None:
        """The state for a file (its SHA-256), a URL, a namespace and a deployment."""
        try:
            values = json.loads(self._path(what).read_bytes())
            parts = tuple((int(number), str(etag)) for number, etag in values["parts"])
            state = UploadState(str(values["upload_id"]), str(values["artifact_key"]), int(values["part_size"]), parts)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return state if state.part_size > 0 else None

    def keep(self, state: UploadState, *what: str) -> None:
        """Write it, whole or not at all."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            number, name = tempfile.mkstemp(dir=self._folder)
            with os.fdopen(number, "w") as file:
                json.dump(asdict(state), file)
            Path(name).replace(self._path(what))

    def forget(self, *what: str) -> None:
        """Remove it."""
        with contextlib.suppress(OSError):
            self._path(what).unlink(missing_ok=True)

    def _path(self, what: tuple[str, ...]) -> Path:
        digest = hashlib.sha256(json.dumps(what).encode()).hexdigest()
        return self._folder / f"{digest[:32]}.json"
