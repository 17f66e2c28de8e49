"""What an image's bill of materials says, of images made here layer by layer."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.release import archives, sbom

EPOCH = 1_700_000_000
STATUS = """\
Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9+deb12u10

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1:1.0
"""
DIST_INFO = "app/{}-1.dist-info/METADATA"


def metadata(name: str, version: str) -> bytes:
    return f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n\nVersion: of the description\n".encode()


def image(path: Path, *layers: dict[str, bytes]) -> Path:
    """An OCI archive with these layers."""
    blobs: dict[str, bytes] = {}

    def blob(content: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = content
        return {"digest": f"sha256:{digest}", "size": len(content)}

    described = []
    for layer in layers:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as files:
            for name, content in layer.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                files.addfile(entry, io.BytesIO(content))
        described.append(blob(gzip.compress(packed.getvalue(), mtime=0)))
    manifest = blob(json.dumps({"schemaVersion": 2, "config": blob(b"{}"), "layers": described}).encode())
    blobs["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [manifest]}).encode()
    archives.tar(path, blobs, EPOCH)
    return path


def document(archive: Path) -> dict[str, Any]:
    text = sbom.document(archive, "docker.io/dagy/operator", "0.1.0", EPOCH)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert text == sbom.document(archive, "docker.io/dagy/operator", "0.1.0", EPOCH)
    found: dict[str, Any] = json.loads(text)
    return found


def test_debian_packages_distributions_and_interpreters(tmp_path: Path) -> None:
    archive = image(
        tmp_path / "image.tar",
        {"./var/lib/dpkg/status": STATUS.encode(), "etc/passwd": b"root"},
        {
            DIST_INFO.format("PyYAML"): metadata("PyYAML", "6.0"),
            "opt/python/3.12/lib/libpython3.12.so.1.0": b"\x7fELF\0/usr/lib/3.12.11\0",
            "opt/python/3.12/bin/python3.12": b"\x7fELF\0",
        },
    )
    found = document(archive)
    assert [one["purl"] for one in found["components"]] == [
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u10?arch=amd64",
        "pkg:generic/python@3.12.11",
        "pkg:pypi/pyyaml@6.0",
    ]
    assert found["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"


def test_what_a_later_layer_removes_or_replaces_is_not_in_it(tmp_path: Path) -> None:
    archive = image(
        tmp_path / "image.tar",
        {DIST_INFO.format(name): metadata(name, "1") for name in ("a", "b", "c")},
        {"app/.wh.a-1.dist-info": b"", DIST_INFO.format("b"): metadata("b", "2")},
    )
    assert [one["purl"] for one in document(archive)["components"]] == ["pkg:pypi/b@2", "pkg:pypi/c@1"]


def test_another_image_has_another_number(tmp_path: Path) -> None:
    one, other = (image(tmp_path / name, {DIST_INFO.format(name): metadata(name, "1")}) for name in ("a", "b"))
    assert document(one)["serialNumber"] != document(other)["serialNumber"]
