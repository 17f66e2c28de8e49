"""Each way in which a log can be missing has a sentence of its own."""

from __future__ import annotations

from typing import Any

import pytest

from dagy.core.outcomes.facts import JobKind
from dagy.core.rest.no_log import why_none
from dagy.model.status import DepPackageStatus


def failed(number: int, job: str = "build", log: str | None = None) -> dict[str, Any]:
    return {
        "job": job, "number": number, "job_name": f"j{number}", "reason": "R", "message": "m", "log_uri": log,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("build", "attempt", "words"),
    [
        (None, None, "It has not run for the present list."),
        ({"log_uri": "s3://b/l"}, None, "is there no more"),
        ({"attempts": [failed(3, log="s3://b/l")]}, 3, "is there no more"),
        ({"attempts": [failed(3)]}, 3, "The pod was gone before its log could be read."),
        ({"attempts": [failed(3)]}, 2, "The logs of the last 10 attempts that failed are kept"),
        ({"attempts": [failed(3)]}, 9, "There was no such attempt"),
        ({"attempts": [failed(3, job="validate", log="s3://b/l")]}, 3, "There was no such attempt"),
        ({"reused_from": {"namespace": "n", "name": "p", "slug": "ABCDEFGH"}}, None, "a copy of that of n/p"),
    ],
)
def test_a_missing_log_is_explained(build: dict[str, Any] | None, attempt: int | None, words: str) -> None:
    status = DepPackageStatus.model_validate({"build": build})
    assert words in why_none(status, JobKind.BUILD, attempt)
