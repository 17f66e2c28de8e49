"""What an administrator has to mend is told meanwhile, and goes on by itself once it is mended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from mypy_boto3_s3.client import S3Client

from dagy.core.common.reasons import CATALOGUE
from dagy_builder.contract import Reason
from tests.cluster import images
from tests.cluster.image_sources import BUILDER, Image
from tests.cluster.layout import Layout, current_layout
from tests.cluster.progress import Progress
from tests.e2e import faults
from tests.e2e.conftest import STATE, changed_secret, changed_settings
from tests.e2e.faults import failing, log_of
from tests.e2e.kube import BUILDS, Kube, package

pytestmark = pytest.mark.e2e

OVERDUE_SECONDS = 30
PATIENCE_SECONDS = 150.0


@pytest.fixture(scope="module")
def team(admin: Kube) -> Iterator[Kube]:
    """A namespace with what failures are provoked with."""
    with faults.namespace(admin) as kube:
        yield kube


def test_an_upload_that_is_refused(team: Kube, s3: S3Client) -> None:
    index = {"url": faults.url(team, faults.INDEX, "simple")}
    with changed_secret(team, BUILDS, AWS_ENDPOINT_URL=faults.url(team, faults.READ_ONLY)):
        team.apply(package("refused", "fine", index=index))
        status = team.held_up("refused", "StorageAccessDenied", PATIENCE_SECONDS)["status"]
        assert all(word in status["message"] for word in ("PutObject", "the policy that docs/security.md has"))
    assert "Secret" in CATALOGUE[Reason.STORAGE_ACCESS_DENIED].next_step
    assert "upload: failed" in log_of(s3, status)
    assert team.wait("refused", "Ready")["status"]["phase"] == "COMPLETED", "once it is mended, it goes on by itself"


def _without_uv(_layout: Layout, context: Path, _say: object) -> None:
    (context / "Dockerfile").write_text(
        f"FROM {BUILDER.name}\nUSER 0\nRUN rm -rf /app/uv /app/uv-*.dist-info /app/bin/uv\nUSER 65532:65532\n"
    )


def test_an_image_without_uv(team: Kube) -> None:
    if not (STATE / "node.json").exists():
        pytest.skip("images get to other clusters through their registries")
    image = Image("docker.io/dagy/builder:without-uv", _without_uv)
    images.provide(current_layout(), Progress(), [image])
    with changed_settings(team, "dagy-operator", DAGY_BUILDER_IMAGE=image.name):
        team.apply(package("without-uv", "fine", index={"url": faults.url(team, faults.INDEX, "simple")}))
        found = team.held_up("without-uv", "UvMissing", PATIENCE_SECONDS)
        assert "uv is not installed in the builder image" in found["status"]["message"]
    assert team.wait("without-uv", "Ready")["status"]["phase"] == "COMPLETED"


def test_an_image_that_is_missing_and_then_mended(team: Kube) -> None:
    """Whoever waits is not blamed for it; a build that is requested begins at once with the right image."""
    with changed_settings(team, "dagy-operator", DAGY_BUILDER_IMAGE="docker.io/dagy/nope:1"):
        team.apply(failing(team, "no-image", "fine", timeoutSeconds=OVERDUE_SECONDS))
        found = team.held_up("no-image", "PodNotStarted", PATIENCE_SECONDS)
        assert "DAGY_BUILDER_IMAGE" in found["status"]["message"]
    team("annotate", "dp", "no-image", "dagy.io/build=mended")
    done = team.wait("no-image", "Ready")
    assert done["status"]["lastHandledBuild"] == "mended"
