"""A browser, and visits to the console that the API of tests/conftest.py serves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from dagy_builder.storage.store import ObjectStore
from tests.console import given_flows
from tests.console.given import NAMESPACE, USER, WORKER, WORKSHOP, gallery
from tests.console.given_flows import Runs
from tests.console.index import searched
from tests.console.toolchain import installed
from tests.console.visit import Visit, visiting
from tests.fakes.api import Api, Users, serving

CHROMIUM = Path("/usr/bin/chromium-headless-shell")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of one module: Playwright's event loop is that of the thread, where other tests have theirs."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core's source, as package-lock.json has it."""
    return (installed() / "axe-core/axe.min.js").read_text()


@pytest.fixture
def visit(browser: Browser, api: Api, axe: str) -> Iterator[Visit]:
    """Somebody's visit."""
    with visiting(browser, api, axe) as visit:
        yield visit


@pytest.fixture(scope="session")
def api(kubeconfig: str, users: Users, objects: ObjectStore) -> Iterator[Api]:
    """The API's app, which serves the console and searches an index of the console's tests."""
    with searched() as index, serving(kubeconfig, users, objects.bucket, index_url=index.url) as api:
        yield api


@pytest.fixture(scope="session")
def ana(users: Users) -> str:
    """A user who may edit one namespace, which has packages in all states."""
    users.kubectl("create", "namespace", NAMESPACE)
    users.create(USER, edits=NAMESPACE)
    gallery(users)
    return USER


@pytest.fixture(scope="session")
def ben(users: Users) -> str:
    """A user who may edit a namespace in which tests make packages."""
    users.kubectl("create", "namespace", WORKSHOP)
    users.create(WORKER, edits=WORKSHOP)
    return WORKER


@pytest.fixture(scope="session")
def runs(users: Users) -> Runs:
    """The gallery of flows of a user, and the runs of one of them."""
    return given_flows.gallery(users)
