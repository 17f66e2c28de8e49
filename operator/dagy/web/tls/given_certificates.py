"""Certificates that somebody else writes into a directory, such as cert-manager by way of a mounted Secret.

A replacement may be seen half-done, and may be wrong; so what is read is tried in a handshake before it is served.
"""

from __future__ import annotations

import os
import ssl
from contextlib import suppress
from pathlib import Path

from dagy.web.tls.certificates import Certificates


class UnusableCertificateError(Exception):
    """There is no certificate to serve; the message says what is wrong, and what to do."""


def read(folder: Path) -> Certificates:
    """ca.crt, tls.crt and tls.key. Raises OSError, or ValueError when one of them is empty or isn't text.

    The kubelet replaces a mounted Secret's files all at once, by pointing `..data` at another directory: that is looked
    up once, so that the three are of one generation.
    """
    generation = (folder / "..data").resolve() if (folder / "..data").is_symlink() else folder
    parts = {name: (generation / name).read_text(encoding="ascii") for name in ("ca.crt", "tls.crt", "tls.key")}
    for name, text in parts.items():
        if not text.strip():
            raise ValueError(f"{name} is empty")
    return Certificates(parts["ca.crt"], "", parts["tls.crt"], parts["tls.key"])


def server_context() -> ssl.SSLContext:
    """Without a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def loaded(certificates: Certificates) -> ssl.SSLContext:
    """A context that serves them. Raises ssl.SSLError when OpenSSL can't."""
    context = server_context()
    # OpenSSL reads files only; this one has no name and lies in memory.
    file = os.memfd_create("tls", os.MFD_CLOEXEC)
    try:
        os.write(file, f"{certificates.key}\n{certificates.chain}".encode())
        # With a password, if none, an encrypted key is an error; without, OpenSSL would ask for one at the terminal.
        context.load_cert_chain(f"/proc/self/fd/{file}", password="")
    finally:
        os.close(file)
    return context


def proven(certificates: Certificates, host: str) -> ssl.SSLContext:
    """As `loaded`, after a client that trusts their authorities reached it as `host`. ValueError says why not."""
    try:
        context = loaded(certificates)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ValueError("tls.key is not the key of tls.crt") from error
        raise ValueError("tls.crt or tls.key is incomplete, encrypted, or not PEM") from error
    try:
        _try(context, certificates.authorities, host)
    except ssl.SSLCertVerificationError as error:
        raise ValueError(f"who trusts its ca.crt would refuse it ({error.verify_message})") from error
    except ssl.SSLError as error:
        raise ValueError("ca.crt is incomplete or not PEM") from error
    return context


def _try(context: ssl.SSLContext, authorities: str, host: str) -> None:
    """A handshake in memory, which checks signature, validity and name just as pods will."""
    client_trust = ssl.create_default_context(cadata=authorities)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_trust.wrap_bio(to_client, to_server, server_hostname=host)
    server = context.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server):  # a client's greeting, and all that a server says
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    client.do_handshake()
