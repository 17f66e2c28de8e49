"""What people read."""

from __future__ import annotations

from dataclasses import replace

from dagy.core.package.status import artifact_status
from dagy.core.package.status_cache import artifact_of
from dagy.core.package.summary import completed_message
from tests.fakes.worlds import artifact


def test_completed() -> None:
    assert completed_message(artifact("1" * 64)) == "15 packages, 58.3 MB, for Python 3.12 on linux/amd64."


def test_what_a_build_remarks_is_in_status_and_counted() -> None:
    remarked = replace(artifact("1" * 64), warnings=["a \x1b[31mis https://u:secret@host/x", *(["b"] * 40)])
    assert completed_message(remarked).endswith(" 41 warnings in status.artifact.warnings.")
    shown = artifact_status(remarked, None).warnings
    assert len(shown) == 10
    assert shown[0] == "a is https://****@host/x"
    assert artifact_of(artifact_status(remarked, None)).warnings == shown
