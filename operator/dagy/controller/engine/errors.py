"""Errors of passes: which are expected, how they are counted, what the log says of them."""

from __future__ import annotations

import logging

import aiohttp

from dagy.adapters.kube.api import KubeError
from dagy.core.metrics.catalogue import PassResult
from dagy_builder.storage.store import StorageError

EXPECTED = (KubeError, StorageError, aiohttp.ClientError, OSError)
"""The API server, S3 and the network between; TimeoutError is an OSError."""


def result_of(error: Exception) -> PassResult:
    """Return the error as it is counted."""
    match error:
        case KubeError():
            return PassResult.KUBERNETES
        case StorageError():
            return PassResult.STORAGE
        case aiohttp.ClientError() | OSError():
            return PassResult.NETWORK
        case _:
            return PassResult.UNEXPECTED


def report(logger: logging.Logger, what: str, error: Exception) -> None:
    """Log the error in one line; one that only a mistake in this program raises, with its traceback."""
    unexpected = not isinstance(error, EXPECTED)
    logger.log(
        logging.ERROR if unexpected else logging.WARNING,
        "%s: %s: %.1000s",
        *(what, type(error).__name__, error),
        exc_info=error if unexpected else None,
    )
