"""A section's own namespace in the running cluster."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.bench.leftovers import spread
from tests.bench.timing import CannotRunError
from tests.cluster import kube as cluster_kube
from tests.cluster.layout import Layout
from tests.e2e.kube import SYSTEM, Json, Kube, KubectlError


@contextmanager
def namespace(layout: Layout, say: Callable[[str], None]) -> Iterator[Kube]:
    """Made for the block, and deleted after it, whatever happens. Raises CannotRunError when no cluster runs."""
    if not layout.kubeconfig.exists():
        raise CannotRunError("there is no cluster: run `make up`")
    pods = layout.node / "lib" / "kubelet" / "pods"
    if pods.is_dir():  # the cluster's node is this machine
        spread(pods)
    kube = Kube(cluster_kube.command(layout)[0], str(layout.kubeconfig), f"bench-{uuid.uuid4().hex[:8]}")
    try:
        kube("create", "namespace", kube.namespace)
    except KubectlError as error:
        raise CannotRunError(f"the cluster does not answer: {error}") from error
    try:
        yield kube
    finally:
        try:
            kube("delete", "namespace", kube.namespace, "--timeout=120s")
        except KubectlError as error:  # figures that were measured are worth more
            say(f"namespace {kube.namespace} is not gone: {error}")


def authorities(kube: Kube) -> list[Json]:
    """The ConfigMap that pods need behind a proxy that inspects TLS, for this namespace; empty where there is none."""
    found = [c for c in kube.list("configmaps", namespace=SYSTEM) if c["metadata"]["name"] == "dagy-ca-bundle"]
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dagy-ca-bundle"}, "data": one["data"]}
        for one in found
    ]
