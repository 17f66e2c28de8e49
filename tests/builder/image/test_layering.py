"""Which file is in which layer: each in one, few layers, and a change stays where it is."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy_builder.image.layering import MOST_LAYERS, OWN_BYTES, OWN_LAYERS, Layer, NotAnImageError, layers_of

SIZES = st.one_of(st.integers(0, OWN_BYTES - 1), st.integers(OWN_BYTES, 400 * OWN_BYTES))
TREES = st.dictionaries(st.from_regex(r"[a-z][a-z0-9]{0,6}", fullmatch=True), SIZES, max_size=60)


def layered(tree: Mapping[str, int]) -> list[Layer]:
    """The layers of distributions with these sizes, each a source with bytecode, and of a script that nobody owns."""
    sizes, owners = {"bin/tool": 10}, {}
    for name, size in tree.items():
        sizes |= {f"{name}/__init__.py": size, f"{name}/__pycache__/__init__.cpython-312.pyc": 7}
        owners[f"{name}/__init__.py"] = name
    return layers_of(sizes, owners)


@given(TREES)
def test_each_file_is_in_one_layer_and_there_are_few(tree: dict[str, int]) -> None:
    layers = layered(tree)
    paths = [path for layer in layers for path in layer.paths]
    assert sorted(paths) == sorted({*paths})
    assert len(paths) == 2 * len(tree) + 1
    assert len(layers) <= MOST_LAYERS
    assert all(layer.paths for layer in layers)


@given(TREES)
def test_bytecode_is_where_its_source_is(tree: dict[str, int]) -> None:
    for layer in layered(tree):
        sources = {path.split("/")[0] for path in layer.paths if path.endswith(".py")}
        assert {path.split("/")[0] for path in layer.paths if path.endswith(".pyc")} == sources


@given(TREES, st.data())
def test_another_version_of_one_distribution_touches_few_layers(tree: dict[str, int], data: st.DataObject) -> None:
    if not tree:
        return
    changed = data.draw(st.sampled_from(sorted(tree)))
    before, after = layered(tree), layered({**tree, changed: data.draw(SIZES)})
    new = [layer for layer in after if changed in {p.split("/")[0] for p in layer.paths} or layer not in before]
    # Its own; its bucket; and where it took or left one of the last places, the one that moved, and that one's bucket.
    assert len(new) <= 4
    small_or_few = max(tree[changed], 0) < OWN_BYTES and sum(size >= OWN_BYTES for size in tree.values()) < OWN_LAYERS
    if small_or_few:
        assert len([layer for layer in new if layer.distribution not in ("", changed)]) == 0


def test_forty_distributions_of_one_list() -> None:
    tree = {f"large{number}": (number + 2) * OWN_BYTES for number in range(10)} | {
        f"small{number}": 1000 + number for number in range(30)
    }
    before, after = layered(tree), layered({**tree, "large3": tree["large3"] + 17})
    assert [layer.distribution for layer in before if layer.distribution] == [
        *("large6", "large7", "large8", "large9"),  # 8 to 11 MiB
        *("large2", "large3", "large4", "large5"),
        *("large0", "large1"),
    ]
    assert [layer.paths for layer in before] == [layer.paths for layer in after]


def test_no_layer_can_delete_files_of_another() -> None:
    for path in ("numpy/.wh.core", ".wh..wh..opq", "a/.wh.b/c.py"):
        with pytest.raises(NotAnImageError, match=r"\.wh\."):
            layers_of({path: 1}, {})
