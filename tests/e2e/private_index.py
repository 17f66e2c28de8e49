"""A private package index in a pod: pypiserver with htpasswd, TLS of an authority of its own, and a few packages."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.cluster.pki import Authority, issue, new_authority
from tests.e2e.kube import SYSTEM, Json, Kube
from tests.fakes.index import Release

NAME = "private-index"
_SERVER = ("pypiserver", "passlib", "cheroot", "more-itertools", "jaraco.functools", "packaging", "defusedxml")
_SERVE = """
import pathlib, pypiserver
from cheroot import ssl, wsgi
from cheroot.ssl.builtin import BuiltinSSLAdapter
app = pypiserver.app(roots=[pathlib.Path("/packages")], password_file="/secret/htpasswd",
                     authenticate=["list", "download", "update"], disable_fallback=True)
server = wsgi.Server(("0.0.0.0", 8443), app, numthreads=20)
server.ssl_adapter = BuiltinSSLAdapter("/secret/tls.crt", "/secret/tls.key")
server.start()
"""


@dataclass(frozen=True)
class PrivateIndex:
    """The running index."""

    namespace: str
    authority: Authority

    @property
    def root(self) -> str:
        """Where it serves pages and files."""
        return f"https://{NAME}.{self.namespace}.svc.cluster.local/"

    @property
    def url(self) -> str:
        """The index (PEP 503)."""
        return f"{self.root}simple/"

    @property
    def certificate(self) -> str:
        """The authority's certificate, PEM."""
        return self.authority.pem.decode()


def start(kube: Kube, users: Mapping[str, str], releases: Sequence[Release]) -> PrivateIndex:
    """Start it in the namespace of `kube` and wait until it serves; `users` are names with passwords."""
    index = PrivateIndex(kube.namespace, new_authority("private-index"))
    host = index.root.removeprefix("https://").rstrip("/")
    key, certificate = issue(index.authority, "index", hosts=[host])
    secret = {"tls.key": key, "tls.crt": certificate, "htpasswd": _htpasswd(users)}
    packages = {release.filename: release.content() for release in releases}
    kube.apply(
        _object("Secret", data={name: _b64(data) for name, data in secret.items()}),
        _object("ConfigMap", data={"serve.py": _SERVE}, binaryData={"app.zip": _b64(_program())}),
        _object("ConfigMap", f"{NAME}-packages", binaryData={name: _b64(data) for name, data in packages.items()}),
        _object(
            "Service", spec={"selector": {"app": NAME}, "ports": [{"port": 443, "targetPort": 8443, "name": "https"}]}
        ),
        _pod(kube),
    )
    kube("wait", "--for=condition=Ready", f"pod/{NAME}", "--timeout=120s")
    return index


def _object(kind: str, name: str = NAME, **content: object) -> Json:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **content}


def _pod(kube: Kube) -> Json:
    """Of the builder's image, which brings a Python and is on the node anyway."""
    settings = kube.get("configmap", "dagy-operator", namespace=SYSTEM)["data"]
    script = (
        "python3.12 -m zipfile -e /program/app.zip /tmp/app && PYTHONPATH=/tmp/app exec python3.12 /program/serve.py"
    )
    mounts = {"program": "/program", "packages": "/packages", "secret": "/secret", "tmp": "/tmp"}
    container = {
        "name": NAME,
        "image": settings["DAGY_BUILDER_IMAGE"],
        "command": ["sh", "-c", f"PATH=/opt/python/3.12/bin:$PATH; {script}"],
        "readinessProbe": {"tcpSocket": {"port": 8443}, "periodSeconds": 1},
        "volumeMounts": [{"name": name, "mountPath": path} for name, path in mounts.items()],
    }
    volumes = [
        {"name": "program", "configMap": {"name": NAME}},
        {"name": "packages", "configMap": {"name": f"{NAME}-packages"}},
        {"name": "secret", "secret": {"secretName": NAME}},
        {"name": "tmp", "emptyDir": {}},
    ]
    spec = {
        "containers": [container],
        "volumes": volumes,
        "terminationGracePeriodSeconds": 1,
        "enableServiceLinks": False,
        "automountServiceAccountToken": False,
    }
    pod = _object("Pod", spec=spec)
    pod["metadata"]["labels"] = {"app": NAME}
    return pod


def _program() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in _SERVER:
            for file in importlib.metadata.files(name) or []:
                wanted = file.suffix in (".py", ".html") or file.name == "METADATA"
                if wanted and ".." not in file.parts and "tests" not in file.parts:
                    archive.writestr(str(file), file.read_binary())
    return out.getvalue()


def _htpasswd(users: Mapping[str, str]) -> bytes:
    """Apache's format with {SHA}, which needs nothing but hashlib to write."""
    lines = [f"{user}:{{SHA}}{_b64(hashlib.sha1(password.encode()).digest())}" for user, password in users.items()]
    return ("\n".join(lines) + "\n").encode()


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
