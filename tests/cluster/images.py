"""Container images without a registry: built by buildah, kept as archives, imported into the node's containerd."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from . import node
from .image_sources import IMAGES, Image, Say, build_context
from .layout import ClusterError, Layout
from .node_init import STATE
from .progress import Progress
from .shell import follow, run

HOST_CA = "/run/host-ca.crt"
"""The mount point of the host's CA bundle while an image is built, for hosts behind a proxy that inspects TLS."""

STORE_BYTES = 8 << 30
"""The bytes to which buildah's store may grow: some thirty builds. It is a cache, and only saves time."""


def provide(layout: Layout, progress: Progress, wanted: Iterable[Image] = IMAGES) -> dict[str, str]:
    """Build changed images, import those that the node lacks; return each image's digest. Raises ClusterError."""
    return {image.name: load(layout, progress, image, build(layout, progress, image)) for image in wanted}


def load(layout: Layout, progress: Progress, image: Image, archive: Path) -> str:
    """Import an archive in the state folder, unless the node has that image; its digest. Raises ClusterError."""
    digest = str(manifest(archive)["digest"])
    if imported(layout).get(image.name) != digest:
        with progress.step(f"Import {image.name}"):
            run([*ctr(layout), "images", "import", str(STATE / archive.relative_to(layout.root))])
    return digest


def build(layout: Layout, progress: Progress, image: Image) -> Path:
    """Return the image's archive (OCI layout in a tar file), built if its sources have changed."""
    archive = _archive(layout, image)
    stamp = archive.with_suffix(".stamp")
    with progress.step(f"Image {image.name}") as step, build_context(layout, image, step.say) as context:
        wanted = content_hash(context) + _base_digest(layout, (context / image.dockerfile).read_text())
        if archive.exists() and stamp.exists() and stamp.read_text() == wanted:
            step.done(f"unchanged, {sizes(archive)}")
            return archive
        _build(layout, image, context, archive, step.say)
        stamp.write_text(wanted)
        step.done(sizes(archive))
    return archive


def _archive(layout: Layout, image: Image) -> Path:
    return layout.cache / f"{image.slug}.tar"


def _base_digest(layout: Layout, dockerfile: str) -> str:
    return "".join(str(manifest(_archive(layout, image))["digest"]) for image in _bases(dockerfile))


def _bases(dockerfile: str) -> list[Image]:
    """Return those of our own images that it begins with."""
    return [image for image in IMAGES if re.search(rf"^FROM {re.escape(image.name)}\b", dockerfile, re.MULTILINE)]


def _build(layout: Layout, image: Image, context: Path, archive: Path, say: Say) -> None:
    prepare_store(layout, (context / image.dockerfile).read_text())
    follow([*build_command(layout, image, context, say), str(context)], log=build_log(layout, image), say=say)
    say("writing the archive")
    push(layout, image.name, archive)


def build_command(layout: Layout, image: Image, context: Path, say: Say, *more: str) -> list[str]:
    """Return buildah's command without the context, which comes last; `more` are options."""
    bundle = os.environ.get("SSL_CERT_FILE")
    # As a build argument it is known to RUN, and is no part of the image.
    trust = [f"--volume={bundle}:{HOST_CA}:ro", f"--build-arg=SSL_CERT_FILE={HOST_CA}"] if bundle else []
    named = [f"--build-context={n}={path}" for n, path in image.named_contexts(layout, say).items()]
    options = ["--isolation=chroot", "--layers", "--pull-never", "--format=oci", *trust, *named, *image.options, *more]
    return [*_buildah(layout), "build", *options, f"--file={context / image.dockerfile}", f"--tag={image.name}"]


def build_log(layout: Layout, image: Image) -> Path:
    """Where buildah's words are kept."""
    return layout.logs / f"image-{image.slug}.log"


