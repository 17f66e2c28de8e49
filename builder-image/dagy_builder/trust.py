"""Trusted certificate authorities: the image's, and those that the cluster's administrator adds."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from dagy_builder.contract import INDEX_CA_NAME

ADDED_NAME = "ca-certificates.crt"
_SYSTEM_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


def trust_added_authorities(scratch: Path, input_dir: Path | None = None) -> None:
    """Make uv and boto3 trust DAGY_CA_DIRECTORY/ca-certificates.crt as well, and those of the package in `input_dir`.

    Each takes one bundle in place of its own, so one is made in `scratch`, out of the system's and the added ones.
    Clients of S3 must not trust a package's authorities: leave `input_dir` out there.
    """
    folder = os.environ.get("DAGY_CA_DIRECTORY")
    places = [Path(folder, ADDED_NAME) if folder else None, input_dir / INDEX_CA_NAME if input_dir else None]
    added = [place.read_bytes() for place in places if place and place.is_file()]
    if not added:
        return
    given = Path(os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile or _SYSTEM_BUNDLE)
    system = given.read_bytes() if given.is_file() else b""
    bundle = scratch / "ca-bundle.crt"
    bundle.write_bytes(b"\n".join(part.strip(b"\n") for part in [system, *added]) + b"\n")
    os.environ["SSL_CERT_FILE"] = os.environ["AWS_CA_BUNDLE"] = str(bundle)


def client_context() -> ssl.SSLContext:
    """Return the TLS context for indexes. As for uv, an authority need not follow all of RFC 5280.

    From Python 3.13 on the default refuses, for example, certificates without an Authority Key Identifier, which many
    companies' authorities issue.
    """
    context = ssl.create_default_context()
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
