"""A registry for the installation while the section runs, as the tests of image volumes have it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.timing import CannotRunError
from tests.cluster import s3
from tests.cluster.layout import Layout
from tests.e2e.conftest import changed_settings
from tests.e2e.image_registry import PULL_SECRET, beside_the_cluster
from tests.e2e.kube import SYSTEM, Kube

_REPOSITORY = "DAGY_OCI_REPOSITORY"


@contextmanager
def registry(layout: Layout, kube: Kube) -> Iterator[None]:
    """Let builds push and the namespace's pods pull while the block runs; nothing changes where there is a registry already."""
    if kube.get("configmap", "dagy-operator", namespace=SYSTEM)["data"].get(_REPOSITORY):
        yield
        return
    if not (layout.bin / "registry").exists():
        raise CannotRunError(f"{layout.bin / 'registry'} is missing: `make bench` builds it")
    with (
        tempfile.TemporaryDirectory(prefix="dagy-bench-registry-") as folder,
        beside_the_cluster(kube, Path(folder), s3.read_environment(layout)) as beside,
    ):
        kube.apply(beside.secret(PULL_SECRET, kube.namespace))
        kube("wait", "--for=create", "serviceaccount/default", "--timeout=60s")
        kube("patch", "serviceaccount", "default", "-p", json.dumps({"imagePullSecrets": [{"name": PULL_SECRET}]}))
        settings = {_REPOSITORY: beside.repository}
        with (
            changed_settings(kube, "dagy-operator", **settings, DAGY_OCI_PLAIN_HTTP="true"),
            changed_settings(kube, "dagy-webhook", **settings, DAGY_ATTACH_PULL_SECRET=PULL_SECRET),
        ):
            yield
            # Its image goes with it, while there is a registry.
            kube("delete", "dp", "--all", "--timeout=120s")
