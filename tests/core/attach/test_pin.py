"""The rules of attaching: a table of refusals with their sentences, and properties that hold for any packages."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy.core.attach.pin import Attachment, AttachReason, AttachRequest, Contents, Refusal, ResolvedPackage
from dagy.core.attach.request import image_fact
from dagy.model.status import Phase
from tests.fakes.attachable import ML, NLP, OLD, ONE, TWO, A, B, artifact, candidate, planned, request
from tests.fakes.homes import home

EMPTY = {ONE: Contents({}, {}), TWO: Contents({}, {})}
ALPINE = image_fact("main", "python:3.12-alpine")

REFUSED: list[tuple[AttachReason, AttachRequest, list[ResolvedPackage], dict[str, Contents], str]] = [
    (
        AttachReason.UNKNOWN_SLUG, request(A, B), [NLP], EMPTY,
        f"No package that namespace team-a may use has the slug {A}. Check it with `kubectl get deppackages -A`; one of another "
        "namespace can be used when both sides agree: annotation dagy.io/packages-from of the pod or its namespace "
        "(spec.packagesFrom of a FlowDeployment) names that namespace, and the service account team-a/default may get the "
        "package.",
    ),
    (AttachReason.UNKNOWN_SLUG, request(A, B), [], EMPTY, f"has the slugs {A}, {B}."),
    (
        AttachReason.NOT_COMPLETED, request(A), [candidate(phase=Phase.INVALID, message="pandas==99 does not exist. Ask for 2.3.")], EMPTY,
        f"Package team-a/ml ({A}) is INVALID, not COMPLETED, so there is nothing to attach: pandas==99 does not exist. Ask for 2.3. "
        "Once it is ready, try again: `kubectl -n team-a wait --for=condition=Ready deppackage/ml`.",
    ),
    (AttachReason.NOT_COMPLETED, request(A), [candidate(A, "new", phase=None)], EMPTY, "team-a/new (A1B2C3D4) is PENDING"),
    (
        AttachReason.ARTIFACT_GONE, request(f"{A}@{OLD}"), [ML], EMPTY,
        f"Package team-a/ml ({A}) no longer keeps the artifact {OLD}; its present one is {ONE}. Deploy again to use the present "
        "one, or raise spec.revisionHistoryLimit to keep earlier ones for longer.",
    ),
    (
        AttachReason.PYTHON_MISMATCH, request(A, images=(image_fact("main", "docker.io/library/python:3.11.4-slim"),)), [ML], EMPTY,
        f"Package team-a/ml ({A}) is for Python 3.12, but image docker.io/library/python:3.11.4-slim of container main has Python "
        "3.11. Build the package for 3.11, or use an image with Python 3.12 (annotation dagy.io/python-version says what an "
        "image has).",
    ),
    (
        AttachReason.PYTHON_MISMATCH, request(A, B), [ML, candidate(B, "nlp", artifact(TWO, "3.13"))], EMPTY,
        f"Package team-a/ml ({A}) is for Python 3.12 and team-a/nlp ({B}) for Python 3.13; a pod has one Python. Build both for "
        "the same one.",
    ),
    (
        AttachReason.ARCHITECTURE_MISMATCH, request(A, architecture="arm64"), [ML], EMPTY,
        f"Package team-a/ml ({A}) is for amd64, but the pod asks for nodes with arm64. Build the package with "
        "spec.platform.architecture arm64, or select amd64 nodes.",
    ),
    (AttachReason.ARCHITECTURE_MISMATCH, request(A, B), [ML, candidate(B, "nlp", artifact(TWO, architecture="arm64"))], EMPTY, "is for arm64"),
    (AttachReason.IMAGE_INCOMPATIBLE, request(A, images=(ALPINE,)), [ML], EMPTY, "python:3.12-alpine (Alpine, musl) can't load"),
    (
        AttachReason.VERSION_CONFLICT, request(A, B), [ML, NLP], {ONE: Contents({"idna": "3.6"}, {}), TWO: Contents({"idna": "3.7"}, {})},
        f"Package team-a/ml ({A}) brings idna 3.6 and team-a/nlp ({B}) brings idna 3.7; only one can be imported. Make lists "
        "that agree with `dagy requirements split`, or put all that is asked for into one package.",
    ),
    (
        AttachReason.FILE_CONFLICT, request(A, B), [ML, NLP],
        {ONE: Contents({"jwt": "1"}, {"jwt/a.py": "a", "jwt/b.py": "b", "c": "c"}), TWO: Contents({"pyjwt": "2"}, {"jwt/a.py": "x", "jwt/b.py": "y", "c": "c"})},
        f"Packages team-a/ml ({A}) and team-a/nlp ({B}) both bring the file jwt/a.py (and 1 more), with different content; only one "
        "can be imported. Leave one of the distributions that bring it out.",
    ),
    (
        AttachReason.CONTENTS_UNKNOWN, request(A, B), [ML, NLP], {ONE: Contents({}, {})},
        f"What package team-a/nlp ({B}) contains is not recorded, so it can't be compared with the others. Build it again: "
        '`kubectl -n team-a annotate deppackage nlp dagy.io/build="$(date +%s)" --overwrite`.',
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "asked", "known", "contents", "sentence"), REFUSED, ids=[f"{r[0]}-{i}" for i, r in enumerate(REFUSED)]
)
def test_refused(
    reason: AttachReason,
    asked: AttachRequest,
    known: list[ResolvedPackage],
    contents: dict[str, Contents],
    sentence: str,
) -> None:
    found = planned(asked, {c.slug: c for c in known}, contents)
    assert isinstance(found, Refusal)
    assert found.reason == reason
    assert sentence in found.message


def test_at_most_twenty() -> None:
    slugs = [f"PACKAG{i:02d}" for i in range(21)]
    known = {slug: candidate(slug, slug.lower(), artifact(f"{i:064x}")) for i, slug in enumerate(slugs)}
    contents = {c.status.artifact.sha256: Contents({}, {}) for c in known.values() if c.status.artifact}
    assert isinstance(planned(request(*slugs[:20]), known, contents), Attachment)
    refused = planned(request(*slugs), known, contents)
    assert isinstance(refused, Refusal)
    assert refused.message == (
        "21 packages are asked for, and a pod takes at most 20. Put their dependencies into fewer packages."
    )


def test_one_package_needs_no_list_of_what_is_in_it() -> None:
    found = planned(request(A), {A: ML}, {})
    assert isinstance(found, Attachment)
    assert [p.pin for p in found.packages] == [f"{A}@{ONE}"]
    assert not found.warnings


def test_the_same_distribution_and_the_same_file_are_fine() -> None:
    same = Contents({"idna": "3.7"}, {"idna/__init__.py": "a"})
    found = planned(request(B, A), {A: ML, B: NLP}, {ONE: same, TWO: same})
    assert isinstance(found, Attachment)
    assert [p.slug for p in found.packages] == [B, A], "the order of the annotation is the precedence"


def test_the_last_good_artifact_is_used_while_a_package_is_built_anew() -> None:
    building = candidate(A, "ml", artifact(ONE), Phase.INSTALLING)
    found = planned(request(A), {A: building}, {})
    assert isinstance(found, Attachment)
    assert found.warnings == (
        f"Package team-a/ml ({A}) is INSTALLING; its last good artifact, of 2026-11-21T12:00:00Z, is attached.",
    )
    deployed = planned(request(A), {A: building}, {}, only_current=True)
    assert isinstance(deployed, Refusal)
    assert deployed.reason == AttachReason.NOT_COMPLETED
    pinned = planned(request(f"{A}@{ONE}"), {A: building}, {}, only_current=True)
    assert isinstance(pinned, Attachment), "what is pinned doesn't change with the package"
    assert not pinned.warnings


@pytest.mark.parametrize("phase", [Phase.COMPLETED, Phase.INVALID, Phase.VALID])
def test_what_a_status_says_of_an_earlier_spec_counts_for_nothing_that_is_deployed_now(phase: Phase) -> None:
    changed = replace(candidate(A, "ml", artifact(ONE), phase), changed=True)
    deployed = planned(request(A), {A: changed}, {}, only_current=True)
    assert isinstance(deployed, Refusal)
    assert (deployed.reason, deployed.waiting) == (AttachReason.NOT_COMPLETED, True)
    assert deployed.message == (
        f"Package team-a/ml ({A}) was changed, and the operator has not looked at it since. Once it is ready, try again: "
        "`kubectl -n team-a wait --for=condition=Ready deppackage/ml`."
    )
    for pod in (
        planned(request(A), {A: changed}, {}),
        planned(request(f"{A}@{ONE}"), {A: changed}, {}, only_current=True),
    ):
        assert isinstance(pod, Attachment), "pods, and what is pinned, have their artifact"


@pytest.mark.parametrize(("observed", "changed"), [(2, True), (3, False), (None, True)])
def test_a_package_was_changed_when_its_status_is_of_another_generation(observed: int | None, changed: bool) -> None:
    status = {} if observed is None else {"observedGeneration": observed}
    found = ResolvedPackage.from_object(home(A), {"metadata": {"generation": 3}, "status": status})
    assert found.changed is changed


def test_a_pinned_artifact_may_be_an_earlier_one() -> None:
    rebuilt = candidate(A, "ml", artifact(ONE), history=[artifact(OLD)])
    found = planned(request(f"{A}@{OLD}"), {A: rebuilt}, {})
    assert isinstance(found, Attachment)
    assert found.packages[0].artifact.sha256 == OLD


def test_pure_python_runs_anywhere() -> None:
    pure = candidate(A, "ml", artifact(ONE, native=False))
    found = planned(request(A, images=(ALPINE,), architecture="arm64"), {A: pure}, {})
    assert isinstance(found, Attachment)
    assert found.architecture is None
    native = planned(request(A), {A: ML}, {})
    assert isinstance(native, Attachment)
    assert native.architecture == "amd64"


SMALL = st.dictionaries(st.sampled_from("abcd"), st.sampled_from("12"), max_size=4)


@given(st.lists(st.tuples(SMALL, SMALL), min_size=2, max_size=5))
def test_conflicts_are_found_in_any_order_and_only_real_ones(
    contents: list[tuple[dict[str, str], dict[str, str]]],
) -> None:
    slugs = [f"PACKAG{i:02d}" for i in range(len(contents))]
    known = {slug: candidate(slug, slug.lower(), artifact(f"{i:064x}")) for i, slug in enumerate(slugs)}
    inside = {f"{i:064x}": Contents(versions, files) for i, (versions, files) in enumerate(contents)}
    agree = all(
        len({part[key] for part in parts if key in part}) < 2
        for parts in ([v for v, _ in contents], [f for _, f in contents])
        for key in "abcd"
    )
    for order in (slugs, slugs[::-1]):
        assert isinstance(planned(request(*order), known, inside), Attachment) == agree
