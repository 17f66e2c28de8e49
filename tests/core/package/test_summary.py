"""What people read."""

from __future__ import annotations

from dagy.core.package.records import artifact_in
from dagy.core.package.summary import completed_message
from tests.fakes.built import artifact


def test_completed() -> None:
    assert completed_message(artifact("1" * 64)) == "15 packages, 58.3 MB, for Python 3.12 on linux/amd64."


def test_what_a_build_remarks_is_in_status_and_counted() -> None:
    warnings = ["a \x1b[31mis https://u:secret@host/x", *(["b"] * 40)]
    shown = artifact_in({**artifact("1" * 64).to_json(), "warnings": warnings})
    assert completed_message(shown).endswith(" 10 warnings in status.artifact.warnings.")
    assert len(shown.warnings) == 10
    assert shown.warnings[0] == "a is https://****@host/x"
