"""Container images without a registry: built by buildah, kept as archives, imported into the node's containerd."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .components import PAUSE_IMAGE
from .layout import REPO, ClusterError, Layout
from .progress import Progress, Step
from .shell import follow, run

BASE_IMAGE = "docker.io/library/debian:bookworm-slim"
OPERATOR_IMAGE = "docker.io/dagy/operator:dev"
BUILDER_IMAGE = "docker.io/dagy/builder:dev"
S3_IMAGE = "docker.io/versity/versitygw:v1.8.0"

HOST_CA = "/run/host-ca.crt"
"""Where the host's CA bundle is mounted while an image is built, for hosts behind a proxy that inspects TLS."""

SOURCES = ("pyproject.toml", "uv.lock", "README.md", "operator", "builder-image")
"""What the project's own images are made from: their build contexts hold this and nothing else."""


@dataclass(frozen=True)
class Image:
    """An image, and how its build context comes about."""

    name: str
    dockerfile: str
    """Path inside the context."""
    context: Callable[[Layout, Path], None]
    """Fills an empty folder with the build's context."""
    extra_contexts: Callable[[Layout, Step], dict[str, Path]] = lambda _layout, _step: {}
    """Named build contexts; made only when the image is built."""

    @property
    def slug(self) -> str:
        """The name as a file name."""
        return self.name.replace("/", "_").replace(":", "_")


def images() -> list[Image]:
    """All images of the cluster, bases first."""
    return [
        Image(PAUSE_IMAGE, "Dockerfile", _pause),
        Image(BASE_IMAGE, "Dockerfile", _base),
        Image(S3_IMAGE, "Dockerfile", _s3),
        Image(BUILDER_IMAGE, "builder-image/Dockerfile", _sources, _interpreters),
        Image(OPERATOR_IMAGE, "operator/Dockerfile", _sources),
    ]


def _pause(_layout: Layout, context: Path) -> None:
    source = Path(__file__).with_name("pause.c")
    run(["gcc", "-Os", "-static", "-s", "-o", context / "pause", source])
    (context / "Dockerfile").write_text('FROM scratch\nCOPY pause /pause\nUSER 65535:65535\nENTRYPOINT ["/pause"]\n')


def _s3(layout: Layout, context: Path) -> None:
    # Laid out as upstream's image is, so that manifests fit both.
    shutil.copy2(layout.bin / "versitygw", context / "versitygw")
    (context / "Dockerfile").write_text(
        'FROM scratch\nCOPY versitygw /usr/local/bin/versitygw\nENTRYPOINT ["/usr/local/bin/versitygw"]\n'
    )


def _base(layout: Layout, context: Path) -> None:
    os.link(_debian(layout), context / "base.tar")
    (context / "Dockerfile").write_text('FROM scratch\nADD base.tar /\nCMD ["bash"]\n')


