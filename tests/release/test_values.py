"""What the chart takes: every setting of every process, and nothing that would do nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from tests.cluster.layout import REPO
from tests.release import chart, settings

SCHEMA = json.loads((chart.CHART / "values.schema.json").read_text())
VALIDATOR = Draft7Validator(SCHEMA)
PAGES = {"operator": "settings.md", "api": "api.md", "webhook": "attach.md"}
SAMPLES: dict[str, Any] = {
    "DAGY_BUILD_NODE_SELECTOR": {"disk": "ssd"},
    "DAGY_BUILD_TOLERATIONS": [{"key": "builds", "operator": "Exists"}],
    "DAGY_BUILDER_IMAGE": "registry.example.com/builder:1",
    "DAGY_S3_BUCKET": "bucket",
    "DAGY_API_PUBLIC_URL": "https://dagy.example.com",
    "DAGY_WEBHOOK_CLIENTS": "10.0.0.0/8",
}
"""Something else than the default, where not any text or number will do."""


def errors(values: dict[str, Any]) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(values)]


def documented(component: str) -> list[str]:
    """The settings that a page of the documentation lists."""
    return re.findall(r"^\| `(DAGY_[A-Z0-9_]+)` \|", (REPO / "docs" / PAGES[component]).read_text(), re.MULTILINE)


def every_setting() -> list[tuple[str, str]]:
    return [(component, name) for component in PAGES for name in documented(component)]


def sample(component: str, name: str) -> Any:
    """A value of the kind that the setting has."""
    known = settings.schema(component)["properties"][name]
    if "const" in known:
        return known["const"]
    return SAMPLES.get(name, known.get("default", "something"))


def test_the_schema_is_one() -> None:
    Draft7Validator.check_schema(SCHEMA)


def test_the_defaults_are_allowed() -> None:
    assert errors(yaml.safe_load((chart.CHART / "values.yaml").read_text())) == []
    assert errors({}) == []


@pytest.mark.parametrize(("component", "name"), every_setting())
def test_every_setting_of_the_documentation_can_be_given(component: str, name: str) -> None:
    value = sample(component, name)
    assert errors({"settings": {component: {name: value}}}) == []
    if not isinstance(value, dict | list):
        assert errors({"settings": {component: {name: str(value)}}}) == [], "as text, as the environment has it"


@pytest.mark.parametrize("component", PAGES)
def test_no_setting_is_there_that_no_page_lists(component: str) -> None:
    assert (
        set(settings.variables(component))
        == set(documented(component))
        == set(settings.schema(component)["properties"])
    )


@pytest.mark.parametrize(
    "values",
    [
        {"settings": {"operator": {"DAGY_MAX_BUILD": 3}}},
        {"settings": {"operator": {"DAGY_MAX_BUILDS": 0}}},
        {"settings": {"operator": {"DAGY_BUILD_NAMESPACE": "elsewhere"}}},
        {"operator": {"replicas": 2}},
        {"setings": {}},
        {"images": {"operator": {"digest": "0.1.0"}}},
        {"webhook": {"clients": ["10.0.0.1"]}},
        {"s3": {"AWS_REGION": "us-east-1"}},
    ],
    ids=str,
)
def test_what_would_do_nothing_or_break_it_is_refused(values: dict[str, Any]) -> None:
    assert errors(values)


def test_a_chart_above_may_hand_down_its_globals() -> None:
    assert errors({"global": {"imageRegistry": "example.com"}, "s3": {"DAGY_S3_BUCKET": "b"}}) == []


def test_fixed_names_are_those_of_the_base() -> None:
    text = "".join(path.read_text() for path in Path(REPO, "manifests/base").glob("*.yaml"))
    for component in PAGES:
        for name, known in settings.schema(component)["properties"].items():
            if name in settings.FIXED:
                assert known["const"] in text
