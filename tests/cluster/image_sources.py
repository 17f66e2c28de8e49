"""Sources of the cluster's images."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .binaries import required_version
from .components import PAUSE_IMAGE
from .layout import GO_MODULES, REPO, ClusterError, Layout
from .shell import follow, run

DEBIAN = "bookworm"
DEBIAN_RELEASE = f"{DEBIAN}-20251229-slim"
"""The release that the Dockerfiles name."""
DEBIAN_EPOCH = 1_766_966_400
"""Its day, in seconds: the one time of all files of that image, and so the same bytes whenever it is made."""

LOCK = ("pyproject.toml", "uv.lock", "README.md")
"""The files by which uv knows an image's libraries."""

OPERATOR_NAME, BUILDER_NAME = "docker.io/dagy/operator", "docker.io/dagy/builder"
"""The images as the manifests name them, without a tag."""

NOT_IN_SLIM = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*")
"""Files that Debian's slim images leave out, also of packages that are installed later; copyright files stay."""

Say = Callable[[str], None]
"""A function that takes a line on the progress."""


@dataclass(frozen=True)
class Image:
    """An image, and the parts of its build context."""

    name: str
    fill: Callable[[Layout, Path, Say], None]
    """A function that fills an empty folder with the build's context."""
    dockerfile: str = "Dockerfile"
    """Path inside the context."""
    named_contexts: Callable[[Layout, Say], dict[str, Path]] = lambda _layout, _say: {}
    """Further build contexts by name; made only when the image is built."""
    options: tuple[str, ...] = ()
    """Further options of `buildah build`."""

    @property
    def slug(self) -> str:
        """The name as a file name."""
        return self.name.replace("/", "_").replace(":", "_")


@contextmanager
def build_context(layout: Layout, image: Image, say: Say) -> Iterator[Path]:
    """The image's build context, a folder that goes with the block. Raises ClusterError without a Dockerfile."""
    context = layout.cache / f"context.{image.slug}"
    shutil.rmtree(context, ignore_errors=True)
    context.mkdir(parents=True)
    try:
        image.fill(layout, context, say)
        if not (context / image.dockerfile).exists():
            raise ClusterError(f"{image.dockerfile} is missing, so {image.name} can't be built: restore it.")
        yield context
    finally:
        shutil.rmtree(context)


def _pause(_layout: Layout, context: Path, _say: Say) -> None:
    run(["gcc", "-Os", "-static", "-s", "-o", context / "pause", Path(__file__).with_name("pause.c")])
    (context / "Dockerfile").write_text('FROM scratch\nCOPY pause /pause\nUSER 65535:65535\nENTRYPOINT ["/pause"]\n')


def _s3(layout: Layout, context: Path, _say: Say) -> None:
    os.link(layout.bin / "versitygw", context / "versitygw")
    (context / "Dockerfile").write_text(
        'FROM scratch\nCOPY versitygw /usr/local/bin/versitygw\nENTRYPOINT ["/usr/local/bin/versitygw"]\n'
    )


def _base(layout: Layout, context: Path, say: Say) -> None:
    os.link(_debian(layout, say), context / "base.tar")
    (context / "Dockerfile").write_text('FROM scratch\nADD base.tar /\nCMD ["bash"]\n')


def _debian(layout: Layout, say: Say) -> Path:
    archive = layout.cache / f"debian-{DEBIAN}-slim.tar"
    if archive.exists():
        return archive
    partial = archive.with_name("debian.partial.tar")
    rules = [*(f"path-exclude={p}" for p in NOT_IN_SLIM), "path-include=/usr/share/doc/*/copyright"]
    keep = "printf '%s\\n' " + " ".join(f"'{r}'" for r in rules) + ' > "$1/etc/dpkg/dpkg.cfg.d/docker"'
    options = [
        *("--mode=root", "--variant=minbase", '--aptopt=Acquire::Languages "none"'),
        "--keyring=/usr/share/keyrings/debian-archive-keyring.gpg",
        # Without these, the package that merges /bin into /usr brings all of Perl: 50 MB.
        *("--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr", "--include=usr-is-merged"),
        *(f"--dpkgopt={r}" for r in rules),
        f"--customize-hook={keep}",
    ]
    argv = ["unshare", "--mount", "mmdebstrap", *options, DEBIAN, str(partial)]
    follow(argv, log=layout.logs / "mmdebstrap.log", say=say, env={"SOURCE_DATE_EPOCH": str(DEBIAN_EPOCH)})
    partial.rename(archive)
    return archive


