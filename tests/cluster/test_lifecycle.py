"""A cluster's life from start to end, and all the ways to end: on one of its own, beside any that runs already."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import addons, cgroups, images, network, node, pods
from tests.cluster.image_sources import BASE, PAUSE
from tests.cluster.kube import kubectl
from tests.cluster.layout import Layout, current_layout
from tests.cluster.processes import Process, children
from tests.cluster.progress import Progress

pytestmark = pytest.mark.lifecycle


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    """A state folder of its own, in a place that the node hides, with the binaries and images of the usual one."""
    usual, own = current_layout(), Layout(tmp_path / "cluster")
    own.cache.mkdir(parents=True)
    own.bin.mkdir()
    for file in (*usual.bin.iterdir(), *usual.cache.glob("*debian*-slim.*")):
        shutil.copy2(file, own.root / file.relative_to(usual.root))
    try:
        yield own
    finally:
        node.clear(own)
        shutil.rmtree(own.root)


def traces(layout: Layout) -> list[str]:
    """All that a cluster has on the host: processes, links, tables, control groups, mounts."""
    found = [str(p) for p in cgroups.leftovers(network.IDENT) if p.name == layout.ident]
    found += [f"process {pid}" for path in map(Path, found) for pid in cgroups.members(path)]
    found += [f"link {n}" for n in network.links() if n == layout.ident]
    found += [f"table {n}" for n in network.tables() if n == layout.ident]
    for mounts in Path("/proc").glob("[0-9]*/mountinfo"):
        try:
            if str(layout.root) in mounts.read_text():
                found.append(f"mount seen by process {mounts.parent.name}")
        except OSError:
            continue  # it ended meanwhile
    return found


def start(layout: Layout) -> node.Node:
    progress = Progress()
    started = node.start(layout, progress)
    addons.apply(layout, started.addresses)
    node.await_ready(layout, progress)
    images.provide(layout, progress, [PAUSE, BASE])
    return started


def forwarding() -> str:
    return node.FORWARDING.read_text()


def test_a_cluster_leaves_nothing_behind(layout: Layout) -> None:
    others, forwarded = network.links(), forwarding()
    first = start(layout)
    assert network.links() == {*others, layout.ident}
    assert pods.output(layout, "default", "echo works") == "works\n"
    assert traces(layout)

    assert start(layout) == first, "a second start keeps the node"

    node.clear(layout)
    assert traces(layout) == []
    assert network.links() == others
    assert forwarding() == forwarded
    assert {p.name for p in layout.root.iterdir()} == {"bin", "cache", "logs"}
    assert node.clear(layout) == [], "a second stop finds nothing"


def test_a_killed_component_comes_back(layout: Layout) -> None:
    started = start(layout)
    [api_server] = [
        p for p in children(started.init.pid) if (Path(f"/proc/{p}/comm").read_text()) == "kube-apiserver\n"
    ]
    Process.of(api_server).kill()
    assert start(layout) == started
    kubectl(layout, "get", "--raw=/readyz")
    assert "kube-apiserver ended (-9)" in (layout.logs / "node.log").read_text()


@pytest.mark.parametrize("victim", ["outer", "init"])
def test_a_cluster_whose_processes_were_killed_is_no_obstacle(layout: Layout, victim: str) -> None:
    first = start(layout)
    getattr(first, victim).kill()
    await_end(first)
    second = start(layout)
    assert second != first
    assert pods.output(layout, "default", "echo works") == "works\n"


def test_a_dead_cluster_of_a_removed_checkout_is_cleared(layout: Layout) -> None:
    first, ident = start(layout), layout.ident
    assert ident in network.tables()
    first.init.kill()
    await_end(first)
    shutil.rmtree(layout.root / "node")
    layout.state.unlink()
    other = Layout(layout.root.with_name(layout.root.name + "-other"))
    node.clear(other)
    assert ident not in network.tables()
    assert traces(layout) == []


def test_a_dead_cluster_never_takes_a_living_one_along(layout: Layout) -> None:
    started = start(layout)
    other = Layout(layout.root.with_name(layout.root.name + "-other"))
    node.clear(other)
    assert started.is_alive()
    assert kubectl(layout, "get", "--raw=/readyz") == "ok"


def await_end(dead: node.Node) -> None:
    """Wait for the rest of a node whose first process was killed: the kernel ends it."""
    dead.init.await_end()
    dead.outer.await_end()
    assert not dead.is_alive()
