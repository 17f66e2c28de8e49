"""A package index (PEP 503) of files that never change, in a pod: `python3 -m http.server` over a ConfigMap."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

from tests.e2e.kube import SYSTEM, Json, Kube
from tests.fakes.index import Release

NAME = "static-index"


def start(kube: Kube, releases: Sequence[Release]) -> str:
    """Serve the releases in the namespace of `kube`, which Jobs may reach; the index's URL, once it serves."""
    served: dict[str, bytes] = {}
    for release in releases:
        content = release.content()
        link = f"../../files/{release.filename}#sha256={hashlib.sha256(content).hexdigest()}"
        served[f"files/{release.filename}"] = content
        served[f"simple/{release.name}/index.html"] = f'<a href="{link}">{release.filename}</a>'.encode()
    keys = {path: f"file{number}" for number, path in enumerate(served)}
    kube("label", "namespace", kube.namespace, "dagy.io/builds-may-reach=true")
    kube.apply(
        _object("ConfigMap", binaryData={keys[path]: base64.b64encode(data).decode() for path, data in served.items()}),
        _object("Service", spec={"selector": {"app": NAME}, "ports": [{"port": 80, "targetPort": 8000}]}),
        _pod(kube, [{"key": key, "path": path} for path, key in keys.items()]),
    )
    kube("wait", "--for=condition=Ready", f"pod/{NAME}", "--timeout=120s")
    return f"http://{NAME}.{kube.namespace}.svc.cluster.local/simple"


def _pod(kube: Kube, items: list[Json]) -> Json:
    container = {
        "name": NAME,
        "image": kube.get("configmap", "dagy-operator", namespace=SYSTEM)["data"]["DAGY_BUILDER_IMAGE"],
        "command": ["python3", "-m", "http.server", "--directory", "/packages", "8000"],
        "readinessProbe": {"tcpSocket": {"port": 8000}, "periodSeconds": 1},
        "volumeMounts": [{"name": "packages", "mountPath": "/packages"}],
    }
    spec = {
        "containers": [container],
        "volumes": [{"name": "packages", "configMap": {"name": NAME, "items": items}}],
        "terminationGracePeriodSeconds": 1,
        "enableServiceLinks": False,
        "automountServiceAccountToken": False,
    }
    pod = _object("Pod", spec=spec)
    pod["metadata"]["labels"] = {"app": NAME}
    return pod


def _object(kind: str, **content: object) -> Json:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": NAME}, **content}
