"""The console on the cluster, from signing in to a flow that runs with what was built, in one visit."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.console.conftest import CHROMIUM
from tests.console.toolchain import installed
from tests.console.visit import Visit, visiting
from tests.e2e import people, static_index
from tests.e2e.api_access import PORT
from tests.e2e.conftest import changed_settings
from tests.e2e.kube import SYSTEM, Kube
from tests.fakes.api import Api, Users
from tests.fakes.index import Release

pytestmark = pytest.mark.e2e

RELEASES = (
    *(Release("framework", version) for version in ("2.3.1", "2.3.0", "1.5.3")),
    *(Release("gridlib", version) for version in ("2.0.0", "1.26.4", "1.26.0")),
    *(Release("modelkit", version, requires=["gridlib"]) for version in ("1.4.2", "1.4.0")),
    Release("framework-extras", "0.1.0"),
)
PATIENCE = 180_000
"""Milliseconds, for what a Job does."""


@pytest.fixture
def visit(kube: Kube) -> Iterator[Visit]:
    """A browser of somebody who may edit one namespace, on a cluster whose index has a few releases."""
    index = static_index.start(kube, RELEASES)
    address = kube.get("configmap", "dagy-api", namespace=SYSTEM)["data"]["DAGY_API_HOSTS"]
    api = Api(f"https://{address}:{PORT}", Users(kube.kubeconfig))
    with (
        # The API reads the operator's settings as well, so it is the last that starts without them.
        changed_settings(kube, "dagy-api", DAGY_INDEX_URL=index),
        changed_settings(kube, "dagy-operator", DAGY_INDEX_URL=index),
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=CHROMIUM) as browser,
        # The browser does not know the cluster's authority; people.py's kubeconfig does.
        visiting(browser, api, (installed() / "axe-core/axe.min.js").read_text(), ignore_https_errors=True) as found,
    ):
        yield found


def test_from_signing_in_to_a_flow_that_runs(kube: Kube, visit: Visit, tmp_path: Path) -> None:
    kubeconfig = people.with_token(kube, tmp_path)
    page = sign_in(visit, kube)
    edit(page, kube)
    build(page)
    slug = page.evaluate("() => navigator.clipboard.readText()")
    assert slug == kube.get("dp", "journey")["status"]["slug"]
    deploy(kube, kubeconfig, tmp_path, slug)
    run(page)


def sign_in(visit: Visit, kube: Kube) -> Page:
    """With a token that is pasted, and the namespace that it is for."""
    visit.expected = [r"status of 401"]
    page = visit.open(f"new?ns={kube.namespace}")
    page.get_by_label("Token", exact=True).fill(kube("create", "token", people.ACCOUNT, "--duration=1h").strip())
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text(f"You are system:serviceaccount:{kube.namespace}:{people.ACCOUNT}")).to_be_visible()
    page.get_by_role("button", name="Continue").press("Enter")
    expect(page.get_by_role("heading", name="New Package")).to_be_visible()
    return page


def edit(page: Page, kube: Kube) -> None:
    """Three dependencies with locks, and a requirements.txt that is at odds with one and asks for what there isn't."""
    page.get_by_label("Name", exact=True).fill("Journey")
    for typed, name in (("frame", "framework"), ("grid", "gridlib"), ("modelkit", "modelkit")):
        page.get_by_label("Search PyPI").fill(typed)
        expect(page.get_by_role("listbox", name="Packages").get_by_role("option").first).to_contain_text(name)
        page.get_by_label("Search PyPI").press("Enter")
        expect(page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name, exact=True))).to_be_visible()
    page.get_by_role("button", name="Lock Minor of gridlib").click()
    page.get_by_role("button", name="Lock Minor of modelkit").click()
    page.get_by_role("button", name="Lock Major of modelkit").click()
    page.get_by_role("button", name="Import").click()
    page.get_by_label("Paste it here").fill("framework==1.5.3\nframework_extras==9.9\n")
    page.get_by_role("dialog").get_by_role("button", name="Add").click()
    banner = page.get_by_role("region", name="1 version conflict")
    expect(banner).to_contain_text("incoming ==1.5.3")
    banner.get_by_role("button", name="Use incoming").first.click()
    expect(banner).to_have_count(0)


def build(page: Page) -> None:
    """It can't be resolved; the proposed fix is taken; it is built, with its log before one's eyes; its slug copied."""
    page.get_by_role("button", name="Save & Build").click()
    expect(page.get_by_role("alert").filter(has_text="Not valid: 1 problem")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="Change to framework-extras>=0.1,<0.2").click()
    page.get_by_role("button", name="Save & Build").click()
    expect(page.get_by_text("valid for this list")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("link", name="Build Logs").click()
    expect(page.get_by_role("log")).to_contain_text("framework", timeout=PATIENCE)
    expect(page.get_by_role("region", name="Notifications")).to_contain_text("Journey is built.", timeout=PATIENCE)
    page.get_by_role("button", name="Copy slug").first.click()


def deploy(kube: Kube, kubeconfig: Path, folder: Path, slug: str) -> None:
    """As the "Use it" page says."""
    with zipfile.ZipFile(folder / "flow.zip", "w") as archive:
        archive.writestr("nightly.py", "import framework\nprint('flow ran with', framework.__name__, flush=True)\n")
    dagy = str(Path(sys.executable).with_name("dagy"))
    command = [dagy, "deploy", "flow.zip", "--deployment", "nightly", "--dep-packages", slug]
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    subprocess.run(command, cwd=folder, env=environment, check=True, timeout=180)


def run(page: Page) -> None:
    """From the flow's page, which shows the run and what it printed."""
    page.get_by_role("navigation", name="Console").get_by_role("link", name="Flows").click()
    page.get_by_role("link", name="nightly", exact=True).click()
    page.get_by_role("button", name="Run now").click()
    page.get_by_role("dialog").get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("row").filter(has_text="nightly-")).to_contain_text("SUCCEEDED", timeout=PATIENCE)
    expect(page.get_by_role("log")).to_contain_text("flow ran with framework", timeout=PATIENCE)
