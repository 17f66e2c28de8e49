"""Keys, certificates and kubeconfigs, as Kubernetes' "PKI certificates and requirements" lists them."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID_FOR = datetime.timedelta(days=365)
CLOCK_SKEW = datetime.timedelta(hours=1)


@dataclass(frozen=True)
class Authority:
    """A certificate authority: key and certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        """The certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def new_authority(name: str) -> Authority:
    """A self-signed authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(subject, subject, key).add_extension(x509.BasicConstraints(True, None), critical=True)
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    builder = builder.add_extension(usage, critical=True)
    return Authority(key, builder.sign(key, hashes.SHA256()))


def issue(
    authority: Authority, user: str, groups: Sequence[str] = (), hosts: Sequence[str] = ()
) -> tuple[bytes, bytes]:
    """Key and certificate, both PEM, for `user`; with `hosts` (names or addresses) also a server's."""
    key = ec.generate_private_key(ec.SECP256R1())
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, g) for g in groups]
    subject = x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, user)])
    uses = [ExtendedKeyUsageOID.CLIENT_AUTH] + ([ExtendedKeyUsageOID.SERVER_AUTH] if hosts else [])
    builder = _builder(subject, authority.certificate.subject, key)
    builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName([_host(h) for h in hosts]), critical=False)
    certificate = builder.sign(authority.key, hashes.SHA256())
    return private_pem(key), certificate.public_bytes(serialization.Encoding.PEM)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + VALID_FOR)
    )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def private_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    """A private key as unencrypted PKCS #8 PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def write_secret(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, at no moment readable for others."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(content)


def kubeconfig(server: str, authority: bytes, key: bytes, certificate: bytes, name: str) -> bytes:
    """A kubeconfig (JSON, which is YAML as well) whose only context is `name`."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": _base64(authority)}}],
        "users": [
            {
                "name": name,
                "user": {"client-certificate-data": _base64(certificate), "client-key-data": _base64(key)},
            }
        ],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    return json.dumps(config, indent=2).encode()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


COMPONENTS = {
    "controller-manager": ("system:kube-controller-manager", ()),
    "scheduler": ("system:kube-scheduler", ()),
    "proxy": ("system:kube-proxy", ()),
    "coredns": ("system:coredns", ()),
    "kube-router": ("system:kube-router", ()),
}
"""User and groups under which each component speaks to the API server."""


def write_control_plane(folder: Path, hosts: Sequence[str]) -> Authority:
    """Write the keys of an API server and a controller manager; return the authority of client certificates."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = new_authority("dagy-kubernetes")
    front = new_authority("dagy-front-proxy")
    write_secret(folder / "ca.crt", authority.pem)
    write_secret(folder / "ca.key", private_pem(authority.key))
    write_secret(folder / "front-proxy-ca.crt", front.pem)
    names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"]
    pairs = {
        "apiserver": issue(authority, "kube-apiserver", hosts=[*names, "localhost", "127.0.0.1", *hosts]),
        "apiserver-kubelet-client": issue(authority, "kube-apiserver-kubelet-client"),
        "front-proxy-client": issue(front, "front-proxy-client"),
    }
    for name, (key, certificate) in pairs.items():
        write_secret(folder / f"{name}.key", key)
        write_secret(folder / f"{name}.crt", certificate)
    # Tokens of service accounts are signed with RSA: what every library that checks them understands.
    write_secret(folder / "sa.key", private_pem(rsa.generate_private_key(65537, 2048)))
    return authority


def write_admin(path: Path, server: str, authority: Authority, name: str) -> None:
    """The administrator's kubeconfig."""
    key, certificate = issue(authority, "dagy-admin", groups=["system:masters"])
    write_secret(path, kubeconfig(server, authority.pem, key, certificate, name))


def write_components(folder: Path, server: str, authority: Authority, node: str, node_ip: str) -> None:
    """The kubeconfigs of the components and the kubelet's server certificate, which `kubectl logs` checks."""
    for name, (user, groups) in COMPONENTS.items():
        key, certificate = issue(authority, user, groups)
        write_secret(folder / f"{name}.kubeconfig", kubeconfig(server, authority.pem, key, certificate, name))
    key, certificate = issue(authority, f"system:node:{node}", ["system:nodes"])
    write_secret(folder / "kubelet.kubeconfig", kubeconfig(server, authority.pem, key, certificate, "kubelet"))
    key, certificate = issue(authority, f"system:node:{node}", ["system:nodes"], hosts=[node, node_ip])
    write_secret(folder / "kubelet.key", key)
    write_secret(folder / "kubelet.crt", certificate)
