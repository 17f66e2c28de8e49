"""A private S3 server (versitygw over a folder) on a free port of the loopback address."""

from __future__ import annotations

import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.doctor import free_port
from tests.cluster.layout import current_layout

READY_WITHIN = 20.0


@contextmanager
def s3_server(folder: Path, *buckets: str, tls: tuple[Path, Path] | None = None) -> Iterator[dict[str, str]]:
    """Serve `folder`, in which each bucket is a folder; yields the AWS variables for a client of it.

    `tls` are a certificate for 127.0.0.1 and its key, in PEM.
    """
    program = current_layout().bin / "versitygw"
    if not program.exists():
        raise RuntimeError(f"{program} is missing: run `make binaries`.")
    port, key, secret = free_port(), secrets.token_hex(8), secrets.token_hex(16)
    for bucket in buckets:
        (folder / "data" / bucket).mkdir(parents=True)
    environment = {"ROOT_ACCESS_KEY": key, "ROOT_SECRET_KEY": secret, "PATH": "/usr/bin:/bin"}
    argv = [
        "setpriv",
        "--pdeathsig",
        "KILL",
        str(program),
        "--port",
        f"127.0.0.1:{port}",
        *((f"--cert={tls[0]}", f"--key={tls[1]}") if tls else ()),
        "posix",
        str(folder / "data"),
    ]
    with (
        (folder / "versitygw.log").open("wb") as log,
        subprocess.Popen(argv, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            await_listening(port, process, folder / "versitygw.log")
            yield {
                "AWS_ENDPOINT_URL": f"{'https' if tls else 'http'}://127.0.0.1:{port}",
                "AWS_ACCESS_KEY_ID": key,
                "AWS_SECRET_ACCESS_KEY": secret,
                "AWS_REGION": "us-east-1",
            }
        finally:
            process.kill()


def await_listening(port: int, process: subprocess.Popen[bytes], log: Path, host: str = "127.0.0.1") -> None:
    """Return when it listens. Raises RuntimeError with its log when it ends or takes too long."""
    deadline = time.monotonic() + READY_WITHIN
    while True:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{log.stem} does not listen: {log.read_text()}") from None
            time.sleep(0.02)  # a server that is not there yet cannot be waited on
        else:
            return
