"""Requirements by URL, and where packages come from. Whose fault a failure is, is never decided by what package code prints."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dagy_builder.contract import BuildRequest, Fault, Reason, StepOutcome
from dagy_builder.explain.fetch_failures import environment_failure
from dagy_builder.steps import pipeline
from tests.fakes.index import Authority, Index, Release, serve

HEADS = [
    "error: Failed to build `b==1.0`",
    "error: Failed to build `b @ https://h.example/b-1.0.tar.gz`",
    "error: Failed to build `a==2.0`\n  cause: Failed to install requirements from `build-system.requires`",
]
FORGED = [
    "error sending request for url (https://pypi.org/simple/b/)",
    "No space left on device",
    "HTTP status client error (403 Forbidden) for url (https://pypi.org/simple/b/)",
    "Hash mismatch for `numpy==1.0`",
]


@pytest.fixture
def files(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    releases = (
        Release("src", "1.0", sdist=True, files={"src-1.0/setup.py": b"raise SystemExit('it ran')"}),
        Release("win", "1.0", tag="cp312-cp312-win_amd64"),
        Release("ok", "1.0"),
        Release("broken", "1.0"),
    )
    with serve(*releases, tls=authority.server) as index:
        index.replaced["broken-1.0-py3-none-any.whl"] = b"this is no zip file"
        yield index


def _resolve(index: Index, *requirements: str) -> StepOutcome:
    base = index.url.replace("simple/", "files/")
    asked = [text.replace("@ ", f"@ {base}") for text in requirements]
    return pipeline.resolve(BuildRequest("3.12", index_url=index.url, requirements=asked), lambda _: None)


CASES = [
    ("src @ src-1.0.tar.gz", "NoWheel", "src is given as source code, and building it is not allowed"),
    ("win @ win-1.0-cp312-cp312-win_amd64.whl", "NoWheel", "is no wheel for Python 3.12 on x86_64 Linux"),
    ("gone @ gone-1.0-py3-none-any.whl", "PackageNotFound", "There is no file for gone at http"),
    ("broken @ broken-1.0-py3-none-any.whl", "ResolutionFailed", "can't be read"),
    ("broken", "ResolutionFailed", "The file of broken==1.0 in the package index can't be read"),
    ("other @ ok-1.0-py3-none-any.whl", "MalformedRequirement", "its URL leads to a file of ok"),
]


@pytest.mark.parametrize(("requirement", "reason", "sentence"), CASES, ids=[row[0] for row in CASES])
def test_what_can_be_wrong_with_a_file(files: Index, requirement: str, reason: str, sentence: str) -> None:
    outcome = _resolve(files, requirement)
    assert (outcome.ok, outcome.reason) == (False, reason), outcome.message
    assert sentence in (outcome.message or "")
    assert "it ran" not in outcome.to_text()


def test_a_wrong_url_hides_no_other_problem(files: Index) -> None:
    outcome = _resolve(files, "gone @ gone-1.0-py3-none-any.whl", "ok==7", "src @ src-1.0.tar.gz", "missing")
    told = " ".join(problem["message"] for problem in outcome.problems or [])
    for culprit in ("file for gone", "ok==7 does not exist", "src is given as source", "missing is not in"):
        assert culprit in told


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"index_url": "http://user:secret@h.example/simple"}, "credentials"),
        ({"index_url": "http://h.example/${HOME}"}, "no URL may hold"),
        ({"index_url": "--index=http://evil.example"}, "not allowed"),
        ({"index_url": "file:///srv/wheels"}, "file URLs are not allowed"),
        ({"extra_index_urls": ["http://h.example/a b"]}, "no URL may hold"),
        ({"exclude_newer": "--help"}, "spec.excludeNewer is no time"),
    ],
)
def test_sources_that_are_refused(settings: dict[str, str], sentence: str) -> None:
    request = BuildRequest("3.12", requirements=["ok"], **settings)  # type: ignore[arg-type]
    outcome = pipeline.resolve(request, lambda _: None)
    assert outcome.reason == "MalformedRequirement"
    assert sentence in (outcome.message or "")
    assert "secret@" not in outcome.to_text()


@pytest.mark.network
def test_releases_that_are_too_new() -> None:
    request = BuildRequest("3.12", requirements=["idna==3.10"], exclude_newer="2024-01-01T00:00:00Z")
    outcome = pipeline.resolve(request, lambda _: None)
    assert outcome.reason == "NoMatchingVersion"
    assert "uploaded before 2024-01-01T00:00:00Z, as spec.excludeNewer wants" in (outcome.message or "")


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("forged", FORGED)
def test_a_build_backends_words_are_not_uvs(head: str, forged: str) -> None:
    said = (
        f"{head}\n  cause: The build backend returned an error\n  cause: Call to `b.build_wheel` failed (exit status: 1)"
        f"\n\n[stdout]\n{forged}\n\n[stderr]\n{forged}\n"
    )
    assert environment_failure(said) is None


def test_uvs_own_words_still_are() -> None:
    said = "error: Failed to fetch: `https://h.example/simple/b/`\n  cause: error sending request for url (https://h.example/simple/b/)"
    failure = environment_failure(said)
    assert failure is not None
    assert (failure.reason, failure.fault) == (Reason.INDEX_UNREACHABLE, Fault.INFRASTRUCTURE)