def push(layout: Layout, name: str, archive: Path) -> None:
    """Write a built image as an archive."""
    archive.unlink(missing_ok=True)
    run([*_buildah(layout), "push", name, f"oci-archive:{archive}:{name}"])


def prepare_store(layout: Layout, dockerfile: str) -> None:
    """Empty buildah's store when old layers fill it; pull the base image into it where it is wanted."""
    store = layout.cache / "buildah"
    if store.exists() and int(run(["du", "-sb", store]).split()[0]) > STORE_BYTES:
        shutil.rmtree(store)
    bases = _bases(dockerfile)
    there = run([*_buildah(layout), "images", "--format={{.Name}}:{{.Tag}}"]).splitlines() if bases else []
    for base in bases:
        if base.name not in there:
            run([*_buildah(layout), "pull", f"oci-archive:{_archive(layout, base)}"])


def _buildah(layout: Layout) -> list[str]:
    # Its storage driver leaves a mount behind, so it gets a mount namespace that ends with it.
    store = layout.cache / "buildah"
    return ["unshare", "--mount", "buildah", f"--root={store}", f"--runroot={store}/run"]


def content_hash(folder: Path) -> str:
    """A hash over names, executable bits and contents of the files in a folder: not over times or owners."""
    total = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        executable = bool(path.stat().st_mode & 0o100)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(f"{path.relative_to(folder)}\0{executable}\0{digest}\n".encode())
    return total.hexdigest()


def manifest(archive: Path) -> dict[str, Any]:
    """The image manifest (OCI image-spec) in an archive, with its own `digest`. Raises ClusterError unless it is one."""
    with tarfile.open(archive) as tar:
        manifests = _json(tar, "index.json")["manifests"]
        if len(manifests) != 1:
            raise ClusterError(f"{archive} holds {len(manifests)} images instead of one: remove it and run `make up`.")
        digest = manifests[0]["digest"]
        return {**_json(tar, f"blobs/{digest.replace(':', '/')}"), "digest": digest}


def _json(tar: tarfile.TarFile, member: str) -> dict[str, Any]:
    file = tar.extractfile(member)
    assert file is not None
    found: dict[str, Any] = json.load(file)
    return found


def sizes(archive: Path) -> str:
    """Return an image's size in words: the bytes that a registry would send, and those of its unpacked layers."""
    packed = sum(layer["size"] for layer in manifest(archive)["layers"])
    return f"{unpacked_bytes(archive) / 1e6:.1f} MB, {packed / 1e6:.1f} MB compressed"


def unpacked_bytes(archive: Path) -> int:
    """Return the bytes that an image's layers take on a node."""
    layers = manifest(archive)["layers"]
    with tarfile.open(archive) as tar:
        return sum(_unpacked(tar, f"blobs/{layer['digest'].replace(':', '/')}") for layer in layers)


def _unpacked(tar: tarfile.TarFile, member: str) -> int:
    # A gzip member ends with its length before compression, modulo 4 GiB (RFC 1952, ISIZE).
    file = tar.extractfile(member)
    assert file is not None
    file.seek(-4, io.SEEK_END)
    return int.from_bytes(file.read(4), "little")


def imported(layout: Layout) -> dict[str, str]:
    """The images that the node has: name to digest."""
    rows = [line.split() for line in run([*ctr(layout), "images", "list"]).splitlines()[1:]]
    return {name: digest for name, _kind, digest, *_ in rows}


def ctr(layout: Layout) -> list[str]:
    """Return the command of containerd's own tool, in the namespace where Kubernetes keeps its images and containers.

    It runs inside the node, where paths of the host may be hidden: the state folder is `node_init.STATE` there.
    """
    running = node.load(layout)
    if running is None:
        raise ClusterError("There is no node to import images into: run `make up`.")
    inside = ["nsenter", f"--mount=/proc/{running.init.pid}/ns/mnt"]
    return [*inside, str(STATE / "bin" / "ctr"), "--address=/run/containerd/containerd.sock", "--namespace=k8s.io"]
