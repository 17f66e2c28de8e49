"""Which Jobs have outlived their packages."""

from __future__ import annotations

from typing import Any

import pytest

from dagy.core.jobs.orphans import OwnedJob, is_orphan, orphans, owned_job
from dagy.model.base import NamespacedName

ML = NamespacedName("team-a", "ml")


def job(package: str = "team-a/ml", uid: str = "u1") -> dict[str, Any]:
    annotations = {"dagy.io/package": package} if package else {}
    return {"name": "j", "uid": "j1", "annotations": annotations, "labels": {"dagy.io/package-uid": uid} if uid else {}}


def owned(metadata: dict[str, Any]) -> OwnedJob:
    found = owned_job(metadata)
    assert found
    return found


@pytest.mark.parametrize(
    ("metadata", "uid", "orphan"),
    [
        (job(), "u1", False),
        (job(), None, True),
        (job(), "u2", True),
        (job(uid=""), "u2", False),
        (job(uid=""), None, True),
    ],
    ids=["its own", "gone", "a namesake's", "without label", "without label, gone"],
)
def test_a_job_is_an_orphan_when_its_package_is_gone(metadata: dict[str, Any], uid: str | None, orphan: bool) -> None:
    assert is_orphan(owned(metadata), uid) is orphan


@pytest.mark.parametrize("package", ["", "team-a", "/ml", "team-a/", "team-a/ml/more", "/"])
def test_a_job_that_names_no_package_is_nobodys(package: str) -> None:
    assert owned_job(job(package)) is None


def test_jobs_of_namespaces_that_another_operator_serves_are_its_own() -> None:
    found = owned(job())
    assert orphans([found], {}, ("team-a",)) == [found]
    assert not orphans([found], {}, ("team-b",))
    assert not orphans([found], {ML: "u1"}, ("team-a",))
