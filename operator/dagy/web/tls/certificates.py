"""The API's certificates: when they are made, and how. No I/O; keys come from the operating system's random numbers.

An authority of our own signs short-lived server certificates. It outlives them by far, so that replacing a server
certificate changes nothing for those who trust it; when it is replaced itself, the old one stays trusted beside it.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS = 3650
_AUTHORITY_RENEWAL = timedelta(days=365)
_SKEW = timedelta(hours=1)
"""Clocks differ; a certificate is valid from a little before it was made."""
_PARTS = {"authorities": "ca.crt", "authority_key": "ca.key", "chain": "tls.crt", "key": "tls.key"}


@dataclass(frozen=True)
class Certificates:
    """Everything that the replicas share, as PEM."""

    authorities: str
    """Certificates (PEM) of the trusted authorities; the first one signs."""
    authority_key: str
    chain: str
    key: str

    @classmethod
    def from_secret(cls, data: Mapping[str, str] | None) -> Self | None:
        """From a Secret's data; None when a part is missing or isn't base64."""
        try:
            return cls(**{name: base64.b64decode((data or {})[part]).decode() for name, part in _PARTS.items()})
        except (KeyError, binascii.Error, UnicodeDecodeError):
            return None

    @property
    def ends(self) -> datetime | None:
        """When the server's certificate ends; None when it can't be read."""
        try:
            return x509.load_pem_x509_certificate(self.chain.encode()).not_valid_after_utc
        except ValueError:
            return None

    def to_secret(self) -> dict[str, str]:
        """As a Secret's data."""
        return {part: base64.b64encode(getattr(self, name).encode()).decode() for name, part in _PARTS.items()}


def renewed(
    now: datetime, held: Certificates | None, hosts: Sequence[str], valid_for: timedelta
) -> Certificates | None:
    """Return the certificates to have instead of `held`; None when those will do.

    An authority that is replaced early does not sign yet: the server keeps its certificate until that is due itself,
    and by then everybody trusts the new authority.
    """
    trusted = _authorities(held, now)
    if held is None or not trusted or not _is_pair(held.authority_key, trusted[0]):
        return _issued(_new_authority(now, []), now, hosts, valid_for)
    due = _due(held, trusted, now, hosts, valid_for)
    left = trusted[0].not_valid_after_utc - now
    if due and left > valid_for:
        return _issued(held, now, hosts, valid_for)
    if left < max(_AUTHORITY_RENEWAL, 2 * valid_for):
        fresh = replace(_new_authority(now, trusted), chain=held.chain, key=held.key)
        return _issued(fresh, now, hosts, valid_for) if due else fresh
    return None


def _due(
    held: Certificates, trusted: Sequence[x509.Certificate], now: datetime, hosts: Sequence[str], valid_for: timedelta
) -> bool:
    try:
        leaf = x509.load_pem_x509_certificate(held.chain.encode())
        names = set(leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except (ValueError, x509.ExtensionNotFound):
        return True
    known = any(_signed(leaf, authority) for authority in trusted)
    left = leaf.not_valid_after_utc - now
    return left < valid_for / 3 or names != {_host(host) for host in hosts} or not known or not _is_pair(held.key, leaf)


def _authorities(held: Certificates | None, now: datetime) -> list[x509.Certificate]:
    """Return the authorities that are valid still."""
    try:
        found = x509.load_pem_x509_certificates(held.authorities.encode()) if held else []
    except ValueError:
        return []
    return [authority for authority in found if authority.not_valid_after_utc > now]


def _is_pair(key: str, certificate: x509.Certificate) -> bool:
    try:
        private = serialization.load_pem_private_key(key.encode(), None)
    except (ValueError, TypeError):
        return False
    return private.public_key() == certificate.public_key()


def _signed(leaf: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _new_authority(now: datetime, trusted: Sequence[x509.Certificate]) -> Certificates:
    key = ec.generate_private_key(ec.SECP256R1())
    # A name of its own, or those who check could not tell it from the one before.
    subject = _name(f"dagy-api authority {now:%Y-%m-%d %H:%M:%S}")
    builder = _builder(subject, subject, key, now, timedelta(days=AUTHORITY_DAYS))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = builder.add_extension(usage, critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    all_trusted = [builder.sign(key, hashes.SHA256()), *trusted]
    return Certificates("".join(_pem(one) for one in all_trusted), _key_pem(key), "", "")


def _issued(held: Certificates, now: datetime, hosts: Sequence[str], valid_for: timedelta) -> Certificates:
    """With a new server certificate from the first authority."""
    authority = x509.load_pem_x509_certificates(held.authorities.encode())[0]
    signer = serialization.load_pem_private_key(held.authority_key.encode(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_name(hosts[0]), authority.subject, key, now, valid_for)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    issued_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    builder = builder.add_extension(issued_by, critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False)
    return replace(held, chain=_pem(builder.sign(signer, hashes.SHA256())), key=_key_pem(key))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, valid_for: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + valid_for)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common[:64])])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    return key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain).decode()
