"""The chart in the repository is the generated one, of the release that everything else is of."""

from __future__ import annotations

import re
import tomllib

import pytest
import yaml

from tests.cluster.image_sources import BUILDER_NAME, OPERATOR_NAME
from tests.cluster.layout import REPO
from tests.release import base, chart

GENERATED = chart.generated()
FILES = {name: (chart.CHART / name).read_text() for name in (*GENERATED, *chart.BY_HAND)}
VERSION = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]["version"]


@pytest.mark.parametrize("name", sorted(GENERATED))
def test_a_file_is_up_to_date(name: str) -> None:
    assert FILES[name] == GENERATED[name], "run `make generate`"


def test_nothing_else_is_there() -> None:
    present = {str(path.relative_to(chart.CHART)) for path in chart.CHART.rglob("*") if path.is_file()}
    assert present == {*GENERATED, *chart.BY_HAND}


def test_everything_is_of_one_release() -> None:
    described = yaml.safe_load((chart.CHART / "Chart.yaml").read_text())
    assert described["version"] == described["appVersion"] == VERSION
    names = base.image_names(list(base.files()))
    assert names == {name: f"{name}:{VERSION}" for name in (OPERATOR_NAME, BUILDER_NAME)}


def test_a_release_has_its_images_by_digest() -> None:
    digests = {OPERATOR_NAME: f"sha256:{'a' * 64}", BUILDER_NAME: f"sha256:{'b' * 64}"}
    files = chart.generated(digests)
    values = yaml.safe_load(files["values.yaml"])
    assert values["images"]["builder"]["digest"] == digests[BUILDER_NAME]
    assert values["images"]["operator"]["digest"] == digests[OPERATOR_NAME]
    assert f"{BUILDER_NAME}:{VERSION}@{digests[BUILDER_NAME]}" in files["templates/_settings.tpl"]


@pytest.mark.parametrize("name", sorted(name for name in FILES if re.match(r"templates/.*\.(yaml|tpl)$", name)))
def test_a_template_gives_the_same_however_often_it_is_rendered(name: str) -> None:
    """No label of the chart's release, no chance, no clock and no look at the cluster: nothing that would drift."""
    moving = r"\.Chart\b|\.Release\.(Revision|Name\b|IsInstall|IsUpgrade)|\b(rand\w*|now|lookup|uuidv4|gen[A-Z]\w*)\b"
    for expression in re.findall(r"{{.*?}}", FILES[name]):
        assert not re.search(moving, expression), expression


def test_a_kustomization_that_does_more_than_list_is_not_misread() -> None:
    with pytest.raises(ValueError, match="no chart can be generated"):
        list(base.files(base.OVERLAYS / "dev"))
