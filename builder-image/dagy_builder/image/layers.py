"""The files of a ZIP as the layers of an image, in a folder that is an OCI image layout.

The ZIP is the truth: its members, bytecode among them, are what the layers hold, so both are one tree. A layer is a tar
with zstd over it, the same bytes wherever it is made: sorted, one time, one owner, two modes, one thread.
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from backports import zstd

from dagy_builder.archive import included as rules
from dagy_builder.archive.records import owners
from dagy_builder.image.layering import Layer, layers_of
from dagy_builder.image.manifest import MANIFEST_TYPE, Blob, documents

LEVEL = 3
"""Of zstd, for every package: layers are shared by packages whatever they ask for (spec.build.compression)."""
_TIME = 315_532_800  # 1980-01-01, the oldest time that a ZIP can tell
_EXECUTABLE, _PLAIN = 0o755, 0o644
_MOST_THREADS = 4
_BLOCK = 1 << 20


class _Sink:
    """Where a layer's tar goes: through two digests and zstd into a file."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._compressor = zstd.ZstdCompressor(level=LEVEL)
        self._plain, self._packed, self.size = hashlib.sha256(), hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        """Take the tar's next bytes."""
        self._plain.update(data)
        self._keep(self._compressor.compress(data))
        return len(data)

    def close(self) -> None:
        """End the layer."""
        self._keep(self._compressor.flush())
        self._file.close()

    def abort(self) -> None:
        """Close the file, whatever is in it."""
        self._file.close()

    def blob(self, distribution: str) -> Blob:
        """Return the layer's description, once it is closed."""
        digest, diff_id = f"sha256:{self._packed.hexdigest()}", f"sha256:{self._plain.hexdigest()}"
        return Blob(digest, self.size, diff_id=diff_id, distribution=distribution)

    def _keep(self, data: bytes) -> None:
        self._file.write(data)
        self._packed.update(data)
        self.size += len(data)


def write_image(artifact: Path, out: Path, architecture: str, facts: Mapping[str, str]) -> str:
    """Write the image of a ZIP below `out`, an OCI image layout. Return its digest. Raises NotAnImageError, OSError."""
    blobs = out / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(artifact) as archive:
        members = {member.filename: member for member in archive.infolist()}
        records = ((name, archive.read(member)) for name, member in members.items() if rules.is_record(name))
        layers = layers_of({name: member.file_size for name, member in members.items()}, owners(records))
        with ThreadPoolExecutor(min(len(os.sched_getaffinity(0)), _MOST_THREADS)) as pool:
            work = [
                pool.submit(_write_layer, archive, members, layer, blobs, place) for place, layer in enumerate(layers)
            ]
            made = [one.result() for one in work]
    told = documents(made, architecture, facts)
    _keep(blobs, told.config)
    digest = _keep(blobs, told.manifest)
    (out / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
    index = Blob(digest, len(told.manifest), MANIFEST_TYPE).descriptor()
    (out / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [index]}))
    return digest


def blob_path(out: Path, digest: str) -> Path:
    """Return the file of a blob in a layout."""
    return out / "blobs" / "sha256" / digest.removeprefix("sha256:")


def _write_layer(
    archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], layer: Layer, blobs: Path, place: int
) -> Blob:
    partial = blobs / f"layer-{place}.partial"
    sink = _Sink(partial)
    try:
        with tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT, bufsize=_BLOCK) as tar:  # type: ignore[call-overload]
            for folder in _folders(layer.paths):
                tar.addfile(_entry(folder, tarfile.DIRTYPE, _EXECUTABLE, 0))
            for path in layer.paths:
                member = members[path]
                mode = _EXECUTABLE if member.external_attr >> 16 & 0o100 else _PLAIN
                with archive.open(member) as content:
                    tar.addfile(_entry(path, tarfile.REGTYPE, mode, member.file_size), content)
        sink.close()
    except BaseException:
        sink.abort()
        partial.unlink(missing_ok=True)
        raise
    blob = sink.blob(layer.distribution)
    partial.replace(blob_path(blobs.parents[1], blob.digest))
    return blob


def _folders(paths: Sequence[str]) -> Iterator[str]:
    """Yield the folders above the files, parents first: what no entry names gets modes of the runtime's own."""
    seen = {""}
    for path in paths:
        parts = path.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            folder = "/".join(parts[:depth])
            if folder not in seen:
                seen.add(folder)
                yield folder


def _entry(name: str, kind: bytes, mode: int, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.size, entry.mtime = kind, mode, size, _TIME
    return entry


def _keep(blobs: Path, data: bytes) -> str:
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    (blobs / digest.removeprefix("sha256:")).write_bytes(data)
    return digest


def read_manifest(out: Path) -> tuple[bytes, list[Blob]]:
    """Return the manifest of the one image in a layout, and its blobs, the configuration last.

    Raises OSError, ValueError.
    """
    try:
        digest = json.loads((out / "index.json").read_text())["manifests"][0]["digest"]
        manifest = blob_path(out, digest).read_bytes()
        told = json.loads(manifest)
        listed = [*told["layers"], told["config"]]
        return manifest, [Blob(one["digest"], one["size"], one["mediaType"]) for one in listed]
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"{out} holds no image ({type(error).__name__})") from error
