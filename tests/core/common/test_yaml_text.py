"""Manifests as YAML."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
import yaml
from hypothesis import given

from dagy.core.common.yaml_text import yaml_text

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]))
VALUES = st.recursive(TEXTS | st.booleans() | st.integers(), lambda some: st.lists(some) | st.dictionaries(TEXTS, some))


@given(st.dictionaries(TEXTS, VALUES))
def test_what_is_written_is_read_again(document: dict[str, Any]) -> None:
    assert yaml.safe_load(yaml_text(document)) == document


@pytest.mark.parametrize(
    "text", ["1e5", "123E4567", "y", "N", "on", "null", "0x10", "1_000", "3.10", "2026-11-26", "~", ""]
)
def test_what_a_parser_may_take_for_something_else_is_quoted(text: str) -> None:
    assert yaml_text({"value": text}) == f'value: "{text}"\n'


@pytest.mark.parametrize(
    "requirement", ["boto3==1.34.100", "pandas>=2.0,<3", "strands-agents[a2a]~=1.0", "torch!=2.4.0"]
)
def test_requirements_are_read_as_people_write_them(requirement: str) -> None:
    assert yaml_text({"dependencies": [requirement]}) == f"dependencies:\n- {requirement}\n"


def test_what_is_plain_stays_so() -> None:
    assert yaml_text({"kind": "DepPackage"}, {"name": "ml-pipeline"}) == "kind: DepPackage\n---\nname: ml-pipeline\n"
