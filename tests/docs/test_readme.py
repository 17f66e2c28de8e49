"""What the README says is so: its targets, commands, manifests and links exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dagy.model import constants as names
from dagy.model.crd import DEPPACKAGE_COLUMNS
from dagy.model.spec import DepPackageSpec
from tests.readme import rows

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_every_make_target_exists() -> None:
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)", README)) - {"git"}
    assert {"up", "down", "test", "help", "use"} <= named <= TARGETS


def test_ci_runs_the_readmes_test_command() -> None:
    assert "make test" in blocks("sh")[0]
    assert re.search(r"^make test\b", (ROOT / ".ci/run").read_text(), re.MULTILINE)


def test_manifests_are_valid() -> None:
    packages = [d for text in blocks("yaml") for d in yaml.safe_load_all(text) if d["kind"] == names.DEPPACKAGE_KIND]
    assert packages
    for package in packages:
        DepPackageSpec.model_validate(package["spec"], extra="forbid")


def test_the_overlay_patches_what_is_there() -> None:
    shown = (ROOT / "docs/install.md").read_text()
    found = [
        d
        for text in re.findall(r"^```yaml\n(.*?)^```", shown, re.MULTILINE | re.DOTALL)
        for d in yaml.safe_load_all(text)
    ]
    (overlay,) = [d for d in found if str(d.get("apiVersion")).startswith("kustomize.config.k8s.io/")]
    base = [
        d
        for name in ("operator", "api", "webhook-server")
        for d in yaml.safe_load_all((ROOT / f"manifests/base/{name}.yaml").read_text())
    ]
    configs = {d["metadata"]["name"]: d["data"] for d in base if d["kind"] == "ConfigMap"}
    for patched in overlay["patches"]:
        (patch,) = yaml.safe_load(patched["patch"])
        assert patch["path"].removeprefix("/data/") in configs[patched["target"]["name"]]
    images = {
        c["image"].partition(":")[0]
        for d in base
        if d["kind"] == "Deployment"
        for c in d["spec"]["template"]["spec"]["containers"]
    }
    assert {image["name"] for image in overlay["images"]} == images


def test_names_are_the_products() -> None:
    spelled = set(re.findall(rf"\b{re.escape(names.GROUP)}/[a-z][a-z0-9-]*", README)) - {names.API_VERSION}
    assert spelled == {
        names.ATTACH_PACKAGES,
        names.LABEL_SLUG,
        names.REQUEST_BUILD,
        names.REQUEST_REFRESH,
        names.REQUEST_CANCEL,
        names.REQUEST_VALIDATE,
    }
    assert DEPPACKAGE_COLUMNS[0]["name"] == "Slug"


@pytest.mark.parametrize("command", sorted(set(re.findall(r"`(dagy [^`]+)`", README))))
def test_commands_of_dagy_exist(command: str) -> None:
    words = [word for word in shlex.split(command)[1:] if not word.startswith("-")]
    depth = 2 if words[0] in ("requirements", "packages", "deployments") else 1
    argv = [sys.executable, "-c", "from dagy.cli import main; main()", *words[:depth], "--help"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for option in re.findall(r"(?<= )--?[a-z]+", command):
        assert option in done.stdout


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)]+)\)", README))))
def test_links_lead_somewhere(target: str) -> None:
    assert (ROOT / target.partition("#")[0]).exists()


def test_every_row_of_the_table_is_tried_out() -> None:
    """By tests/e2e/test_readme.py, as a user of one namespace and as administrator; a row that can't be raises."""
    found = rows()
    commands = {command for row in found for command in row.commands}
    assert set(re.findall(r"`(dagy [^`]+)`", README.partition("## Use it")[2])) <= commands
    assert 'kubectl annotate deppackage ml-pipeline dagy.io/cancel="$(date +%s)" --overwrite' in commands
    assert [row for row in found if row.applies]
    assert [row.annotation for row in found if row.annotation] == ["dagy.io/dep-packages: GGN0B4B2"]


def test_the_shell_of_make_up_finds_dagy() -> None:
    (line,) = re.findall(r"^export KUBECONFIG=.*$", README, re.MULTILINE)
    assert "PATH=$PWD/.cluster/bin:$PWD/.venv/bin:$PATH" in line
