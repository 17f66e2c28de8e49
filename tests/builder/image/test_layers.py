"""The image of a ZIP: the same files, the same bytes each time, a layout that others can read."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest
from backports import zstd

from dagy_builder.archive.pack import package
from dagy_builder.archive.summary import ARTIFACT
from dagy_builder.contract import BuildRequest
from dagy_builder.image.layering import NotAnImageError
from dagy_builder.image.layers import blob_path, read_manifest, write_image
from dagy_builder.image.manifest import facts_of
from dagy_builder.sizes import Limits
from tests.fakes.trees import small_tree

FACTS = facts_of("A1B2C3D4", "b" * 64, "c" * 64)


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    package(BuildRequest("3.12"), small_tree(tmp_path / "tree"), tmp_path / "out", Limits())
    return tmp_path / "out" / ARTIFACT


def files_of(layout: Path) -> dict[str, tuple[bytes, int]]:
    """Content and mode of each file of all layers; a file that is in two of them fails."""
    found: dict[str, tuple[bytes, int]] = {}
    for blob in read_manifest(layout)[1][:-1]:
        data = blob_path(layout, blob.digest).read_bytes()
        assert (f"sha256:{hashlib.sha256(data).hexdigest()}", len(data)) == (blob.digest, blob.size)
        with tarfile.open(fileobj=io.BytesIO(zstd.decompress(data))) as tar:
            for entry in tar:
                assert (entry.uid, entry.gid, entry.uname, entry.mtime) == (0, 0, "", 315532800)
                if entry.isdir():
                    assert entry.mode == 0o755
                else:
                    content = tar.extractfile(entry)
                    assert content
                    assert found.setdefault(entry.name, (content.read(), entry.mode))
    return found


def test_it_has_the_files_of_the_zip(packed: Path, tmp_path: Path) -> None:
    write_image(packed, tmp_path / "image", "amd64", FACTS)
    with zipfile.ZipFile(packed) as archive:
        members = {one.filename: (archive.read(one), one.external_attr >> 16 & 0o777) for one in archive.infolist()}
    assert files_of(tmp_path / "image") == members
    assert members["bin/tool"][1] == 0o755
    assert "pkg/ümlaut.txt" in members


def test_it_is_the_same_each_time(packed: Path, tmp_path: Path) -> None:
    digests = [write_image(packed, tmp_path / name, "amd64", FACTS) for name in ("one", "two")]
    assert len({*digests}) == 1
    names = [sorted(p.name for p in (tmp_path / name / "blobs/sha256").iterdir()) for name in ("one", "two")]
    assert names[0] == names[1]
    assert write_image(packed, tmp_path / "arm", "arm64", FACTS) not in digests


def test_it_says_what_it_is(packed: Path, tmp_path: Path) -> None:
    digest = write_image(packed, tmp_path / "image", "arm64", FACTS)
    manifest, blobs = read_manifest(tmp_path / "image")
    told, config = json.loads(manifest), json.loads(blob_path(tmp_path / "image", blobs[-1].digest).read_bytes())
    assert digest == f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    assert told["annotations"] == config["config"]["Labels"] == FACTS
    assert (config["os"], config["architecture"], config["created"]) == ("linux", "arm64", "1980-01-01T00:00:00Z")
    plain = [zstd.decompress(blob_path(tmp_path / "image", one.digest).read_bytes()) for one in blobs[:-1]]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(one).hexdigest()}" for one in plain]
    assert {one["mediaType"] for one in told["layers"]} == {"application/vnd.oci.image.layer.v1.tar+zstd"}


def test_a_tree_that_would_delete_files_of_its_layers_has_no_image(tmp_path: Path) -> None:
    tree = small_tree(tmp_path / "tree")
    (tree / "pkg/.wh.data.bin").write_bytes(b"")
    package(BuildRequest("3.12"), tree, tmp_path / "out", Limits())
    with pytest.raises(NotAnImageError, match=r"'pkg/\.wh\.data\.bin' has a name"):
        write_image(tmp_path / "out" / ARTIFACT, tmp_path / "image", "amd64", FACTS)


def test_a_folder_without_an_image_is_told(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text("{}")
    with pytest.raises(ValueError, match="holds no image"):
        read_manifest(tmp_path)