def _sources(root: Path, *paths: str) -> Callable[[Layout, Path, Say], None]:
    """Fills a context with these parts of a checkout and nothing else, so that nothing else makes it a new image."""

    def fill(_layout: Layout, context: Path, _say: Say) -> None:
        for path in paths:
            source, target = root / path, context / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc", "node_modules"))
            elif source.exists():
                shutil.copy2(source, target)

    return fill


def _interpreters(layout: Layout, say: Say) -> dict[str, Path]:
    script = REPO / "builder-image" / "interpreters.py"
    folder = layout.cache / "interpreters"
    mark = folder.with_suffix(".stamp")
    made_by = hashlib.sha256(script.read_bytes()).hexdigest()
    if not mark.exists() or mark.read_text() != made_by:
        shutil.rmtree(folder, ignore_errors=True)
        follow(
            ["python3", str(script), "--or-of-this-machine", str(folder)], log=layout.logs / "interpreters.log", say=say
        )
        mark.write_text(made_by)
    return {"interpreters": folder}


def builder(name: str, root: Path) -> Image:
    """The builder's image of a checkout."""
    return Image(name, _sources(root, *LOCK, "builder-image"), "builder-image/Dockerfile", _interpreters)


def operator(name: str, root: Path) -> Image:
    """The control plane's image of a checkout."""
    return Image(name, _sources(root, *LOCK, "operator", "builder-image/dagy_builder"), "operator/Dockerfile")


def _python(version: str) -> Image:
    """An image like upstream's of that name: the same interpreter as in the builder's image, without uv."""

    def fill(_layout: Layout, context: Path, _say: Say) -> None:
        libraries = "libbz2-1.0 libffi8 liblzma5 libsqlite3-0 libssl3 zlib1g"
        (context / "Dockerfile").write_text(
            f"FROM {BASE.name}\n"
            f"RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates {libraries}"
            " && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/*\n"
            f"COPY --from=interpreters /{version} /opt/python/{version}\n"
            f"RUN echo /opt/python/{version}/lib > /etc/ld.so.conf.d/python.conf && ldconfig\n"
            f'ENV PATH=/opt/python/{version}/bin:/usr/bin:/bin\nCMD ["python3"]\n'
        )

    return Image(f"docker.io/library/python:{version}-slim", fill, named_contexts=_interpreters)


def _s3_release() -> str:
    return required_version((GO_MODULES / "versitygw" / "go.mod").read_text(), "github.com/versity/versitygw")


PAUSE = Image(PAUSE_IMAGE, _pause)
BASE = Image(f"docker.io/library/debian:{DEBIAN_RELEASE}", _base, options=(f"--timestamp={DEBIAN_EPOCH}",))
# Named and laid out as upstream's image, so that the manifests fit both.
S3 = Image(f"docker.io/versity/versitygw:{_s3_release()}", _s3)
BUILDER = builder(f"{BUILDER_NAME}:dev", REPO)
OPERATOR = operator(f"{OPERATOR_NAME}:dev", REPO)
# What DAGY_FLOW_IMAGE names, for flows that name no image.
PYTHONS = tuple(_python(version) for version in ("3.10", "3.11", "3.12", "3.13"))
IMAGES = (PAUSE, BASE, S3, BUILDER, OPERATOR, *PYTHONS)
"""All images of the cluster, bases first."""
