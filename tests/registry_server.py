"""A private registry (CNCF Distribution over a folder or a bucket) on a free port, with its own access log."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tests.cluster.doctor import free_port
from tests.cluster.layout import current_layout
from tests.s3server import await_listening

USER, PASSWORD = "pusher", "let me in"
# `htpasswd -Bb`: bcrypt of the password above, of the lowest cost.
_HTPASSWD = f"{USER}:$2b$04$C6kMLXhcq6ssXH8UVy579ulXFuzEER/xYidObCRfOQ14uyAdESMfK\n"
_LINE = re.compile(r'"(?P<method>[A-Z]+) (?P<path>\S+) HTTP/[\d.]+" (?P<status>\d+) (?P<bytes>\d+) ')


@dataclass(frozen=True)
class Request:
    """One line of the registry's access log."""

    method: str
    path: str
    status: int
    sent: int
    """Bytes of the answer's body."""


@dataclass
class Registry:
    """A registry that runs."""

    host: str
    """HOST:PORT; it speaks plain HTTP."""
    folder: Path

    @property
    def base(self) -> str:
        """What DAGY_OCI_REPOSITORY is for it."""
        return f"{self.host}/dagy"

    def requests(self) -> list[Request]:
        """Everything that it was asked so far."""
        found = _LINE.finditer((self.folder / "registry.log").read_text())
        return [Request(one["method"], one["path"], int(one["status"]), int(one["bytes"])) for one in found]

    def uploaded(self) -> list[str]:
        """Digests of the blobs that were uploaded, in their order."""
        ended = [one for one in self.requests() if one.method == "PUT" and "/blobs/uploads/" in one.path]
        digests = [re.search(r"digest=sha256(?::|%3A)([0-9a-f]{64})", one.path) for one in ended if one.status == 201]
        return [f"sha256:{digest[1]}" for digest in digests if digest]

    def docker_config(self, password: str = PASSWORD) -> Path:
        """Write a docker config for its user."""
        path = self.folder / "config.json"
        path.write_text(json.dumps({"auths": {self.host: {"username": USER, "password": password}}}))
        return path


def _in_s3(bucket: str, aws: Mapping[str, str]) -> dict[str, object]:
    return {
        "s3": {
            "accesskey": aws["AWS_ACCESS_KEY_ID"],
            "secretkey": aws["AWS_SECRET_ACCESS_KEY"],
            "region": aws["AWS_REGION"],
            "regionendpoint": aws["AWS_ENDPOINT_URL"],
            "forcepathstyle": True,
            "secure": False,
            "bucket": bucket,
            "rootdirectory": "/registry",
        },
        # Else it leads readers to URLs that the S3 server signs.
        "redirect": {"disable": True},
    }


@contextmanager
def registry_server(
    folder: Path,
    *,
    login: bool = False,
    bucket: str = "",
    aws: Mapping[str, str] = MappingProxyType({}),
    host: str = "127.0.0.1",
    port: int = 0,
) -> Iterator[Registry]:
    """Serve a registry whose blobs are in `folder`, or in a bucket of an S3 server; with `login`, only to `USER`.

    It listens on `port` of `host`, or on a free one. Started in the same folder again, its log goes on.
    """
    program = current_layout().bin / "registry"
    if not program.exists():
        raise RuntimeError(f"{program} is missing: run `make binaries`.")
    port = port or free_port()
    where = _in_s3(bucket, aws) if bucket else {"filesystem": {"rootdirectory": str(folder / "blobs")}}
    settings: dict[str, object] = {
        "version": 0.1,
        "log": {"level": "warn"},
        "storage": {**where, "delete": {"enabled": True}},
        "http": {"addr": f"{host}:{port}"},
    }
    if login:
        (folder / "htpasswd").write_text(_HTPASSWD)
        settings["auth"] = {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}}
    (folder / "settings.yaml").write_text(json.dumps(settings))
    argv = ["setpriv", "--pdeathsig", "KILL", str(program), "serve", str(folder / "settings.yaml")]
    log_path = folder / "registry.log"
    environment = {"PATH": "/usr/bin:/bin", "OTEL_TRACES_EXPORTER": "none"}
    with log_path.open("ab") as log, subprocess.Popen(argv, stdout=log, stderr=log, env=environment) as process:
        try:
            await_listening(port, process, log_path, host)
            yield Registry(f"{host}:{port}", folder)
        finally:
            process.kill()
