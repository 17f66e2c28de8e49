"""Two tenants in two browsers: neither sees anything of the other's, whatever is clicked or typed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from dagy_builder.storage.store import ObjectStore
from tests.console import given
from tests.console.visit import Visit, visiting
from tests.fakes.api import Api, Users, folder_of, unique

pytestmark = [pytest.mark.apiserver, pytest.mark.browser]


class Tenant:
    """A user with a namespace, and a package there that failed, whose every word is a secret."""

    def __init__(self, users: Users, objects: ObjectStore, user: str, namespace: str) -> None:
        self.user, self.namespace, self.users = user, namespace, users
        self.name, self.slug = unique(f"{user}s"), unique("")[1:8].upper() + user[0].upper()
        self.display, self.library = f"Display {self.slug} of {user}", f"{user}-private-library"
        self.said, self.message = f"what the log of {user} says", f"what became of the build of {user}"
        spec = {"displayName": self.display, "dependencies": [self.library]}
        given.package(
            users, self.name, phase="INSTALLING", namespace=namespace, slug=self.slug, settled=False, spec=spec,
            message=self.message,
        )  # fmt: skip
        key = f"{folder_of(users, namespace, self.name, self.slug)}/logs/build.log"
        objects.put(key, f"=== install ===\n{self.said}\n".encode(), "text/plain")
        self.log = f"s3://{objects.bucket}/{key}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What nobody else may see."""
        return (self.name, self.slug, self.display, self.library, self.said, self.message)

    def end(self) -> None:
        """The build fails."""
        status = {
            "phase": "FAILED", "message": self.message, "build": {"attempt": 1, "logUri": self.log},
            "conditions": given.conditions("FAILED", True),
        }  # fmt: skip
        given.tell(self.users, self.name, status, self.namespace)


@pytest.fixture
def tenants(users: Users, objects: ObjectStore) -> tuple[Tenant, Tenant]:
    return Tenant(users, objects, "alice", "team-a"), Tenant(users, objects, "bob", "team-b")


@pytest.fixture
def visits(browser: Browser, api: Api, axe: str) -> Iterator[tuple[Visit, Visit]]:
    """Two browsers."""
    with visiting(browser, api, axe) as one, visiting(browser, api, axe) as other:
        yield one, other


LISTEN = """(() => {
  const asked = window.fetch;
  window.fetch = async (...given) => {
    const answer = await asked(...given);
    const reader = answer.clone().body?.pipeThrough(new TextDecoderStream()).getReader();
    const read = () => reader?.read().then(({ done, value }) => done || (window.heard(value), read()), () => {});
    read();
    return answer;
  };
})()"""


def heard(page: Page) -> list[str]:
    """Collects whatever the API tells the page, streams as well."""
    answers: list[str] = []
    page.expose_function("heard", lambda said: answers.append(said))  # noqa: PLW0108 - Playwright marks it
    page.add_init_script(LISTEN)
    return answers


def look_around(visit: Visit, mine: Tenant, others: Tenant) -> Iterator[str]:
    """Click and type whatever may show something of the other's; what each page says."""
    page = visit.page
    visit.sign_in(mine.user)
    expect(page.get_by_text(mine.display)).to_be_visible()
    yield page.content()
    page.get_by_role("searchbox").fill(others.slug)
    page.get_by_role("searchbox").press("Enter")
    expect(page.get_by_text(mine.display)).to_have_count(0)
    yield page.locator("main").inner_text().replace(others.slug, "", 1)  # the box's own words come back once
    options = page.get_by_label("Namespace").first.get_by_role("option").all_inner_texts()
    assert others.namespace not in options
    for path in (
        f"packages/{others.namespace}/{others.name}",
        f"packages/{others.namespace}/{others.name}?tab=logs&step=build&attempt=1",
        f"packages/{mine.namespace}/{others.name}",
    ):
        visit.open(path)
        expect(page.get_by_role("heading", name="There is no such package")).to_be_visible()
        yield (
            page.locator("main").inner_text().replace(f"{others.namespace}/{others.name}", "").replace(others.name, "")
        )
    visit.open(f"packages?ns={others.namespace}")
    expect(page.locator("main")).to_contain_text(others.namespace)
    yield page.content()
    visit.open(f"new?ns={others.namespace}")
    expect(page.get_by_text("Ask its administrator")).to_be_visible()
    visit.open(f"new?ns={mine.namespace}")
    page.get_by_label("Search PyPI").fill(others.library[:-3])
    expect(page.get_by_role("listbox", name="Packages").get_by_role("option")).to_have_count(1)  # what was typed
    yield page.locator("main").inner_text()


def test_neither_sees_anything_of_the_other(visits: tuple[Visit, Visit], tenants: tuple[Tenant, Tenant]) -> None:
    for visit, mine, others in zip(visits, tenants, reversed(tenants), strict=True):
        visit.expected = [r"status of 40[34]"]
        answers = heard(visit.page)
        for said in look_around(visit, mine, others):
            assert not [secret for secret in others.secrets if secret in said]
        assert any(mine.display in answer for answer in answers), "it does listen"
        asked = (others.name, others.slug)  # a refusal says what was asked for
        for answer in answers:
            assert not [secret for secret in others.secrets if secret in answer and secret not in asked], answer


def test_a_toast_and_a_log_are_for_those_whose_build_it_is(
    visits: tuple[Visit, Visit], tenants: tuple[Tenant, Tenant]
) -> None:
    for visit, mine in zip(visits, tenants, strict=True):
        visit.expected = [r"status of 404"]  # no index has the library
        page = visit.sign_in(mine.user, f"packages/{mine.namespace}/{mine.name}")
        expect(page.get_by_role("heading", name=mine.display)).to_be_visible()
        # As Save & Build does, whose request nobody would answer here.
        page.evaluate(
            "([key, build]) => localStorage.setItem('dagy.builds', JSON.stringify({ [key]: build }))",
            [uid(mine), {"namespace": mine.namespace, "name": mine.name, "at": 4e12}],
        )
    first, second = (visit.page for visit in visits)
    tenants[0].end()
    expect(first.get_by_role("region", name="Notifications")).to_contain_text(
        f"{tenants[0].display}: the build failed."
    )
    first.get_by_role("link", name="Build Logs").click()
    expect(first.get_by_text("what the log of alice says")).to_be_visible()
    tenants[1].end()
    expect(second.get_by_role("region", name="Notifications")).to_contain_text(
        f"{tenants[1].display}: the build failed."
    )
    for page, others in ((first, tenants[1]), (second, tenants[0])):
        page.get_by_role("button", name="Earlier notifications").click()
        assert not [secret for secret in others.secrets if secret in page.content()]


def uid(tenant: Tenant) -> str:
    return tenant.users.kubectl(
        "get", "deppackage", tenant.name, f"--namespace={tenant.namespace}", "-o", "jsonpath={.metadata.uid}"
    )
