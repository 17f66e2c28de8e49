"""Packages by the real Flux: what is ready, what fails, that nothing drifts, and what becomes of what Git has no more.

Real are API server, S3, source-controller, kustomize-controller and the reconciler; pods are played.
"""

from __future__ import annotations

from typing import Any

import pytest

from dagy_builder.storage.store import ObjectStore
from tests.fakes.busy_operator import SENTENCE, UNKNOWN
from tests.peers.flux import Repository, until

pytestmark = [pytest.mark.peers, pytest.mark.long_build]
Json = dict[str, Any]


def package(repository: Repository, *dependencies: str, suffix: str = "", **spec: Any) -> Json:
    listed = list(dependencies) or ["idna"]
    metadata = {"name": f"{repository.name}{suffix}"}
    return {"metadata": metadata, "spec": {"pythonVersion": "3.12", "dependencies": listed, **spec}}


def test_it_is_ready_when_packages_are_completed(repository: Repository) -> None:
    repository.commit(package(repository), package(repository, suffix="-b"))
    status, reason, message = repository.ends()
    assert (status, reason) == ("True", "ReconciliationSucceeded"), message
    for suffix in ("", "-b"):
        assert repository.package(repository.name + suffix)["status"]["phase"] == "COMPLETED"


def test_it_fails_at_once_when_one_is_invalid_and_recovers(repository: Repository) -> None:
    repository.commit(package(repository), package(repository, UNKNOWN, suffix="-bad"))
    status, reason, message = repository.ends()
    assert (status, reason) == ("False", "HealthCheckFailed")
    assert "failed early due to stalled resources" in message
    assert f"DepPackage/team-a/{repository.name}-bad status: 'Failed'" in message
    assert SENTENCE not in message, "docs/gitops.md says where to read it instead"
    assert SENTENCE in repository.package(f"{repository.name}-bad")["status"]["message"]
    # A changed spec needs no `force`.
    repository.commit(package(repository), package(repository, "six", suffix="-bad"))
    assert repository.ends()[0] == "True"
    repository.commit(package(repository, UNKNOWN), package(repository, "six", suffix="-bad"))
    assert repository.ends()[1] == "HealthCheckFailed", "never a success of before"


def test_what_is_only_saved_or_suspended_holds_nothing_up(repository: Repository) -> None:
    repository.commit(
        package(repository, buildPolicy="Manual"),
        package(repository, suffix="-suspended", suspend=True),
    )
    status, _, message = repository.ends()
    assert status == "True", message
    phases = {repository.package(repository.name + suffix)["status"]["phase"] for suffix in ("", "-suspended")}
    assert "COMPLETED" not in phases


def test_nothing_drifts(repository: Repository) -> None:
    repository.commit(package(repository))
    assert repository.ends()[0] == "True"
    before = repository.at_rest(lambda: repository.package(repository.name))
    assert before["metadata"]["labels"]["dagy.io/slug"]
    assert before["metadata"]["finalizers"] == ["dagy.io/artifacts"]
    for _ in range(2):
        repository.again()
    assert repository.package(repository.name)["metadata"] == before["metadata"], (
        "resourceVersion and managers included"
    )
    # What somebody asks for by annotation stays, too.
    path = f"/apis/dagy.io/v1/namespaces/team-a/deppackages/{repository.name}"
    repository.admin.merge(path, {"metadata": {"annotations": {"dagy.io/refresh": "1"}}})
    repository.again()
    after = repository.package(repository.name)
    assert after["metadata"]["annotations"]["dagy.io/refresh"] == "1"
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    # What is changed by hand in a field that Git names does not.
    repository.admin.merge(path, {"spec": {"dependencies": ["six"]}})
    repository.again()
    assert repository.package(repository.name)["spec"]["dependencies"] == ["idna"]


def test_what_is_no_longer_there_is_pruned(repository: Repository, objects: ObjectStore) -> None:
    repository.commit(package(repository), package(repository, suffix="-kept"))
    assert repository.ends()[0] == "True"
    uri = repository.package(repository.name)["status"]["artifact"]["uri"]
    key = uri.removeprefix(f"s3://{objects.bucket}/")
    assert objects.head(key)
    repository.commit(package(repository, suffix="-kept"))
    until("it is gone", lambda: not repository.package(repository.name))
    assert repository.ends()[0] == "True"
    assert objects.head(key) is None
    assert repository.package(f"{repository.name}-kept")["status"]["phase"] == "COMPLETED"


def test_a_renamed_one_is_a_new_one_with_a_slug_of_its_own(repository: Repository) -> None:
    repository.commit(package(repository))
    assert repository.ends()[0] == "True"
    slug = repository.package(repository.name)["status"]["slug"]
    repository.commit(package(repository, suffix="-renamed"))
    assert repository.ends()[0] == "True"
    until("the old one is gone", lambda: not repository.package(repository.name))
    renamed = repository.package(f"{repository.name}-renamed")["status"]
    assert renamed["phase"] == "COMPLETED"
    assert renamed["slug"] != slug
    repository.commit(package(repository))
    assert repository.ends()[0] == "True"
    assert repository.package(repository.name)["status"]["slug"] == slug, "the old name gets its old slug back"
