"""What REST requests make of packages: names, lists, patches, cursors, filters, ETags."""

from __future__ import annotations

import base64
import json
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy.core.common.keys import FlowHome, Location, upload_in
from dagy.core.outcomes import logs
from dagy.core.rest import view as rest_view
from dagy.core.rest.edit import Cursor, Filter, deduplicated, merge_patch, name_from
from dagy.core.rest.view import is_behind
from dagy.model.rest.packages import NAME_PATTERN
from dagy.model.status import DepPackageStatus, JobKind
from tests.fakes.built import artifact

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("display", "name"),
    [
        ("ML Pipeline Deps", "ml-pipeline-deps"),
        ("  Größe & Maß!  ", "groe-ma"),
        ("déjà-vu_2.0", "deja-vu-2-0"),
        ("データ", None),
        ("", None),
        (None, None),
        ("x" * 100, "x" * 63),
    ],
)
def test_names_are_made_from_names_for_people(display: str | None, name: str | None) -> None:
    assert name_from(display) == name


@given(st.text(max_size=200))
def test_every_name_that_is_made_is_one_that_kubernetes_takes(display: str) -> None:
    name = name_from(display)
    assert name is None or (re.fullmatch(NAME_PATTERN, name) and len(name) <= 63)


def test_of_one_name_the_last_is_stored_and_nothing_else_is_lost() -> None:
    given_list = ["A==1", "b", "a>=2", "!!", "c; python_version<'3.11'", "C>2; python_version>='3.11'", "A[x]==3"]
    assert deduplicated(given_list) == ["b", "!!", *given_list[4:]]


@given(st.lists(st.sampled_from(["a", "A==1", "a_b", "A.B>2", "!", "c[x]"]), max_size=8))
def test_storing_twice_stores_the_same(dependencies: list[str]) -> None:
    once = deduplicated(dependencies)
    assert deduplicated(once) == once
    assert set(once) <= set(dependencies)


# RFC 7396, appendix A.
@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patches_are_those_of_the_rfc(target: Any, patch: Any, result: Any) -> None:
    assert merge_patch(target, patch) == result


@given(JSON, JSON)
def test_patching_twice_is_patching_once(target: Any, patch: Any) -> None:
    once = merge_patch(target, patch)
    assert merge_patch(once, patch) == once


@given(st.text(max_size=50), st.integers(0, 10_000))
def test_cursors_come_back(token: str, skip: int) -> None:
    text = Cursor(token, skip).encode()
    assert re.fullmatch("[A-Za-z0-9_-]+", text)
    assert Cursor.decode(text) == Cursor(token, skip)


@given(st.text(max_size=60))
def test_no_cursor_is_anything_but_a_cursor_or_an_error(text: str) -> None:
    try:
        Cursor.decode(text)
    except ValueError:
        return


def test_a_cursor_that_is_nested_too_deeply_is_none() -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        Cursor.decode(base64.urlsafe_b64encode(b"[" * 100_000).decode())


def package(**status: Any) -> dict[str, Any]:
    metadata = {
        "name": "ml",
        "namespace": "n",
        "uid": "u",
        "generation": 2,
        "creationTimestamp": "2026-11-21T12:00:00Z",
    }
    spec = {"pythonVersion": "3.12", "dependencies": ["pandas>=2"], "displayName": "Größe"}
    return {"kind": "DepPackage", "metadata": metadata, "spec": spec, "status": status}


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        (Filter(), True),
        (Filter("PANDAS"), True),
        (Filter("ml grösse"), True),
        (Filter("ml numpy"), False),
        (Filter(phase="PENDING"), True),
        (Filter(phase="COMPLETED"), False),
        (Filter(python_version="3.11"), False),
    ],
)
def test_filters(wanted: Filter, shown: bool) -> None:
    assert wanted.shows(package()) is shown


