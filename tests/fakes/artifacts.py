"""A package whose artifacts lie in S3, with all that its builds leave beside them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

from dagy_builder.storage.store import ObjectStore
from tests.fakes.api import Users, artifact_status, folder_of, unique, zip_name

RECORD = {
    "builtAt": "2026-11-21T12:00:00Z", "image": "docker.io/dagy/builder@sha256:" + "b" * 64, "sourceDistributions": "Forbid",
    "builtWith": {"uv": "0.13.8", "python": "3.12.4"}, "seconds": {"install": 1.5, "package": 0.4, "upload": 0.2},
}  # fmt: skip
SBOM: Mapping[str, Any] = {"bomFormat": "CycloneDX"}


def lock(**versions: str) -> str:
    """A lock of these distributions."""
    packages = [
        f'[[packages]]\nname = "{name}"\nversion = "{version}"\n'
        f'wheels = [{{url = "https://h.example/{name}-{version}-py3-none-any.whl", hashes = {{sha256 = "{version:0>64}"}}}}]\n'
        for name, version in versions.items()
    ]
    return 'lock-version = "1.0"\n' + "".join(packages)


def archive(files: Mapping[str, bytes], *, zip64: bool = False) -> bytes:
    """A ZIP with these files."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as packed:
        for path, content in files.items():
            info = zipfile.ZipInfo(path)
            info.compress_type = zipfile.ZIP_DEFLATED
            with packed.open(info, "w", force_zip64=zip64) as file:
                file.write(content)
    return data.getvalue()


def distribution(name: str, version: str, *paths: str, content: bytes = b"x" * 100) -> dict[str, bytes]:
    """The files of a distribution with its RECORD."""
    info = f"{name}-{version}.dist-info"
    record = "".join(f"{path},,\n" for path in (*paths, f"{info}/RECORD"))
    return {**dict.fromkeys(paths, content), f"{info}/RECORD": record.encode()}


def sbom(**licences: str) -> dict[str, Any]:
    """A bill of materials in which these distributions have these licences."""
    found = [{"type": "library", "name": name, "licenses": [{"expression": text}]} for name, text in licences.items()]
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": found}


class Built:
    """A package with artifacts, as its builds leave them."""

    def __init__(
        self,
        users: Users,
        objects: ObjectStore,
        *,
        namespace: str = "team-a",
        name: str = "",
        dependencies: Sequence[str] = ("alpha>=1", "Beta"),
        slug: str = "",
        **spec: Any,
    ) -> None:
        self._users, self._objects, self.namespace, self.name = users, objects, namespace, name or unique("art")
        body = {"pythonVersion": "3.12", "dependencies": list(dependencies), **spec}
        metadata = {"name": self.name, "namespace": namespace}
        manifest = {"apiVersion": "dagy.io/v1", "kind": "DepPackage", "metadata": metadata, "spec": body}
        users.kubectl("create", "-f", "-", stdin=manifest)
        self.slug = slug or "K" + unique("")[1:8].upper()
        self._folder = folder_of(users, namespace, self.name, self.slug)
        self.known: list[dict[str, Any]] = []
        """As status has them, the newest first."""

    def add(self, data: bytes, lock_text: str, *, bill: Mapping[str, Any] = SBOM, **more: Any) -> str:
        """The newest artifact; its SHA-256."""
        stem = f"{self._folder}/{zip_name(data)}".removesuffix(".zip")
        beside = {
            "zip": data, "pylock.toml": lock_text.encode(), "sbom.cdx.json": json.dumps(bill).encode(),
            "build.json": json.dumps(RECORD).encode(), "contents.txt.gz": gzip.compress(listing(data).encode(), mtime=0),
        }  # fmt: skip
        for ending, content in beside.items():
            self._objects.put(f"{stem}.{ending}", content, "application/octet-stream")
        uri = f"s3://{self._objects.bucket}/{stem}"
        uris = {
            "sbomUri": f"{uri}.sbom.cdx.json",
            "recordUri": f"{uri}.build.json",
            "contentsUri": f"{uri}.contents.txt.gz",
        }
        self.known.insert(0, {**artifact_status(f"{uri}.zip", data), **uris, **more})
        self.tell(artifact=self.known[0], history=self.known[1:])
        return hashlib.sha256(data).hexdigest()

    def tell(self, **status: Any) -> None:
        """Change the package's status."""
        patch = f"--patch={json.dumps({'status': {'slug': self.slug, **status}})}"
        where = self.name, "-n", self.namespace
        self._users.kubectl("patch", "dp", *where, "--subresource=status", "--type=merge", patch)

    def forget(self, sha256: str) -> None:
        """Take an artifact out of S3, with all that lies beside it, as somebody might who has the bucket's keys."""
        for key in list(self._objects.list(f"{self._folder}/")):
            if sha256[:16] in key:
                self._objects.delete(key)


def listing(data: bytes) -> str:
    """Mode, hash and path of each file of a ZIP; empty for what is none."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            files = {name: packed.read(name) for name in packed.namelist()}
    except zipfile.BadZipFile:
        return ""
    return "".join(f"100644 {hashlib.sha256(content).hexdigest()} {path}\n" for path, content in files.items())
