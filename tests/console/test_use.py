"""Use it: every line that the console offers to copy is carried out here as it stands there."""

from __future__ import annotations

import inspect
import json
import os
import re
import shlex
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from dagy import deploy
from dagy.cli import main
from dagy.core.attach.request import PackageRef, wanted_packages
from dagy.model.rest.deployments import CompleteUploadRequest
from dagy.model.rest.packages import DepPackageResponse
from dagy_builder.storage.store import ObjectStore
from tests.console import given
from tests.console.given import WORKSHOP
from tests.console.visit import Visit
from tests.fakes.api import Api, Users, unique
from tests.fakes.artifacts import Built, archive, lock

pytestmark = [pytest.mark.apiserver, pytest.mark.browser]


def built(
    users: Users, objects: ObjectStore, display: str, numpy: str = "2.2.0", *, earlier: bool = False, slug: str = ""
) -> Built:
    """A package of that name for people, which is COMPLETED."""
    package = Built(
        users, objects, namespace=WORKSHOP, dependencies=["numpy"], displayName=display, buildPolicy="Manual", slug=slug
    )
    for number in range(1 + earlier):
        package.add(
            archive({f"{package.slug}.py": b"%d" % number}), lock(numpy=numpy), builtAt=f"2026-11-2{number}T12:00:00Z"
        )
    package.tell(
        phase="COMPLETED", message="Built.", observedGeneration=1, conditions=given.conditions("COMPLETED", True)
    )
    return package


@pytest.fixture
def forecast(users: Users, objects: ObjectStore, ben: str) -> Built:
    return built(users, objects, "Forecast", earlier=True)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where somebody works who has a flow's ZIP."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dist").mkdir()
    for path in (tmp_path / "artifact.zip", tmp_path / "dist/artifact.zip"):
        with zipfile.ZipFile(path, "w") as packed:
            packed.writestr("daily_etl.py", "print(1)")
    return tmp_path


def opened(visit: Visit, ben: str, package: Built, query: str = "") -> Page:
    page = visit.sign_in(ben, f"packages/{WORKSHOP}/{package.name}?tab=use{query}")
    expect(page.get_by_role("heading", name="Which packages")).to_be_visible()
    return page


def line(page: Page, name: str) -> str:
    """What the button beside it puts on the clipboard, which is what is shown."""
    page.get_by_role("button", name=f"Copy {name}", exact=True).click()
    expect(page.get_by_role("button", name=f"Copied {name}", exact=True)).to_be_visible()
    text: str = page.evaluate("() => navigator.clipboard.readText()")
    assert page.get_by_label(name, exact=True).locator("code").inner_text() == text
    return text


def words(command: str) -> list[str]:
    """The words of a command, as a shell passes them on."""
    return shlex.split(command.replace("\\\n", ""))


def deployed(users: Users, name: str = "my-pipeline") -> dict[str, Any]:
    """Take away what was deployed; its spec."""
    found = json.loads(users.kubectl("get", "flowdeployment", name, f"--namespace={WORKSHOP}", "-o", "json"))
    users.kubectl("delete", "flowdeployment", name, f"--namespace={WORKSHOP}")
    spec: dict[str, Any] = found["spec"]
    return spec


