"""uv gets packages of an index that asks for a password, and never sees the password."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dagy_builder.contract import BuildRequest, Fault, Reason, StepOutcome
from dagy_builder.indexes.credentials import Credential
from dagy_builder.indexes.gateway import files_of_build
from dagy_builder.indexes.route import FAILURES_PATH
from dagy_builder.steps import pipeline
from dagy_builder.steps.handover import tree_in
from dagy_builder.steps.resolve import lock_of_result
from dagy_builder.url import IndexUrl
from tests.fakes.index import Authority, Index, Release, serve
from tests.fakes.index_gateway import BASIC, PASSWORD, ask, gateway

PYTHON = "{}.{}".format(*sys.version_info)
CPYTHON = f"cp{PYTHON.replace('.', '')}"


def ci(index: Index, password: str = PASSWORD, prefix: str = "/") -> Credential:
    parts = urlsplit(index.url)
    return Credential("Secret team-index", IndexUrl(f"{parts.scheme}://{parts.netloc}{prefix}"), "ci", password)


def resolve(index: Index, *requirements: str, lines: list[str] | None = None, **more: object) -> StepOutcome:
    request = BuildRequest(PYTHON, index_url=index.url, requirements=list(requirements), **more)  # type: ignore[arg-type]
    return pipeline.resolve(request, (lines if lines is not None else []).append)


@pytest.mark.parametrize("speaks_json", [False, True])
def test_a_private_index_by_way_of_the_gateway(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, speaks_json: bool
) -> None:
    """Resolve, install; the lock names the index and its files, and nothing shows the password."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    lines: list[str] = []
    with serve(Release("alpha", "1.0", ["beta"]), Release("beta", "2.0"), tls=authority.server) as index:
        index.password, index.speaks_json = PASSWORD, speaks_json
        with gateway(monkeypatch, [index.url], ci(index)):
            resolved = resolve(index, "alpha", lines=lines)
            assert resolved.result, resolved.message
        lock = lock_of_result(resolved.result)
        request = BuildRequest(PYTHON, index_url=index.url)
        with gateway(monkeypatch, [index.url], ci(index), files=files_of_build(request, lock)) as route:
            installed = pipeline.install(request, lock, tmp_path, lines.append)
        assert installed.ok, installed.message
    packages = tomllib.loads(lock)["packages"]
    host = urlsplit(index.url).netloc
    assert {p["index"] for p in packages} == {index.url}
    assert [p["wheels"][0]["url"] for p in packages] == [
        f"https://{host}/files/{name}-py3-none-any.whl" for name in ("alpha-1.0", "beta-2.0")
    ]
    assert (tree_in(tmp_path) / "alpha.py").read_text() == "VERSION = '1.0'\n"
    assert set(index.sent.values()) == {BASIC}
    told = "\n".join([*lines, lock, resolved.to_text(), installed.to_text()])
    assert PASSWORD not in told
    assert route.base not in told


def test_releases_after_a_day_are_left_out_by_way_of_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = (Release("alpha", f"{v}.0", uploaded=f"2026-0{v}-01T00:00:00Z") for v in (1, 2))
    untold = Release("beta", "1.0")
    with serve(old, new, untold) as index:
        index.password, index.speaks_json = PASSWORD, True
        with gateway(monkeypatch, [index.url], ci(index)):
            then, before = (
                resolve(index, "alpha", exclude_newer=f"2026-{day}T00:00:00Z") for day in ("01-15", "02-15")
            )
            none = resolve(index, "alpha", exclude_newer="2025-01-01T00:00:00Z")
            unknown = resolve(index, "beta", exclude_newer="2026-02-15T00:00:00Z")
    versions = [tomllib.loads(lock_of_result(o.result))["packages"][0]["version"] for o in (then, before) if o.result]
    assert versions == ["1.0", "2.0"]
    for refused, name in ((none, "alpha"), (unknown, "beta")):
        assert refused.fault == Fault.USER
        assert name in (refused.message or "")
        assert "excludeNewer" in json.dumps(refused.problems) + (refused.message or "")


def test_a_wrong_password_is_told_with_its_secret_and_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(Release("alpha", "1.0")) as index:
        index.password = "another one"
        with gateway(monkeypatch, [index.url], ci(index)) as route:
            outcome = resolve(index, "alpha")
    assert (outcome.reason, outcome.fault) == (Reason.INDEX_ACCESS_DENIED, Fault.USER)
    assert f"{index.url} refuses the credentials of Secret team-index (HTTP 401)" in (outcome.message or "")
    assert route.base not in outcome.to_text()


