"""An API server and an S3 server for programs that play, as fixtures are for tests."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fakes.api_server import api_server
from tests.fakes.kubelet import BUCKET
from tests.s3server import s3_server


@contextmanager
def both_servers() -> Iterator[tuple[Path, Path]]:
    """Start both, and name S3 in this process's environment. Yields the kubeconfig and the bucket's folder on the disk."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as text:
        folder = Path(text)
        for name in ("k", "s"):
            (folder / name).mkdir()
        with api_server(folder / "k") as kubeconfig, s3_server(folder / "s", BUCKET) as variables:
            os.environ.update(variables)
            yield kubeconfig, folder / "s/data" / BUCKET
