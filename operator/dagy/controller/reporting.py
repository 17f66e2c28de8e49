"""What the log says of a pass that failed."""

from __future__ import annotations

import logging

import aiohttp

from dagy.adapters.kube.api import KubeError
from dagy_builder.storage.store import StorageError

_EXPECTED = (KubeError, StorageError, aiohttp.ClientError, OSError)
"""The API server, S3 and the network between; TimeoutError is an OSError."""


def report(log: logging.Logger, what: str, error: Exception) -> None:
    """One line for what happens in every cluster; with its traceback what only a mistake in this program raises."""
    unexpected = not isinstance(error, _EXPECTED)
    log.log(
        logging.ERROR if unexpected else logging.WARNING,
        "%s: %s: %.1000s",
        *(what, type(error).__name__, error),
        exc_info=error if unexpected else None,
    )
