"""Each overlay and component is built by kubectl, and what comes out is taken by a real API server, strictly."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.manifests.conftest import Account

pytestmark = pytest.mark.apiserver

MANIFESTS = Path(__file__).parents[2] / "manifests"
OVERLAYS = [MANIFESTS / "base", *sorted((MANIFESTS / "overlays").iterdir())]


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)
def test_an_overlay_is_what_kubernetes_takes(admin: Account, overlay: Path, tmp_path: Path) -> None:
    built = admin("kustomize", str(overlay))
    assert not built.startswith("refused"), built
    # cert-manager's kinds are known only where it is.
    known = [part for part in built.split("\n---\n") if "\napiVersion: cert-manager.io" not in f"\n{part}"]
    # An object of a dry run makes no namespace for another.
    homeless = [part for part in known if "namespace: dagy-s3" not in part]
    (tmp_path / "built.yaml").write_text("\n---\n".join(homeless))
    said = admin("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", str(tmp_path / "built.yaml"))
    assert not said.startswith("refused"), said
    assert "Warning" not in said
