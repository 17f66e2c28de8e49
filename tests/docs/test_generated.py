"""Generated pages are up to date, and the catalogue of reasons is complete."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from dagy.core.common.reasons import CATALOGUE, StateReason
from dagy_builder.contract import Reason
from tests.scripts import module_of

DOCS = Path(__file__).parents[2] / "docs"


def load() -> ModuleType:
    return module_of(DOCS / "generate.py")


@pytest.mark.parametrize("page", sorted(load().pages()))
def test_the_page_is_up_to_date(page: str) -> None:
    assert (DOCS / page).read_text() == load().pages()[page], "run `make generate`"


def test_every_reason_is_in_the_catalogue() -> None:
    assert set(CATALOGUE) == {*StateReason, *Reason}


def test_every_failure_says_what_to_do_or_is_tried_again() -> None:
    for reason, entry in CATALOGUE.items():
        if entry.fault == "User":
            assert entry.next_step, reason
