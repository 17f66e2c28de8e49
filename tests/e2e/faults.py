"""What failures are provoked with: an index that misbehaves, a name that nobody listens at, an S3 that only reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mypy_boto3_s3.client import S3Client

from tests.e2e.artifacts import fetch
from tests.e2e.kube import BUILDS, SYSTEM, Json, Kube, own_namespace, package

INDEX, NOBODY, READ_ONLY = "faults", "nobody", "read-only-s3"


def url(kube: Kube, service: str, path: str = "") -> str:
    """Where Jobs find a Service of this namespace."""
    return f"http://{service}.{kube.namespace}.svc.cluster.local/{path}"


@contextmanager
def namespace(admin: Kube) -> Iterator[Kube]:
    """A namespace with all of it, while the block runs."""
    with own_namespace(admin) as kube:
        start(kube)
        yield kube


def failing(kube: Kube, name: str, *dependencies: str, **build: Any) -> Json:
    """A package of the index that misbehaves, with one attempt."""
    index = {"url": url(kube, INDEX, "simple")}
    return package(name, *dependencies, index=index, build={"retries": 0, **build})


def log_of(s3: S3Client, status: Json) -> str:
    """The kept log of the last attempt that failed."""
    return fetch(s3, status["build"]["attempts"][-1]["logUri"]).decode()


def start(kube: Kube) -> None:
    """All of it in the namespace of `kube`, where Jobs may go; deleting the namespace ends it."""
    kube("label", "namespace", kube.namespace, "dagy.io/builds-may-reach=true")
    secret = kube.get("secret", "dagy-s3", BUILDS)
    kube.apply(
        _object("ConfigMap", INDEX, data={"serve.py": (Path(__file__).with_name("fault_server.py")).read_text()}),
        _object("Secret", "dagy-s3", data=secret["data"]),
        *(_service(name, port) for name, port in ((INDEX, 8000), (READ_ONLY, 7070), (NOBODY, 1))),
        _index(kube),
        _read_only_s3(kube),
    )
    kube("wait", "--for=condition=Ready", f"pod/{INDEX}", f"pod/{READ_ONLY}", "--timeout=120s")


def _index(kube: Kube) -> Json:
    container = {
        "image": _builder_image(kube),
        "command": ["python3", "/program/serve.py"],
        "readinessProbe": {"tcpSocket": {"port": 8000}, "periodSeconds": 1},
        "volumeMounts": [{"name": "program", "mountPath": "/program"}, {"name": "tmp", "mountPath": "/tmp"}],
    }
    return _pod(INDEX, container, [{"name": "program", "configMap": {"name": INDEX}}, {"name": "tmp", "emptyDir": {}}])


def _read_only_s3(kube: Kube) -> Json:
    """The dev overlay's S3 server with a bucket of the same name, that refuses every write."""
    (server,) = kube.get("deployment", "versitygw", "dagy-s3")["spec"]["template"]["spec"]["containers"]
    data = {"name": "data", "mountPath": "/data"}
    container = {
        "image": server["image"],
        "args": ["--port", ":7070", "--readonly", "posix", "/data"],
        "env": server["env"],
        "readinessProbe": {"tcpSocket": {"port": 7070}, "periodSeconds": 1},
        "volumeMounts": [data],
    }
    bucket = {
        "name": "bucket",
        "image": _builder_image(kube),
        "command": ["sh", "-c", 'mkdir "/data/$DAGY_S3_BUCKET"'],
        "envFrom": [{"secretRef": {"name": "dagy-s3"}}],
        "securityContext": {"runAsUser": 0},
        "volumeMounts": [data],
    }
    pod = _pod(READ_ONLY, container, [{"name": "data", "emptyDir": {}}])
    pod["spec"]["initContainers"] = [bucket]
    return pod


def _builder_image(kube: Kube) -> str:
    image: str = kube.get("configmap", "dagy-operator", SYSTEM)["data"]["DAGY_BUILDER_IMAGE"]
    return image


def _service(name: str, port: int) -> Json:
    return _object("Service", name, spec={"selector": {"app": name}, "ports": [{"port": 80, "targetPort": port}]})


def _pod(name: str, container: Json, volumes: list[Json]) -> Json:
    spec = {
        "containers": [{"name": name, **container}],
        "volumes": volumes,
        "terminationGracePeriodSeconds": 1,
        "enableServiceLinks": False,
        "automountServiceAccountToken": False,
    }
    pod = _object("Pod", name, spec=spec)
    pod["metadata"]["labels"] = {"app": name}
    return pod


def _object(kind: str, name: str, **content: Any) -> Json:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **content}
