"""A private API server with its etcd, on free ports of the loopback address: all that tests of the API need."""

from __future__ import annotations

import json
import signal
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from . import pki
from .components import api_server, etcd
from .doctor import free_port
from .layout import ClusterError, Layout
from .node import tail

AUTHENTICATION = "authentication.json"
"""File with the issuers whose tokens the API server takes, beside its own; it is read again whenever it changes."""
READY_WITHIN = 60.0
STOPS_WITHIN = 10.0


@contextmanager
def control_plane(layout: Layout, folder: Path) -> Iterator[Path]:
    """Start etcd and kube-apiserver with all their state in `folder`; yields an administrator's kubeconfig.

    No kubelet, no controllers: objects are stored, validated and watched, nothing more happens to them. Needs the
    binaries of `make binaries`. Both processes end with the block, and with this process, however it ends.
    Raises ClusterError when one of them doesn't start.
    """
    for program in ("etcd", "kube-apiserver"):
        if not (layout.bin / program).exists():
            raise ClusterError(f"{layout.bin / program} is missing: run `make binaries`.")
    client, peer, secure = (free_port() for _ in range(3))
    keys = folder / "pki"
    authority = pki.write_control_plane(keys, ["127.0.0.1"])
    _write_issuers(folder, [])
    url = f"https://127.0.0.1:{secure}"
    pki.write_admin(folder / "kubeconfig", url, authority, "dagy-test")
    store = f"http://127.0.0.1:{client}"
    (folder / "etcd.url").write_text(store)
    commands = {
        "etcd": etcd(folder / "etcd", store, f"http://127.0.0.1:{peer}"),
        "kube-apiserver": [
            *api_server(keys, store, "127.0.0.1", secure, "10.0.0.0/24"),
            "--bind-address=127.0.0.1",
            f"--authentication-config={folder / AUTHENTICATION}",
            # No controller makes the accounts that pods would need, and no pod will run.
            "--disable-admission-plugins=ServiceAccount",
        ],
    }
    with ExitStack() as running:
        processes = {
            name: running.enter_context(process([str(layout.bin / name), *arguments], folder / f"{name}.log"))
            for name, arguments in commands.items()
        }
        _await_ready(url, keys / "ca.crt", processes, folder)
        yield folder / "kubeconfig"


@contextmanager
def trust(folder: Path, issuer: str, authority: bytes, audience: str) -> Iterator[None]:
    """Let the API server of `control_plane` in `folder` take that issuer's ID tokens, soon after.

    Users are called `oidc:` and their mail address, groups `oidc:` and their name. `authority`: PEM.
    """
    claims = {
        name: {"claim": claim, "prefix": "oidc:"} for name, claim in (("username", "email"), ("groups", "groups"))
    }
    issuer_part = {"url": issuer, "certificateAuthority": authority.decode(), "audiences": [audience]}
    _write_issuers(folder, [{"issuer": issuer_part, "claimMappings": claims}])
    try:
        yield
    finally:
        _write_issuers(folder, [])


def _write_issuers(folder: Path, issuers: list[dict[str, object]]) -> None:
    kind = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration"}
    written = folder / f"{AUTHENTICATION}.new"
    written.write_text(json.dumps({**kind, "jwt": issuers}))
    written.replace(folder / AUTHENTICATION)


@contextmanager
def process(argv: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program while the block runs; what it says goes to `log`."""
    with log.open("wb") as output:
        # setpriv's --pdeathsig: the kernel ends it when the tests end, even by SIGKILL.
        guarded = ["setpriv", "--pdeathsig", "KILL", *argv]
        process = subprocess.Popen(guarded, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_ready(url: str, authority: Path, processes: dict[str, subprocess.Popen[bytes]], folder: Path) -> None:
    context = ssl.create_default_context(cafile=str(authority))
    deadline = time.monotonic() + READY_WITHIN
    while True:
        try:
            with urllib.request.urlopen(f"{url}/readyz", context=context, timeout=5):
                return
        except OSError as e:
            refused = str(e)
            if isinstance(e, urllib.error.HTTPError):
                e.close()  # "not ready yet" is an answer, with a connection that stays open otherwise
        for name, process in processes.items():
            if process.poll() is not None:
                raise ClusterError(f"{name} ended with {process.returncode}:\n{tail(folder / f'{name}.log')}")
        if time.monotonic() > deadline:
            raise ClusterError(f"The API server is not ready after {READY_WITHIN:.0f} s: {refused}")
        time.sleep(0.05)  # between two polls: a server that is not there yet can't be waited on
