"""What the log says of passes that fail: a traceback is for mistakes."""

from __future__ import annotations

import logging

import aiohttp
import pytest

from dagy.adapters.kube.api import KubeError
from dagy.controller.engine.errors import report
from dagy_builder.contract import Reason
from dagy_builder.storage.store import StorageError


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (KubeError(503, "", "etcd is away"), True),
        (StorageError(Reason.STORAGE_UNREACHABLE, "S3 is away."), True),
        (aiohttp.ServerDisconnectedError(), True),
        (TimeoutError(), True),
        (IndexError("list index out of range"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_the_unexpected_has_a_traceback(
    caplog: pytest.LogCaptureFixture, error: Exception, expected: bool
) -> None:
    report(logging.getLogger("dagy.test"), "team-a/ml", error)
    (record,) = caplog.records
    assert (record.levelno == logging.WARNING, record.exc_info is None) == (expected, expected)
    assert "team-a/ml" in record.getMessage()
