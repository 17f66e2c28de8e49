"""Which certificate authorities are trusted: the image's, and those that the cluster's administrator adds."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

ADDED_NAME = "ca-certificates.crt"
_SYSTEM_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


def trust_added_authorities(scratch: Path) -> None:
    """Make uv and boto3 trust DAGY_CA_DIRECTORY/ca-certificates.crt as well, when it is there.

    Both take one bundle in place of their own, so one is made in `scratch`, out of the system's and the added one.
    """
    folder = os.environ.get("DAGY_CA_DIRECTORY")
    added = Path(folder, ADDED_NAME) if folder else None
    if added is None or not added.is_file():
        return
    given = Path(os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile or _SYSTEM_BUNDLE)
    system = given.read_bytes() if given.is_file() else b""
    bundle = scratch / "ca-bundle.crt"
    bundle.write_bytes(system.rstrip(b"\n") + b"\n" + added.read_bytes())
    os.environ["SSL_CERT_FILE"] = os.environ["AWS_CA_BUNDLE"] = str(bundle)
