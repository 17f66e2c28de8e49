"""Sizes: in words for people, and as limits of an installed tree and its ZIP."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from dagy_builder.contract import Fault, Reason
from dagy_builder.failure import StepError

_GIB = 1024**3


def human_size(size: int) -> str:
    """Bytes for people, in powers of 1000: "17 B", "4.2 kB", "58.3 MB"."""
    if size < 1000:
        return f"{size} B"
    value, unit = float(size), ""
    for unit in ("kB", "MB", "GB", "TB"):  # noqa: B007 the last unit stays
        value /= 1000
        if value < 999.95:
            break
    return f"{value:.1f} {unit}"


@dataclass(frozen=True)
class Limits:
    """Limits of a tree and its ZIP, in bytes, with defaults that fit GPU packages; `files` counts directories, too."""

    files: int = 200_000
    file_bytes: int = 2 * _GIB
    uncompressed_bytes: int = 8 * _GIB
    compressed_bytes: int = 4 * _GIB

    @classmethod
    def of(cls, environment: Mapping[str, str] | None = None) -> Limits:
        """The limits that DAGY_MAX_FILES, DAGY_MAX_FILE_BYTES, ..._UNCOMPRESSED_BYTES and ..._COMPRESSED_BYTES set."""
        given = os.environ if environment is None else environment
        return cls(
            **{name: _number(given, f"DAGY_MAX_{name.upper()}", default) for name, default in vars(cls()).items()}
        )


def _number(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise StepError(
            Reason.INTERNAL_ERROR,
            f"The setting {name} is {text!r}, which is no whole number above zero. Correct it where the builder's "
            "environment is set.",
            Fault.ADMINISTRATOR,
        )
    return int(text)


def too_large(what: str, limit: str) -> StepError:
    """The failure for a tree above a limit: its size, and the most that it may have."""
    return StepError(
        Reason.TOO_LARGE,
        f"{what}, and the limit is {limit}. Remove dependencies that are not needed, or split the package.",
    )