def test_settled_waits_for_the_present_spec_and_every_request() -> None:
    done = {"observedGeneration": 2, "conditions": [
        {"type": "Settled", "status": "True", "reason": "Failed", "lastTransitionTime": "2026-11-21T12:00:00Z"}]}  # fmt: skip
    assert rest_view.package_response(package(**done)).settled
    assert not rest_view.package_response(package(**done | {"observedGeneration": 1})).settled
    asked = package(**done)
    asked["metadata"]["annotations"] = {"dagy.io/build": "t"}
    assert not rest_view.package_response(asked).settled
    asked["status"]["lastHandledBuild"] = "t"
    assert rest_view.package_response(asked).settled


def test_the_etag_is_that_of_what_users_decide() -> None:
    before, after = package(), package(phase="COMPLETED")
    assert rest_view.etag(before) == rest_view.etag(after) == '"u-2"'
    after["metadata"]["generation"] = 3
    assert rest_view.etag(before) != rest_view.etag(after)
    for header, passes in (
        (None, True),
        ('"u-2"', True),
        ('"x", "u-2"', True),
        ("*", True),
        ('"u-1"', False),
        ('W/"u-2"', False),
    ):
        assert rest_view.matches(header, before) is passes
    assert not rest_view.matches("*", None)


def test_only_keys_of_uploads_are_understood() -> None:
    sha256 = "0" * 64
    for prefix in ("", "a/b"):
        location = Location("b", prefix)
        upload = FlowHome(location, "ns").upload("etl", sha256)
        key = upload.key.text
        assert upload_in(location, key) == upload
        for other in (f"x/{key}", key.replace("flows", "FLOWS"), key[:-1], key.replace("ns/", "../"), f"{key}/x", ""):
            assert upload_in(location, other) is None, other


@given(st.lists(st.integers(0, 40), max_size=6))
def test_however_a_log_is_cut_the_result_is_never_shown(cuts: list[int]) -> None:
    text = b"one\ndagy-result: {}\ntwo\ndagy-result: {"
    held, shown = logs.LineFilter(), b""
    edges = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    for begin, end in pairwise(edges):
        held, some = held.feed(text[begin:end])
        shown += some
    assert shown + held.end() == b"one\ntwo\n"


def test_the_log_of_the_running_build_comes_before_that_of_the_artifact() -> None:
    status = DepPackageStatus.model_validate(json.loads('{"build": {"logUri": "s3://b/new"}, "validation": null}'))
    assert logs.kept_log(status, JobKind.BUILD) == "s3://b/new"
    assert logs.kept_log(status, JobKind.VALIDATE) is None


def test_warnings_of_an_artifact_are_those_of_the_list_it_was_built_of() -> None:
    def told(lock_hash: str) -> list[str]:
        status = {
            "lockHash": lock_hash, "validation": {"specHash": "s", "time": "2026-11-21T12:00:00Z", "warnings": ["withdrawn"]},
            "artifact": {**artifact("a" * 64).to_json(), "warnings": ["shadowed"]},
        }  # fmt: skip
        return rest_view.package_response({**package(), "status": status}).warnings

    assert told("a" * 64) == ["withdrawn", "shadowed"]
    assert told("b" * 64) == ["withdrawn"]


def test_what_a_suspended_package_is_asked_for_is_waited_for_by_nobody() -> None:
    conditions = [{"type": "Settled", "status": "True", "reason": "Suspended"}]
    found = {
        "metadata": {"generation": 1, "annotations": {"dagy.io/build": "1"}},
        "status": {"observedGeneration": 1, "conditions": conditions},
    }
    assert not is_behind(found)
    conditions[0]["reason"] = "Saved"
    assert is_behind(found)


def test_the_later_reading_is_the_one_with_the_greater_version() -> None:
    """Not the one that is the greater text; where both are one, the first."""
    early, late = {"metadata": {"resourceVersion": "999"}}, {"metadata": {"resourceVersion": "1000"}}
    assert rest_view.later(early, late) is late
    assert rest_view.later(late, early) is late
    assert rest_view.later(early, dict(early)) is early
