"""Each mutant still has its place in the product, and stays a program that can be run."""

from __future__ import annotations

import pytest

from tests.mutation.mutants import MUTANTS, ROOT, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_it_can_be_applied(mutant: Mutant) -> None:
    compile(mutant.applied(), mutant.path, "exec")
    assert all((ROOT / "tests" / name).exists() for name in mutant.tests)


def test_their_names_are_their_own() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 40
