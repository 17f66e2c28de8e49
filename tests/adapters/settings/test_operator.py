"""Which namespaces an operator serves is said in one way."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from dagy.adapters.settings.environment import wrong_settings
from dagy.adapters.settings.operator import Settings

NEEDED = {"DAGY_S3_BUCKET": "bucket", "DAGY_BUILDER_IMAGE": "builder:1"}


def test_namespaces_are_named_or_selected() -> None:
    assert Settings.from_environment({**NEEDED, "DAGY_WATCH_NAMESPACES": "a, b"}).namespaces == ("a", "b")
    assert Settings.from_environment({**NEEDED, "DAGY_WATCH_NAMESPACE_SELECTOR": "team"}).namespaces == ()


def test_they_are_not_both() -> None:
    both = {"DAGY_WATCH_NAMESPACES": "a", "DAGY_WATCH_NAMESPACE_SELECTOR": "team"}
    with pytest.raises(ValidationError) as refused:
        Settings.from_environment({**NEEDED, **both})
    (line,) = wrong_settings(Settings, refused.value)
    assert line.startswith("DAGY_WATCH_NAMESPACE_SELECTOR: DAGY_WATCH_NAMESPACES is set as well. ")
