"""A Secret volume with certificates, as the kubelet mounts and replaces it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from dagy.adapters.settings.tls import ApiTlsSettings
from dagy.web.tls.certificates import Certificates, renewed

HOSTS = ApiTlsSettings.model_construct().hosts
Files = dict[str, str]


@dataclass
class Mounted:
    """The files are links to `..data`, which is a link to the directory of the newest generation."""

    folder: Path
    _numbers: count[int] = field(default_factory=count)

    @classmethod
    def at(cls, folder: Path, files: Mapping[str, str]) -> Self:
        folder.mkdir()
        made = cls(folder)
        made.swap(files)
        for name in files:
            (folder / name).symlink_to(Path("..data") / name)
        return made

    def swap(self, files: Mapping[str, str]) -> None:
        """Write the next generation, make it the present one in one step, and remove the one before."""
        generation = self.folder / f"..2026_11_21_{next(self._numbers)}"
        generation.mkdir()
        for name, text in files.items():
            (generation / name).write_text(text)
        data, next_data = self.folder / "..data", self.folder / "..data_tmp"
        before = data.resolve() if data.is_symlink() else None
        next_data.symlink_to(generation.name)
        os.rename(next_data, data)  # noqa: PTH104 the system call that the kubelet uses
        if before:
            shutil.rmtree(before)


def files(of: Certificates) -> Files:
    """Return them as cert-manager's Secret has them."""
    return {"ca.crt": of.authorities, "tls.crt": of.chain, "tls.key": of.key}


def issued(*hosts: str, days: int = 90, years_ago: int = 0) -> Certificates:
    """Return a certificate by a new authority, for the API's names or others."""
    when = datetime.now(UTC) - timedelta(days=365 * years_ago)
    made = renewed(when, None, hosts or HOSTS, timedelta(days=days))
    assert made
    return made


def with_rsa_key(given: Certificates) -> Certificates:
    """Return a certificate for the same names from the same authority, with another kind of key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    leaf = x509.load_pem_x509_certificate(given.chain.encode())
    signer = serialization.load_pem_private_key(given.authority_key.encode(), None)
    builder = (
        x509.CertificateBuilder()
        .subject_name(leaf.subject)
        .issuer_name(leaf.issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(leaf.not_valid_before_utc)
        .not_valid_after(leaf.not_valid_after_utc)
    )
    for extension in leaf.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    signed = builder.sign(signer, hashes.SHA256())  # type: ignore[arg-type]
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return replace(given, chain=signed.public_bytes(serialization.Encoding.PEM).decode(), key=pem)


def encrypted(key: str) -> str:
    """Return the same key with a password."""
    private = serialization.load_pem_private_key(key.encode(), None)
    password = serialization.BestAvailableEncryption(b"secret")
    return private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, password).decode()