def test_no_credentials_for_the_index(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(Release("alpha", "1.0")) as index:
        index.password = PASSWORD
        with gateway(monkeypatch, [index.url], ci(index, prefix="/elsewhere/")):
            outcome = resolve(index, "alpha")
    assert outcome.reason == Reason.INDEX_ACCESS_DENIED
    assert "no credentials were sent to it" in (outcome.message or "")
    assert set(index.sent.values()) == {""}


def test_an_authority_that_is_missing_is_named_as_the_cause(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(Release("alpha", "1.0"), tls=authority.server) as index, gateway(monkeypatch, [index.url], ci(index)):
        outcome = resolve(index, "alpha")
    assert (outcome.reason, outcome.fault) == (Reason.INDEX_NOT_TRUSTED, Fault.USER)
    assert "spec.index.caBundle" in (outcome.message or "")
    assert index.sent == {}


def test_an_index_that_nobody_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    request = BuildRequest(PYTHON, index_url="http://127.0.0.1:1/simple", requirements=["alpha"])
    with gateway(monkeypatch, [request.index_url or ""]):
        outcome = pipeline.resolve(request, lambda _: None)
    assert (outcome.reason, outcome.fault) == (Reason.INDEX_UNREACHABLE, Fault.INFRASTRUCTURE)
    assert "Connection refused" in (outcome.message or "")


def test_a_name_on_two_indexes_comes_from_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dependency confusion: a higher version on the public index changes nothing, even when the first has none that fits."""
    with serve(Release("alpha", "1.0")) as private, serve(Release("alpha", "99.0"), Release("beta", "1.0")) as public:
        private.password = PASSWORD
        with gateway(monkeypatch, [private.url, public.url], ci(private)):
            both = resolve(public, "alpha", "beta", extra_index_urls=[private.url])
            missing = resolve(public, "alpha>1", extra_index_urls=[private.url])
    assert both.result, both.message
    packages = tomllib.loads(lock_of_result(both.result))["packages"]
    assert [(p["name"], p["version"], p["index"]) for p in packages] == [
        ("alpha", "1.0", private.url),
        ("beta", "1.0", public.url),
    ]
    assert (missing.ok, missing.reason) == (False, Reason.NO_MATCHING_VERSION)
    assert "/simple/alpha/" not in public.requests
    assert set(public.sent.values()) == {""}


def test_a_failure_is_explained_with_the_private_indexs_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(Release("winonly", "1.0", tag=f"{CPYTHON}-{CPYTHON}-win_amd64")) as index:
        index.password = PASSWORD
        with gateway(monkeypatch, [index.url], ci(index)):
            outcome = resolve(index, "winonly")
    assert outcome.reason == Reason.NO_WHEEL
    assert "its wheels are for Windows." in (outcome.message or "")


def test_a_direct_reference_below_the_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    release = Release("alpha", "1.0")
    with serve(release) as index:
        index.password = PASSWORD
        url = index.url.replace("/simple/", f"/files/{release.filename}")
        with gateway(monkeypatch, [index.url], ci(index), files=[url]) as route:
            assert route.local_requirements(f"alpha @ {url}\n") == f"alpha @ {route.local_text(url)}\n"
            assert ask(route, urlsplit(route.local_text(url)).path) == (200, release.content())


def test_credentials_do_not_follow_a_redirect_out_of_their_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(Release("alpha", "1.0")) as private, serve(Release("alpha", "1.0")) as other:
        private.password = PASSWORD
        private.moved["/simple/alpha/"] = f"{other.url}alpha/"
        with gateway(monkeypatch, [private.url], ci(private)):
            outcome = resolve(private, "alpha")
    assert outcome.ok, outcome.message
    assert private.sent["/simple/alpha/"] == BASIC
    assert set(other.sent.values()) == {""}


@pytest.mark.parametrize(
    "location",
    [
        "{evil}\\@{private}/simple/alpha/",
        "{evil}\\.{private}/simple/alpha/",
        "{evil}@{private}/simple/alpha/",
        "{private}@{evil}/simple/alpha/",
        "{private}\t@{evil}/simple/alpha/",
        "{private}\\@{evil}/simple/alpha/",
        "{evil}/simple/alpha/",
        "{evil}#@{private}/simple/alpha/",
        "{evil}?@{private}/simple/alpha/",
        "{evil};@{private}/simple/alpha/",
    ],
)
@pytest.mark.parametrize("scheme", ["http://", "//"])
def test_a_redirect_that_can_be_read_in_two_ways_takes_no_credentials_along(
    monkeypatch: pytest.MonkeyPatch, location: str, scheme: str
) -> None:
    """The evil index is one of the package's own, and sends on to the private one, in words that mean itself as well."""
    with serve(Release("alpha", "1.0")) as private, serve(Release("alpha", "1.0")) as evil:
        private.password = PASSWORD
        hosts = {"evil": urlsplit(evil.url).netloc, "private": urlsplit(private.url).netloc}
        evil.moved["/simple/alpha/"] = scheme + location.format(**hosts)
        with gateway(monkeypatch, [evil.url, private.url], ci(private)) as route:
            ask(route, f"/http/{hosts['evil']}/simple/alpha/")
    assert evil.requests
    assert set(evil.sent.values()) == {""}


def test_a_link_that_can_be_read_in_two_ways_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does a request for it in other words, such as package code might make, lead anywhere."""
    with serve(Release("alpha", "1.0")) as private, serve(Release("alpha", "1.0")) as evil:
        private.password = PASSWORD
        hosts = {"evil": urlsplit(evil.url).netloc, "private": urlsplit(private.url).netloc}
        link = "{evil}\\@{private}/files/alpha-1.0-py3-none-any.whl".format(**hosts)
        evil.pages["alpha"] = f'<a href="http://{link}">alpha-1.0-py3-none-any.whl</a>'
        with gateway(monkeypatch, [evil.url, private.url], ci(private)) as route:
            status, page = ask(route, f"/http/{hosts['evil']}/simple/alpha/")
            before = dict(evil.sent)
            for spelled in (link, link.replace("\\", "%5C"), link.replace("\\", "%5c")):
                assert ask(route, f"/http/{spelled}")[0] == 404
    assert (status, json.loads(page)["files"]) == (200, [])
    assert evil.sent == before
    assert not any(private.sent.values())


@pytest.mark.parametrize(
    "name", ["service", "rest/v1/users", "alpha/../beta", "Alpha", "a_b", "-a", "a-", "a--b", "", "x;y"]
)
def test_only_names_are_pages_of_an_index(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Else whoever reaches the gateway could read whatever the credentials open below the index."""
    with serve(Release("alpha", "1.0")) as index, gateway(monkeypatch, [index.url], ci(index)) as route:
        path = f"/http/{urlsplit(index.url).netloc}/simple/{name}/"
        expected = [f"/simple/{name}/"] if name == "service" else []
        ask(route, path)
        ask(route, f"{path}?all=1")
    assert index.requests == expected


def test_an_index_that_repeats_what_it_was_sent_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    reflecting = Release("alpha", "1.0", yanked=f"you said {PASSWORD} and {BASIC}")
    with serve(reflecting) as index, gateway(monkeypatch, [index.url], ci(index)):
        outcome = resolve(index, "alpha==1.0", lines=lines)
    assert "you said ****" in "\n".join(lines)
    assert PASSWORD not in "\n".join([*lines, outcome.to_text()])
    assert BASIC not in "\n".join([*lines, outcome.to_text()])


def test_what_the_gateway_does_not_fetch(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(Release("alpha", "1.0")) as index:
        index.password = PASSWORD
        host = urlsplit(index.url).netloc
        with gateway(monkeypatch, [index.url], ci(index)) as route:
            before = list(index.requests)
            for path in (
                "/",
                f"/http/{host}/",
                f"/http/{host}/simple/",
                f"/http/{host}/simple/alpha/../../admin",
                f"/http/{host}/simple/Alpha/",
                f"/http/{host}/simple/alpha/?x=1",
                f"/http/{host}/files/alpha-1.0-py3-none-any.whl",
                "/http/169.254.169.254/latest/meta-data/",
                f"http://{host}/simple/alpha/",
            ):
                assert ask(route, path)[0] == 404, path
            for method in ("POST", "PUT", "DELETE", "CONNECT"):
                assert ask(route, f"/http/{host}/simple/alpha/", method)[0] == 501
            assert index.requests == before
            assert ask(route, f"/http/{host}/simple/alpha/")[0] == 200
            assert ask(route, f"/http/{host}/files/alpha-1.0-py3-none-any.whl")[0] == 200
            assert ask(route, f"/http/{host}/files/alpha-1.0-py3-none-any.whl.metadata")[0] == 404
            assert json.loads(ask(route, FAILURES_PATH)[1]) == []


@pytest.mark.parametrize("lock", ["", "broken [", "packages = 1", 'packages = [{wheels = [{path = "x"}]}]'])
def test_files_of_what_cannot_be_read(lock: str) -> None:
    requirements = ["-r /etc/passwd", "alpha", "alpha @ https://h.example/alpha-1.0-py3-none-any.whl#sha256=ab"]
    request = BuildRequest(PYTHON, requirements=requirements)
    assert files_of_build(request, lock) == ["https://h.example/alpha-1.0-py3-none-any.whl"]
