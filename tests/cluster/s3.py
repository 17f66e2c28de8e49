"""The cluster's S3: credentials made once, for pods as a Secret and for the host as `s3.env`; and its bucket."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any

import boto3
import botocore.config
import botocore.exceptions
from mypy_boto3_s3.client import S3Client

from .kube import apply_objects, kubectl
from .layout import S3_NODE_PORT, ClusterError, Layout
from .pki import write_secret

SECRET = "dagy-s3"
NAMESPACES = ("dagy-system", "dagy-builds", "dagy-s3")
BUCKET = "dagy"
REGION = "us-east-1"
REACHABLE_WITHIN = 20.0
"""Seconds from the server's readiness until its node port must answer."""

IN_CLUSTER = "http://versitygw.dagy-s3.svc:7070"


def create_credentials(layout: Layout, node_ip: str) -> dict[str, str]:
    """Make the namespaces' Secret and `s3.env`, with new credentials unless the cluster has some; returns s3.env's."""
    namespaces = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": n}} for n in NAMESPACES]
    apply_objects(layout, namespaces)
    values = present_credentials(layout) or {
        "AWS_ACCESS_KEY_ID": secrets.token_hex(10),
        "AWS_SECRET_ACCESS_KEY": secrets.token_hex(20),
    }
    values |= {"AWS_REGION": REGION, "DAGY_S3_BUCKET": BUCKET}
    apply_objects(layout, [secret(n, {"AWS_ENDPOINT_URL": IN_CLUSTER, **values}) for n in NAMESPACES])
    outside = {"AWS_ENDPOINT_URL": f"http://{node_ip}:{S3_NODE_PORT}", **values}
    write_secret(layout.s3_env, environment_file(outside).encode())
    return outside


def present_credentials(layout: Layout) -> dict[str, str]:
    """The credentials that the S3 server of the cluster was started with; empty when it has none yet."""
    found = kubectl(layout, "get", "secret", SECRET, "--namespace=dagy-s3", "--ignore-not-found", "-o", "json")
    if not found.strip():
        return {}
    data = json.loads(found)["data"]
    return {k: base64.b64decode(data[k]).decode() for k in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}


def secret(namespace: str, values: Mapping[str, str]) -> dict[str, Any]:
    """The Secret with S3's address and credentials."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SECRET, "namespace": namespace},
        "stringData": dict(values),
    }


def environment_file(values: Mapping[str, str]) -> str:
    """Assignments that a shell can source; no value needs quoting."""
    return "".join(f"{name}={value}\n" for name, value in values.items())


def read_environment(layout: Layout) -> dict[str, str]:
    """The values of `s3.env`."""
    return dict(line.split("=", 1) for line in layout.s3_env.read_text().splitlines())


def connect(values: Mapping[str, str], config: botocore.config.Config | None = None) -> S3Client:
    """A client of the cluster's S3, by the values of `s3.env`."""
    return boto3.client(
        "s3",
        endpoint_url=values["AWS_ENDPOINT_URL"],
        region_name=values["AWS_REGION"],
        aws_access_key_id=values["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=values["AWS_SECRET_ACCESS_KEY"],
        config=config,
    )


def create_bucket(values: Mapping[str, str]) -> None:
    """Make the bucket if it isn't there. Raises ClusterError when S3 can't be reached from the host."""
    client = connect(values, botocore.config.Config(connect_timeout=5, retries={"total_max_attempts": 1}))
    try:
        _create(client, values["DAGY_S3_BUCKET"])
    except (client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists):
        return
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as e:
        raise ClusterError(
            f"The bucket {values['DAGY_S3_BUCKET']} can't be made at {values['AWS_ENDPOINT_URL']}: {e}. If this machine"
            " can't reach the cluster's nodes, make it with `kubectl port-forward --namespace dagy-s3 service/versitygw`."
        ) from e
    finally:
        client.close()


def _create(client: S3Client, bucket: str) -> None:
    deadline = time.monotonic() + REACHABLE_WITHIN
    while True:
        try:
            client.create_bucket(Bucket=bucket)
        except (botocore.exceptions.ConnectionError, botocore.exceptions.HTTPClientError):
            # A pod is ready a moment before kube-proxy sends a node port's packets to it, and nothing tells when.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return
