"""`dagy` on the real API: inside its process with a kubeconfig, or over HTTP with a token."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dagy.cli import main
from dagy_builder.storage import ObjectStore
from tests.sdk.played_operator import PlayedOperator

Dagy = Callable[..., int]


@pytest.fixture
def played(kubeconfig: str, objects: ObjectStore) -> PlayedOperator:
    """The operator's part."""
    return PlayedOperator(kubeconfig, objects)


@pytest.fixture
def dagy(kubeconfig: str, objects: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Dagy:
    """Run a command line as the kubeconfig's administrator; its exit code."""
    monkeypatch.setenv("KUBECONFIG", kubeconfig)
    monkeypatch.setenv("DAGY_S3_BUCKET", objects.bucket)
    monkeypatch.delenv("DAGY_API_URL", raising=False)

    def run(*arguments: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        return int(ended.value.code or 0)

    return run