def test_the_command_line(
    visit: Visit, ben: str, api: Api, users: Users, forecast: Built, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = words(line(opened(visit, ben, forecast), "command line"))
    assert command[:2] == ["dagy", "deploy"]
    monkeypatch.setenv("DAGY_API_URL", api.url)
    monkeypatch.setenv("DAGY_API_TOKEN", users.token(ben))
    with pytest.raises(SystemExit) as ended:
        main([*command[1:], "--no-wait"])  # nobody here makes it ready
    assert ended.value.code == 0
    assert deployed(users)["depPackageSlugs"] == [forecast.slug]


def test_the_python_program(
    visit: Visit, ben: str, api: Api, users: Users, forecast: Built, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = line(opened(visit, ben, forecast), "Python program")
    taken: list[dict[str, Any]] = []

    def deploy_artifact(**given: Any) -> Any:
        inspect.signature(original).bind(**given)
        taken.append(given)
        return deploy.upload_artifact_via_api(**given)  # the same without waiting: nobody here makes it ready

    original = deploy.deploy_artifact
    monkeypatch.setattr(deploy, "deploy_artifact", deploy_artifact)
    monkeypatch.setenv("DAGY_API_TOKEN", users.token(ben))
    exec(compile(program, "copied.py", "exec"), {})
    assert taken[0]["api_url"] == api.url
    assert deployed(users)["depPackageSlugs"] == [forecast.slug]


def test_the_requests(visit: Visit, ben: str, users: Users, forecast: Built, folder: Path) -> None:
    page = opened(visit, ben, forecast)
    body = line(page, "complete.json")
    assert CompleteUploadRequest.model_validate_json(body).dep_package_slugs == [forecast.slug]
    (folder / "complete.json").write_text(body)
    answers = [json.loads(curl(line(page, name), users.token(ben))) for name in ("curl that deploys", "curl that looks the slug up")]  # fmt: skip
    assert answers[0]["code"] == "ForeignKey", "the body was understood; only the upload is none"
    assert DepPackageResponse.read(answers[1]).name == forecast.name


def curl(command: str, token: str) -> str:
    """What curl prints in a shell that has the token."""
    environment = {**os.environ, "TOKEN": token}
    done = subprocess.run(
        ["bash", "-c", command], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def test_the_manifests(visit: Visit, ben: str, users: Users, objects: ObjectStore, folder: Path) -> None:
    forecast = built(users, objects, "Forecast", slug="123E4567")  # which a parser may take for a number
    page = opened(visit, ben, forecast)
    (folder / "pod.yaml").write_text(line(page, "pod"))
    pod = json.loads(users.kubectl("apply", "--dry-run=server", "-o", "json", "-f", str(folder / "pod.yaml")))
    assert wanted_packages(pod["metadata"]["annotations"]["dagy.io/dep-packages"]) == (PackageRef(forecast.slug),)
    assert pod["metadata"]["namespace"] == WORKSHOP
    (folder / "package.yaml").write_text(line(page, "manifest"))
    before = json.loads(users.kubectl("get", "dp", forecast.name, f"--namespace={WORKSHOP}", "-o", "json"))
    after = json.loads(users.kubectl("apply", "--dry-run=server", "-o", "json", "-f", str(folder / "package.yaml")))
    assert (after["metadata"]["uid"], after["spec"]) == (before["metadata"]["uid"], before["spec"])


def test_waiting_for_it(visit: Visit, ben: str, users: Users, forecast: Built) -> None:
    command = words(line(opened(visit, ben, forecast), "kubectl wait"))
    assert command[0] == "kubectl"
    assert "condition met" in users.kubectl(*command[1:])


def test_exactly_one_zip(visit: Visit, ben: str, forecast: Built) -> None:
    page = opened(visit, ben, forecast)
    assert line(page, "slug") == forecast.slug
    earlier = forecast.known[1]["sha256"]
    page.get_by_role("combobox", name="ZIP", exact=True).select_option(earlier)
    assert wanted_packages(line(page, "pinned slug")) == (PackageRef(forecast.slug, earlier),)
    pinned = f"{forecast.slug}@{earlier}"
    for name in ("command line", "Python program", "complete.json", "pod"):
        assert pinned in line(page, name)
    CompleteUploadRequest.model_validate_json(line(page, "complete.json"))
    assert f'/by-slug/{forecast.slug}"' in line(page, "curl that looks the slug up")
    visit.shoot("use")
    for title in ("Command line", "HTTP", "Git"):
        heading = page.get_by_role("heading", name=title, exact=True)
        visit.shoot(f"use-{title.lower().replace(' ', '-')}", at=heading)


def test_with_further_packages(visit: Visit, ben: str, users: Users, objects: ObjectStore, forecast: Built) -> None:
    same, other = built(users, objects, "Same numpy"), built(users, objects, "Old numpy", "1.26.4")
    page = opened(visit, ben, forecast)
    page.get_by_label("Further package").fill("same")
    expect(page.locator(f"#further option[value={same.slug}]")).to_have_text("Same numpy")
    expect(page.locator("#further option")).to_have_count(1)
    page.get_by_label("Further package").fill(same.slug.lower())
    page.get_by_label("Further package").press("Enter")
    expect(page.get_by_text("They can be attached together.")).to_be_visible()
    assert words(line(page, "command line"))[-2:] == [forecast.slug, same.slug]
    assert f'dagy.io/dep-packages: "{forecast.slug},{same.slug}"' in line(page, "pod")
    visit.shoot("use-together")
    page.get_by_label("Further package").fill(other.slug)
    page.get_by_role("button", name="Add", exact=True).click()
    refused = page.get_by_role("status").filter(has_text="They can't be attached together.")
    expect(refused).to_contain_text("brings numpy 2.2.0 and")
    expect(refused).to_contain_text("brings numpy 1.26.4; only one can be imported.")
    visit.shoot("use-not-together")
    expect(page).to_have_url(re.compile(f"with={same.slug}%2C{other.slug}"))
    page.reload()
    page.get_by_role("button", name=f"Leave {other.slug} out").click()
    expect(page.get_by_text("They can be attached together.")).to_be_visible()


def test_a_package_that_nobody_has(visit: Visit, ben: str, forecast: Built) -> None:
    visit.expected = [r"status of 404"]
    page = opened(visit, ben, forecast, "&with=ZZZZZZZZ")
    expect(page.get_by_text("No package that you may see has the slug ZZZZZZZZ")).to_be_visible()


def test_before_it_is_built(visit: Visit, ben: str, users: Users) -> None:
    name = unique("use")
    given.package(users, name, phase="PENDING", spec={"displayName": "Brand New"})
    page = visit.sign_in(ben, f"packages/{WORKSHOP}/{name}?tab=use")
    expect(page.get_by_role("heading", name="The slug follows")).to_be_visible()
    visit.shoot("use-no-slug")
    given.tell(users, name, {"slug": "U1N2B3U4", "phase": "INVALID", "conditions": given.conditions("INVALID", True)})
    expect(page.get_by_text("The package is INVALID.")).to_be_visible()
    expect(page.get_by_text("pods can't get it before")).to_be_visible()
    visit.shoot("use-invalid")
