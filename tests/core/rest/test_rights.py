"""Rights out of Kubernetes' rules, and the end that a token tells."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy.core.rest.rights import VERBS, token_end, verbs_in


def rule(verbs: list[str], groups: list[str], resources: list[str], **more: Any) -> dict[str, Any]:
    return {"verbs": verbs, "apiGroups": groups, "resources": resources, **more}


@pytest.mark.parametrize(
    ("rules", "allowed"),
    [
        ([], set()),
        ([rule(["get", "list"], ["dagy.io"], ["deppackages"])], {"get", "list"}),
        ([rule(["*"], ["*"], ["*"])], set(VERBS)),
        ([rule(["get"], ["dagy.io"], ["deppackages"]), rule(["watch"], ["dagy.io"], ["*"])], {"get", "watch"}),
        ([rule(["get"], ["apps"], ["deppackages"])], set()),
        ([rule(["get"], ["dagy.io"], ["flowdeployments"])], set()),
        ([rule(["get"], ["dagy.io"], ["deppackages/status"])], set()),
        ([rule(["get"], ["dagy.io"], ["deppackages"], resourceNames=["one"])], set()),
        ([rule(["deletecollection"], ["dagy.io"], ["deppackages"])], set()),
        ([{}], set()),
    ],
)
def test_what_rules_allow_with_all_packages(rules: list[dict[str, Any]], allowed: set[str]) -> None:
    assert verbs_in(rules, "deppackages") == allowed


def token(claims: Any) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.x"


@pytest.mark.parametrize(
    ("claims", "end"),
    [
        ({"exp": 1_800_000_000}, "2027-01-15T08:00:00Z"),
        ({"exp": 1_800_000_000.9}, "2027-01-15T08:00:00Z"),
        ({"exp": True}, None),
        ({"exp": "1"}, None),
        ({"exp": 1e300}, None),
        ({"exp": float("nan")}, None),
        ({}, None),
        ([], None),
    ],
)
def test_a_token_tells_when_it_ends(claims: Any, end: str | None) -> None:
    assert token_end(token(claims)) == end


@given(st.text() | st.text().map(lambda text: f"a.{text}.b"))
def test_any_text_may_come_as_a_token(text: str) -> None:
    token_end(text)
