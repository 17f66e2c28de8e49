"""Images stay lean: each node pulls them, and the operator's is that of every pod's init container."""

from __future__ import annotations

import pytest

from tests.cluster import images
from tests.cluster.image_sources import BUILDER, OPERATOR, Image
from tests.cluster.layout import current_layout

pytestmark = pytest.mark.e2e


@pytest.mark.usefixtures("admin")  # whoever brings up the cluster builds them
@pytest.mark.parametrize(("image", "megabytes"), [(OPERATOR, 200), (BUILDER, 300)], ids=["operator", "builder"])
def test_what_a_node_has_to_keep(image: Image, megabytes: int) -> None:
    archive = current_layout().cache / f"{image.slug}.tar"
    assert images.unpacked_bytes(archive) < megabytes * 1e6
