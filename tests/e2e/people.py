"""Users of the cluster, each with a kubeconfig and nothing else."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.e2e.kube import Kube

ACCOUNT = "person"


def administrator(kube: Kube, folder: Path) -> Path:
    """The cluster's own kubeconfig, in the test's namespace."""
    return _kubeconfig(kube, folder, None)


def with_token(kube: Kube, folder: Path) -> Path:
    """A service account that may edit the namespace."""
    kube("create", "serviceaccount", ACCOUNT)
    kube("create", "rolebinding", ACCOUNT, "--clusterrole=edit", f"--serviceaccount={kube.namespace}:{ACCOUNT}")
    return _kubeconfig(kube, folder, {"token": kube("create", "token", ACCOUNT, "--duration=1h").strip()})


def with_certificate(kube: Kube, folder: Path) -> Path:
    """A user who may edit the namespace, with a client certificate that the cluster has signed."""
    user = f"{ACCOUNT}-{kube.namespace}"
    kube("create", "rolebinding", user, "--clusterrole=edit", f"--user={user}")
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, user)])
    wish = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    spec = {
        "request": base64.b64encode(wish.public_bytes(pem)).decode(),
        "signerName": "kubernetes.io/kube-apiserver-client",
        "usages": ["client auth"],
        "expirationSeconds": 3600,
    }
    api = {"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest"}
    kube("create", "-f", "-", stdin={**api, "metadata": {"name": user}, "spec": spec})
    kube("certificate", "approve", user)
    kube("wait", "csr", user, "--for=jsonpath={.status.certificate}", "--timeout=60s")
    certificate = kube.get("csr", user)["status"]["certificate"]
    kube("delete", "csr", user)
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    data = {"client-certificate-data": certificate, "client-key-data": base64.b64encode(private).decode()}
    return _kubeconfig(kube, folder, data)


def _kubeconfig(kube: Kube, folder: Path, user: dict[str, Any] | None) -> Path:
    config = yaml.safe_load(Path(kube.kubeconfig).read_text())
    config["contexts"][0]["context"]["namespace"] = kube.namespace
    if user is not None:
        config["users"][0]["user"] = user
    path = folder / "kubeconfig"
    path.touch(mode=0o600)
    path.write_text(json.dumps(config))
    return path
