"""`make dist`: everything that a release is, in dist/, the same bytes whenever the same commit is released."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.cluster import image_sources, images
from tests.cluster.image_sources import Image, build_context
from tests.cluster.kube import command
from tests.cluster.layout import REPO, ClusterError, Layout
from tests.cluster.progress import Progress
from tests.cluster.shell import follow, run
from tests.release import archives, chart, sbom
from tests.release.commit import Commit, exported

DIST = REPO / "dist"
CHECKSUMS = "SHA256SUMS"
INSTALL = "install.yaml"
IMAGES: dict[str, Callable[[str, Path], Image]] = {
    image_sources.OPERATOR_NAME: image_sources.operator,
    image_sources.BUILDER_NAME: image_sources.builder,
}
"""Images of a release: repository to what makes its sources out of a name and a checkout."""
PYTHON = "import sys; from hatchling.build import build_sdist, build_wheel; build_wheel(sys.argv[1]); build_sdist(sys.argv[1])"


def make(layout: Layout, progress: Progress, target: Path = DIST) -> None:
    """Fill `target`, which is emptied first. Raises ClusterError for a working tree that is no commit."""
    with exported(layout.cache / "release") as commit:
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        with progress.step("Wheel and sdist") as step:
            python_distributions(commit, target)
            step.done(", ".join(sorted(path.name for path in target.iterdir())))
        images.build(layout, progress, image_sources.BASE)
        digests = {}
        for repository in IMAGES:
            with progress.step(f"Image {repository}:{commit.version}") as step:
                digests[repository] = _image(layout, commit, repository, target, step.say)
                step.done(digests[repository])
        with progress.step("Manifests and chart"):
            (target / INSTALL).write_text(install_manifest(layout, commit, digests))
            write_chart(target, commit, digests)
        sums = archives.checksums(target.iterdir())
        (target / CHECKSUMS).write_text(sums)
        progress.note(f"\nThe release {commit.version} of commit {commit.identity[:12]} is in {target}:\n{sums}")


def python_distributions(commit: Commit, target: Path) -> None:
    """The wheel and the sdist, by the build backend of uv.lock: one that is newer tomorrow would write other bytes.

    Raises ClusterError with the backend's words when it fails.
    """
    done = subprocess.run(
        [sys.executable, "-c", PYTHON, str(target)],
        cwd=commit.folder, env={"SOURCE_DATE_EPOCH": str(commit.epoch), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise ClusterError(f"The wheel can't be built: {done.stderr}")


def _image(layout: Layout, commit: Commit, repository: str, target: Path, say: image_sources.Say) -> str:
    """Build an image with nothing out of a cache, of one time; write its archive and bill of materials.

    Returns its digest.
    """
    name = f"{repository}:{commit.version}"
    image = IMAGES[repository](name, commit.folder)
    archive = layout.cache / f"{image.slug}.tar"
    with build_context(layout, image, say) as context:
        images.prepare_store(layout, (context / image.dockerfile).read_text())
        anew = ("--no-cache", f"--timestamp={commit.epoch}", "--identity-label=false")
        build = images.build_command(layout, image, context, say, *anew)
        follow([*build, str(context)], log=images.build_log(layout, image), say=say)
    say("writing the archive")
    images.push(layout, name, archive)
    stem = f"dagy-{repository.rpartition('/')[2]}-{commit.version}"
    archives.repacked(archive, target / f"{stem}.oci.tar", commit.epoch)
    archive.unlink()
    (target / f"{stem}.cdx.json").write_text(
        sbom.document(target / f"{stem}.oci.tar", repository, commit.version, commit.epoch)
    )
    return str(images.manifest(target / f"{stem}.oci.tar")["digest"])


def install_manifest(layout: Layout, commit: Commit, digests: dict[str, str]) -> str:
    """The kustomize base as one file, whose images are named by digest. Raises ClusterError where it names others."""
    text = run([command(layout)[0], "kustomize", commit.folder / "manifests" / "base"])
    for repository, digest in digests.items():
        name = f"{repository}:{commit.version}"
        if name not in text:
            raise ClusterError(f"The base does not run {name}: set the version of pyproject.toml in manifests/base.")
        text = text.replace(name, f"{name}@{digest}")
    return f"# DAGY {commit.version}: kubectl apply --server-side -f {INSTALL}\n{text}"


def write_chart(target: Path, commit: Commit, digests: dict[str, str]) -> None:
    """The chart as `helm install` takes it, with the same images."""
    members = {f"dagy/{name}": text.encode() for name, text in chart.files(digests).items()}
    archives.tar_gz(target / f"dagy-{commit.version}.tgz", members, commit.epoch)
