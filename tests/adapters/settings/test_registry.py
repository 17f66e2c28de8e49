"""The registry's place: every package must have a repository there."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from dagy.adapters.settings.attach import AttachSettings


@pytest.mark.parametrize("place", ["", "registry.example/dagy", "127.0.0.1:5055/a/b-c__d.e", "r/" + "a" * 179])
def test_places(place: str) -> None:
    settings = AttachSettings(oci_repository=place)
    assert settings.location.registry == place


@pytest.mark.parametrize("place", ["dagy", "-r/dagy", "r/DAGY", "r/a//b", "r/a?b", "https://r/a", "r/" + "a" * 181])
def test_no_places(place: str) -> None:
    with pytest.raises(ValidationError, match="oci_repository"):
        AttachSettings(oci_repository=place)
