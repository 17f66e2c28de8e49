"""A whole release, made twice: minutes, so it is no part of `make test`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.cluster import images
from tests.cluster.__main__ import alone
from tests.cluster.image_sources import BUILDER_NAME, OPERATOR_NAME
from tests.cluster.layout import current_layout
from tests.cluster.progress import Progress
from tests.release import dist
from tests.release.base import identity

pytestmark = pytest.mark.release

ARCHIVES = {OPERATOR_NAME: "dagy-operator-0.1.0.oci.tar", BUILDER_NAME: "dagy-builder-0.1.0.oci.tar"}


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two of them, from the same commit."""
    layout, progress = current_layout(), Progress()
    folder = tmp_path_factory.mktemp("releases")
    one, another = folder / "one", folder / "another"
    with alone(layout, progress):
        dist.make(layout, progress, one)
        dist.make(layout, progress, another)
    return one, another


def test_they_are_the_same_bytes(releases: tuple[Path, Path]) -> None:
    one, another = ((folder / dist.CHECKSUMS).read_text().splitlines() for folder in releases)
    assert one == another
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", dist.CHECKSUMS], cwd=releases[0], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert len(one) == len(list(releases[0].iterdir())) - 1 == 8


def test_manifests_name_the_images_that_are_in_it(releases: tuple[Path, Path]) -> None:
    folder = releases[0]
    text = (folder / dist.INSTALL).read_text()
    names = {name: f"{name}:0.1.0@{images.manifest(folder / archive)['digest']}" for name, archive in ARCHIVES.items()}
    assert text.count(f"{OPERATOR_NAME}:0.1.0") == text.count(names[OPERATOR_NAME]) == 4
    assert text.count(f"{BUILDER_NAME}:0.1.0") == text.count(names[BUILDER_NAME]) == 1


def test_the_chart_renders_what_install_yaml_has(releases: tuple[Path, Path]) -> None:
    helm, chart = current_layout().bin / "helm", releases[0] / "dagy-0.1.0.tgz"
    done = subprocess.run([helm, "template", "a", chart, "--namespace=b"], capture_output=True, text=True, check=True)
    rendered, installed = (
        {identity(one): one for one in yaml.safe_load_all(text) if one}
        for text in (done.stdout, (releases[0] / dist.INSTALL).read_text())
    )
    for (kind, _, _), document in rendered.items():
        if kind == "CustomResourceDefinition":
            del document["metadata"]["annotations"]
    assert rendered == installed


@pytest.mark.parametrize("archive", ARCHIVES.values())
def test_bills_of_materials_are_valid_and_name_what_is_known_to_be_there(
    releases: tuple[Path, Path], archive: str
) -> None:
    text = (releases[0] / archive.replace(".oci.tar", ".cdx.json")).read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    found = {one["purl"].partition("@")[0] for one in json.loads(text)["components"]}
    assert {"pkg:deb/debian/libc6", "pkg:deb/debian/ca-certificates", "pkg:pypi/boto3"} <= found
    builder = "builder" in archive
    assert ("pkg:pypi/uv" in found) is ("pkg:generic/python" in found) is builder
    assert ("pkg:pypi/kopf" in found) is ("pkg:deb/debian/python3.11-minimal" in found) is (not builder)
