"""One API server, one bucket and one replica for all tests of this folder."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from dagy.adapters.settings.attach import AttachSettings
from dagy.core.attach.ways import Cluster, NodeKind
from dagy_builder.storage.store import ObjectStore
from tests.cluster.controlplane import control_plane
from tests.cluster.doctor import free_port
from tests.cluster.layout import current_layout
from tests.fakes.mounted_certificates import issued
from tests.fakes.webhook import BUCKET, REGISTRY, SYSTEM, Replica, Server, World
from tests.s3server import s3_server


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The world, with the packages AAAAAAA1 to AAAAAAA6 in it."""
    folder, port = tmp_path_factory.mktemp("admission"), free_port()
    with (
        control_plane(current_layout(), folder) as kubeconfig,
        s3_server(tmp_path_factory.mktemp("admission-s3"), BUCKET) as variables,
    ):
        # Only while its client is made: other tests of this process have an S3 server of their own.
        with pytest.MonkeyPatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            bucket = ObjectStore(BUCKET)
        server = Server(kubeconfig)
        server.set_up(f"https://127.0.0.1:{port}")
        authority = issued().authorities
        server(
            "patch",
            "configmap",
            "dagy-api-authority",
            "-n",
            SYSTEM,
            "--type=merge",
            "-p",
            json.dumps({"data": {"ca.crt": authority}}),
        )
        settings = AttachSettings(webhook_clients="127.0.0.1/32", oci_repository=REGISTRY)
        cluster = Cluster((1, 36), frozenset({NodeKind("amd64", "v1.36.3", "containerd://2.4.2")}))
        replica = Replica(settings, server.account(folder), bucket, port, cluster=cluster)
        with replica.serving() as keeper:
            yield World(server, bucket, replica, keeper, authority)
