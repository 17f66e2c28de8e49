"""The small pure rules: keys, targets, redaction, outcomes, limits, contents."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy_builder import keys
from dagy_builder.archive import rules
from dagy_builder.archive.records import fingerprint, rewritten_record
from dagy_builder.contract import BuildRequest, Problem, Reason, Step, StepOutcome
from dagy_builder.failure import StepError, exit_code_of
from dagy_builder.redact import redact
from dagy_builder.sizes import Limits
from dagy_builder.steps.outcome import clipped
from dagy_builder.target import Target


def test_keys() -> None:
    build = BuildRequest("3.12", lock_hash="0123456789abcdef" * 4)
    names = keys.BuildKeys.of("ns/SLUG/", build)
    assert names.record == "ns/SLUG/0123456789abcdef-cp312-manylinux_2_28_x86_64-fast.build.json"
    key = names.artifact("", 1)
    assert re.fullmatch(r"ns/SLUG/0123456789abcdef-cp312-manylinux_2_28_x86_64-[0-9a-f]{16}\.zip", key)
    assert keys.sidecar_key(key, "pylock.toml") == key.replace(".zip", ".pylock.toml")
    assert keys.key_of(keys.uri("b", key)) == key


def test_each_attempt_of_each_build_has_a_zip_of_its_own() -> None:
    builds = [
        (lock * 64, python, compression, token, attempt)
        for lock in "ab"
        for python in ("3.10", "3.12")
        for compression in ("fast", "small")
        for token in ("", "t")
        for attempt in (1, 2)
    ]
    named = [
        keys.BuildKeys.of("p/", BuildRequest(python, lock_hash=lock, compression=compression)).artifact(token, attempt)
        for lock, python, compression, token, attempt in builds
    ]
    assert len(set(named)) == len(builds)
    assert not [
        (one, other) for one in named for other in named if one != other and other.startswith(keys.artifact_prefix(one))
    ]


def test_target_tags_are_the_best_first() -> None:
    tags = [str(tag) for tag in Target("3.12", "arm64", "2.28").supported_tags()]
    assert tags[0] == "cp312-cp312-manylinux_2_28_aarch64"
    for later in ("cp312-cp312-manylinux2014_aarch64", "cp312-abi3-manylinux_2_17_aarch64", "py3-none-any"):
        assert later in tags
    assert not any("x86_64" in tag or "musl" in tag or "2_29" in tag or "cp313" in tag for tag in tags)


@pytest.mark.parametrize(
    "request_",
    [BuildRequest("3.12", architecture="s390x"), BuildRequest("3.12", glibc="2.5"), BuildRequest("3.12; rm")],
)
def test_unknown_targets_are_refused(request_: BuildRequest) -> None:
    with pytest.raises(StepError):
        Target.of(request_)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("https://user:pass@h.example/simple", "https://****@h.example/simple"),
        ("to http://token@h.example:8080/ failed", "to http://****@h.example:8080/ failed"),
        ("https://h.example/f?X-Amz-Signature=abc&a=1", "https://h.example/f?X-Amz-Signature=****&a=1"),
        ("https://h.example/f?access_token=abc", "https://h.example/f?access_token=****"),
        ("\x1b[31mred\x1b[0m \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "red link"),
        ("a\x00b\u202ec\r\nd\te", "abc\nd    e"),
        ("pip@1.0 a@b", "pip@1.0 a@b"),
    ],
)
def test_redact(text: str, clean: str) -> None:
    assert redact(text) == clean


@given(st.text())
def test_redaction_is_stable(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@given(
    st.lists(st.tuples(st.text(max_size=900), st.text(max_size=500)), max_size=60),
    st.text(max_size=5000),
    st.text(max_size=6000),
)
def test_a_clipped_outcome_is_valid_and_fits(problems: list[tuple[str, str]], message: str, raw: str) -> None:
    told = [Problem(message=m, requirement="a", why=w, hint=w).to_json() for m, w in problems]
    outcome = StepOutcome(
        Step.RESOLVE, ok=False, reason=Reason.NO_WHEEL, message=message, problems=told, result={"raw": raw}
    )
    text = clipped(outcome)
    assert len(text.encode()) <= 4096
    read = StepOutcome.from_json(json.loads(text))
    assert (read.step, read.ok, read.reason) == ("resolve", False, "NoWheel")


def test_clipping_keeps_all_it_can() -> None:
    told = [Problem(message=f"problem {n}", requirement=f"r{n}", why="y" * 300).to_json() for n in range(30)]
    read = json.loads(clipped(StepOutcome(Step.RESOLVE, ok=False, message="m", problems=told)))
    assert [p["message"] for p in read["problems"]] == [f"problem {n}" for n in range(30)]


def test_exit_codes() -> None:
    assert exit_code_of(StepOutcome("install", ok=True)) == 0
    assert exit_code_of(StepOutcome("install", ok=False, fault="User")) == 65
    assert exit_code_of(StepOutcome("install", ok=False, fault="Infrastructure")) == 75


def test_limits_come_from_the_environment() -> None:
    assert Limits.of({"DAGY_MAX_FILES": "7"}).files == 7
    assert Limits.of({}) == Limits()
    with pytest.raises(StepError, match="DAGY_MAX_FILE_BYTES"):
        Limits.of({"DAGY_MAX_FILE_BYTES": "-1"})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"#!/opt/python/3.12/bin/python3.12\nimport x\n", b"#!/usr/bin/env python3\nimport x\n"),
        (
            b"#!/bin/sh\n'''exec' '/a b/bin/python3.12' \"$0\" \"$@\"\n' '''\nimport x\n",
            b"#!/usr/bin/env python3\nimport x\n",
        ),
        (b"#!/bin/bash\necho python\n", b"#!/bin/bash\necho python\n"),
        (b"\x7fELF\x02", b"\x7fELF\x02"),
        (b"", b""),
    ],
)
def test_portable_scripts(before: bytes, after: bytes) -> None:
    assert rules.portable_script(before) == after
    assert rules.portable_script(after) == after


def test_record_follows_what_is_left_out() -> None:
    record = b"bin/x,sha256=old,3\na/__pycache__/b.pyc,,\na-1.dist-info/INSTALLER,sha256=q,2\na.py,sha256=z,1\na-1.dist-info/RECORD,,\n"
    new = rewritten_record(record, {"bin/x": fingerprint(b"hello")}, "3.12").decode().splitlines()
    assert new == [
        "bin/x,sha256=LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ,5",
        "a.py,sha256=z,1",
        "a-1.dist-info/RECORD,,",
    ]
    assert rewritten_record(b"\xff\xfe", {}, "3.12") == b"\xff\xfe"


@pytest.mark.parametrize(
    ("path", "out"),
    [
        ("a/__pycache__/b.cpython-312.pyc", True),
        ("a/b.pyc", True),
        (".lock", True),
        ("a/.lock", False),
        ("a-1.dist-info/direct_url.json", True),
        ("a-1.dist-info/METADATA", False),
        ("a/INSTALLER", False),
        ("a.pth", False),
    ],
)
def test_what_is_left_out(path: str, out: bool) -> None:
    assert rules.is_left_out(path, "3.12") is out
