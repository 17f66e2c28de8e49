"""What a real API server says of itself and of its nodes."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from dagy.adapters.kube.api import KubeApi
from dagy.adapters.kube.cluster import BELIEVED_SECONDS, ClusterFacts
from dagy.core.attach.ways import Cluster, NodeKind
from tests.fakes.api import Users

pytestmark = pytest.mark.apiserver

MODERN = ("amd64", "v1.36.3", "containerd://2.4.2", "linux")
OLD = ("arm64", "v1.36.3", "containerd://1.7.27", "linux")
WINDOWS = ("amd64", "v1.36.3", "containerd://1.7.27", "windows")
VIRTUAL = ("", "", "x" * 200, "")


@pytest.fixture(scope="module")
def pool(kubeconfig: str) -> Iterator[str]:
    """A label of nodes of four kinds."""
    users, pool = Users(kubeconfig), f"p{uuid.uuid4().hex[:6]}"
    for number, said in enumerate((MODERN, MODERN, OLD, WINDOWS, VIRTUAL)):
        name = f"{pool}-{number}"
        labels = {"pool": pool, **({"virtual": "yes"} if said == VIRTUAL else {})}
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}
        users.kubectl("create", "-f", "-", stdin=node)
        users.kubectl("patch", "node", name, "--subresource=status", "--type=merge", "-p", json.dumps(status(*said)))
    yield pool
    users.kubectl("delete", "nodes", "-l", f"pool={pool}", "--wait=false")


def status(architecture: str, kubelet: str, runtime: str, system: str) -> dict[str, Any]:
    images = [{"names": [f"registry.example/{uuid.uuid4().hex * 3}"], "sizeBytes": 1} for _ in range(50)]
    about = dict.fromkeys(("machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "kubeProxyVersion"), "")
    info = {**about, "architecture": architecture, "kubeletVersion": kubelet, "containerRuntimeVersion": runtime}
    return {"status": {"images": images, "nodeInfo": {**info, "operatingSystem": system}}}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def looked(kubeconfig: str, selector: str, clock: Clock) -> ClusterFacts:
    async def run() -> ClusterFacts:
        api = await KubeApi.connect(kubeconfig=kubeconfig)
        try:
            facts = ClusterFacts(api, selector, clock)
            assert facts.present == Cluster(), "nothing is believed before a look"
            await facts.look()
            return facts
        finally:
            await api.close()

    return asyncio.run(run())


def test_every_kind_of_linux_node_once(kubeconfig: str, pool: str) -> None:
    facts = looked(kubeconfig, f"pool={pool}", Clock()).present
    assert facts.server
    assert facts.server >= (1, 36)
    assert facts.nodes == {NodeKind(*MODERN[:3]), NodeKind(*OLD[:3]), NodeKind("", "", "x" * 64)}
    assert facts.obstacle("amd64") == ""
    assert facts.obstacle("arm64") == "a node has containerd 1.7.27, and image volumes need 2.1"


def test_a_selector_leaves_nodes_out_and_an_answer_ends(kubeconfig: str, pool: str) -> None:
    clock = Clock()
    facts = looked(kubeconfig, f"pool={pool},!virtual", clock)
    assert facts.present.nodes == {NodeKind(*MODERN[:3]), NodeKind(*OLD[:3])}
    clock.now = BELIEVED_SECONDS
    assert facts.present == Cluster()


def test_no_node_is_no_kind(kubeconfig: str) -> None:
    assert looked(kubeconfig, "pool=nowhere", Clock()).present.nodes == frozenset()