def _sources(_layout: Layout, context: Path) -> None:
    for name in SOURCES:
        source = REPO / name
        if source.is_dir():
            shutil.copytree(source, context / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        elif source.exists():
            shutil.copy2(source, context / name)


def _interpreters(layout: Layout, step: Step) -> dict[str, Path]:
    script = REPO / "builder-image" / "interpreters.py"
    folder = layout.cache / "interpreters"
    mark = folder / ".made-by"
    made_by = hashlib.sha256(script.read_bytes()).hexdigest()
    if not mark.exists() or mark.read_text() != made_by:
        shutil.rmtree(folder, ignore_errors=True)
        follow(["python3", script, folder], log=layout.logs / "interpreters.log", say=step.say)
        mark.write_text(made_by)
    return {"interpreters": folder}


NOT_IN_SLIM = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*")
"""What Debian's own slim images leave out, and packages installed later as well; copyright files stay."""


def _debian(layout: Layout) -> Path:
    archive = layout.cache / "debian-bookworm-slim.tar"
    if archive.exists():
        return archive
    partial = archive.with_name("debian.partial.tar")
    rules = [f"path-exclude={p}" for p in NOT_IN_SLIM] + ["path-include=/usr/share/doc/*/copyright"]
    keep = "printf '%s\\n' " + " ".join(f"'{r}'" for r in rules) + ' > "$1/etc/dpkg/dpkg.cfg.d/docker"'
    follow(
        [
            *("unshare", "--mount", "mmdebstrap", "--mode=root", "--variant=minbase"),
            *("--keyring=/usr/share/keyrings/debian-archive-keyring.gpg", '--aptopt=Acquire::Languages "none"'),
            *(f"--dpkgopt={r}" for r in rules),
            f"--customize-hook={keep}",
            *("bookworm", partial),
        ],
        log=layout.logs / "mmdebstrap.log",
        say=lambda _line: None,
    )
    partial.rename(archive)
    return archive


def build(layout: Layout, progress: Progress, image: Image) -> Path:
    """The image's archive (OCI layout in a tar file), built if what it is made from has changed."""
    archive = layout.cache / f"{image.slug}.tar"
    stamp = layout.cache / f"{image.slug}.stamp"
    with progress.step(f"Image {image.name}") as step:
        context = layout.cache / f"context.{image.slug}"
        shutil.rmtree(context, ignore_errors=True)
        context.mkdir(parents=True)
        try:
            image.context(layout, context)
            wanted = content_hash(context)
            if archive.exists() and stamp.exists() and stamp.read_text() == wanted:
                step.done(f"unchanged, {megabytes(archive.stat().st_size)}")
                return archive
            _build(layout, image, context, archive, step)
            stamp.write_text(wanted)
        finally:
            shutil.rmtree(context)
        step.done(megabytes(archive.stat().st_size))
    return archive


def _build(layout: Layout, image: Image, context: Path, archive: Path, step: Step) -> None:
    bundle = os.environ.get("SSL_CERT_FILE")
    trust = [f"--volume={bundle}:{HOST_CA}:ro", f"--build-arg=SSL_CERT_FILE={HOST_CA}"] if bundle else []
    named = [f"--build-context={k}={v}" for k, v in image.extra_contexts(layout, step).items()]
    log = layout.logs / f"image-{image.slug}.log"
    options = ["--isolation=chroot", "--layers", "--pull-never", "--format=oci", *trust, *named]
    dockerfile = context / image.dockerfile
    argv = [*_buildah(layout), "build", *options, f"--file={dockerfile}", f"--tag={image.name}", context]
    follow(argv, log=log, say=step.say)
    step.say("writing the archive")
    archive.unlink(missing_ok=True)
    # Uncompressed: on one machine, compressing and decompressing would only cost time.
    run([*_buildah(layout), "push", "--disable-compression", image.name, f"oci-archive:{archive}:{image.name}"])


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


def manifest_digest(archive: Path) -> str:
    """The digest of the image in an OCI archive. Raises ClusterError when it holds none or several."""
    with tarfile.open(archive) as tar:
        index = tar.extractfile("index.json")
        assert index is not None
        manifests = json.load(index)["manifests"]
    if len(manifests) != 1:
        raise ClusterError(f"{archive} holds {len(manifests)} images instead of one: remove it and run `make up`.")
    return str(manifests[0]["digest"])


def imported(layout: Layout) -> Iterator[tuple[str, str]]:
    """Name and digest of the images that the node has."""
    for line in run([*_ctr(layout), "images", "list"]).splitlines()[1:]:
        name, _kind, digest, *_ = line.split()
        yield name, digest


def load(layout: Layout, progress: Progress, image: Image, archive: Path) -> bool:
    """Import an image into the node; False if it was there already."""
    if dict(imported(layout)).get(image.name) == manifest_digest(archive):
        return False
    with progress.step(f"Import {image.name}"):
        run([*_ctr(layout), "images", "import", archive])
    return True


def _ctr(layout: Layout) -> list[str]:
    pid = json.loads(layout.state.read_text())["init"]["pid"]
    return [
        *("nsenter", f"--mount=/proc/{pid}/ns/mnt", str(layout.bin / "ctr")),
        *("--address=/run/containerd/containerd.sock", "--namespace=k8s.io"),
    ]


def megabytes(size: int) -> str:
    """A size in bytes for people."""
    return f"{size / 1e6:.1f} MB"
