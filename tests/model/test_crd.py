"""The CRDs on disk are those of the models, and the names are spelled in one place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from dagy.model import constants as names
from dagy.model.__main__ import render
from dagy.model.base import ApiModel
from dagy.model.crd import crd_files, structural_schema
from dagy.model.spec import DepPackageSpec
from dagy_builder.platforms import PYTHON_VERSIONS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", crd_files())
def test_the_file_is_up_to_date(name: str) -> None:
    assert (ROOT / "crds" / name).read_text() == render(crd_files()[name]), "run `make generate`"


def properties(node: dict[str, Any], path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """All fields of a schema with their paths."""
    found = []
    for name, child in node.get("properties", {}).items():
        found += [(f"{path}.{name}", child), *properties(child, f"{path}.{name}")]
    if "items" in node:
        found += properties(node["items"], f"{path}[]")
    return found


@pytest.mark.parametrize("name", crd_files())
def test_every_field_is_described_and_bounded(name: str) -> None:
    schema = crd_files()[name]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for path, field in properties(schema):
        assert field.get("description"), f"{path} has no description"
        if field.get("type") == "string":
            assert field.keys() & {"maxLength", "enum", "format"}, f"{path} is unbounded"
        if field.get("type") == "array":
            assert "maxItems" in field, f"{path} is unbounded"


def test_what_a_structural_schema_cannot_say_is_refused() -> None:
    class Choice(ApiModel):
        value: int | str

    with pytest.raises(ValueError, match="choice between types"):
        structural_schema(Choice)


def test_python_versions_are_the_same_everywhere() -> None:
    assert structural_schema(DepPackageSpec)["properties"]["pythonVersion"]["enum"] == list(PYTHON_VERSIONS)


@pytest.mark.parametrize("path", sorted((ROOT / "manifests/samples").glob("*.yaml")), ids=lambda p: p.name)
def test_samples_are_valid(path: Path) -> None:
    for document in yaml.safe_load_all(path.read_text()):
        assert document["apiVersion"] == names.API_VERSION
        DepPackageSpec.model_validate(document["spec"], extra="forbid")


def test_names_are_spelled_in_one_place() -> None:
    spelled = re.compile(r"[\"']" + re.escape(names.GROUP) + r"/[a-z-]+[\"']")
    for path in (ROOT / "operator/dagy").rglob("*.py"):
        if path.name != "names.py":
            assert not spelled.search(path.read_text()), f"{path} spells a name that dagy.model.constants has"


def test_every_model_is_immutable() -> None:
    def below(model: type[BaseModel]) -> list[type[BaseModel]]:
        return [model, *(deeper for child in model.__subclasses__() for deeper in below(child))]

    assert all(model.model_config.get("frozen") for model in below(ApiModel))


@pytest.mark.parametrize("crd", crd_files().values(), ids=lambda crd: crd["metadata"]["name"])
def test_nothing_inside_of_a_list_has_a_default(crd: dict[str, Any]) -> None:
    """Lists are compared whole by those who apply from Git: a default in an item would be a difference for ever."""

    def walk(node: dict[str, Any], path: str, *, listed: bool) -> None:
        assert not (listed and "default" in node), path
        for name, child in node.get("properties", {}).items():
            walk(child, f"{path}.{name}", listed=listed)
        if "items" in node:
            walk(node["items"], f"{path}[]", listed=True)

    for version in crd["spec"]["versions"]:
        walk(version["schema"]["openAPIV3Schema"]["properties"]["spec"], "spec", listed=False)
