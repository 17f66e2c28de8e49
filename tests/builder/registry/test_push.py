"""What goes to a registry and comes from it, by its own access log."""

from __future__ import annotations

import os
from pathlib import Path

from dagy_builder.image.layers import read_manifest
from dagy_builder.image.repository import Repository
from dagy_builder.registry.client import Patience, RegistryClient
from dagy_builder.registry.push import push, tag_of
from tests.fakes.layouts import LARGE, SMALL, Node, made_image
from tests.registry_server import Registry, registry_server

SIZES = {**{f"large{n}": LARGE for n in range(10)}, **{f"small{n}": SMALL for n in range(30)}}
FIRST = dict.fromkeys(SIZES, "1.0")


def pushed(registry: Registry, slug: str, layout: Path) -> str:
    repository = Repository.of(registry.base, "team-a", slug)
    clients = [RegistryClient(one, None, Patience(), plain_http=True) for one in (repository, repository.shared)]
    return push(clients[0], clients[1], layout / "image", lambda _: None)


def sizes_of(layout: Path) -> dict[str, int]:
    return {blob.digest: blob.size for blob in read_manifest(layout / "image")[1]}


def test_a_rebuild_after_one_large_distribution_changed(registry: Registry, tmp_path: Path) -> None:
    """Of forty distributions one is new: its layer is pushed and pulled, and the configuration."""
    made_image(tmp_path / "one", FIRST, SIZES)
    made_image(tmp_path / "two", FIRST | {"large3": "1.1"}, SIZES)
    node = Node(registry.host)
    first = pushed(registry, "A1B2C3D4", tmp_path / "one")
    assert node.pull(first) == sum(sizes_of(tmp_path / "one").values())
    before, asked = registry.uploaded(), len(registry.requests())
    second = pushed(registry, "A1B2C3D4", tmp_path / "two")
    assert first != second
    new = registry.uploaded()[len(before) :]
    assert len(new) == 2
    assert LARGE <= sum(sizes_of(tmp_path / "two")[digest] for digest in new) < LARGE * 1.05
    pulled = node.pull(second)
    assert LARGE <= pulled < LARGE * 1.05
    told = [r for r in registry.requests()[asked:] if r.method == "GET" and "/blobs/sha256:" in r.path]
    assert sum(one.sent for one in told) == pulled, "the registry counts the same"


def test_a_rebuild_after_one_small_distribution_changed(registry: Registry, tmp_path: Path) -> None:
    made_image(tmp_path / "one", FIRST, SIZES)
    made_image(tmp_path / "two", FIRST | {"small7": "2.0"}, SIZES)
    node = Node(registry.host)
    node.pull(pushed(registry, "A1B2C3D4", tmp_path / "one"))
    assert node.pull(pushed(registry, "A1B2C3D4", tmp_path / "two")) < 30 * SMALL


def test_the_same_image_again_is_one_request(registry: Registry, tmp_path: Path) -> None:
    made_image(tmp_path / "one", FIRST, SIZES)
    first = pushed(registry, "A1B2C3D4", tmp_path / "one")
    asked = len(registry.requests())
    assert pushed(registry, "A1B2C3D4", tmp_path / "one") == first
    (only,) = registry.requests()[asked:]
    assert (only.method, only.path.rpartition("/")[2]) == ("HEAD", tag_of(first.partition("@")[2]))


def test_packages_of_a_namespace_share_their_large_layers(registry: Registry, tmp_path: Path) -> None:
    """What one of them has pushed, another mounts: no byte is sent twice."""
    made_image(tmp_path / "one", {"large1": "1.0", "large2": "1.0", "small1": "1.0"}, SIZES)
    made_image(tmp_path / "two", {"large1": "1.0", "large3": "1.0", "small2": "1.0"}, SIZES)
    pushed(registry, "A1B2C3D4", tmp_path / "one")
    before = registry.uploaded()
    reference = pushed(registry, "B1B2C3D4", tmp_path / "two")
    sizes = sizes_of(tmp_path / "two")
    assert LARGE <= sum(sizes[digest] for digest in registry.uploaded()[len(before) :]) < LARGE * 1.1
    node = Node(registry.host)
    assert node.pull(reference) == sum(sizes.values()), "it is whole"


def test_a_registry_over_an_s3_server(bucket: str, tmp_path: Path) -> None:
    """Layers of many parts, as the S3 of an installation keeps them."""
    sizes = {"large1": 12 << 20, "small1": SMALL}
    made_image(tmp_path / "one", dict.fromkeys(sizes, "1.0"), sizes)
    (tmp_path / "registry").mkdir()
    with registry_server(tmp_path / "registry", bucket=bucket, aws=os.environ) as registry:
        reference = pushed(registry, "A1B2C3D4", tmp_path / "one")
        assert Node(registry.host).pull(reference) == sum(sizes_of(tmp_path / "one").values())
