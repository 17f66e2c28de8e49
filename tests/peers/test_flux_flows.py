"""Flow deployments by the real Flux, with the packages that they need: ready, failed, and no drift."""

from __future__ import annotations

from typing import Any

import pytest

from dagy.core.common.slug import new_slug
from dagy_builder.storage.store import ObjectStore
from tests.fakes.busy_operator import UNKNOWN
from tests.fakes.controller import NAMESPACE
from tests.fakes.flow_controller import true_conditions, uploaded
from tests.peers.flux import PREFIX, Repository, until

pytestmark = [pytest.mark.peers, pytest.mark.long_build]
Json = dict[str, Any]


class Flow:
    """A flow and its package, as Git has both: Git chooses the slug, so that both can be in one commit."""

    def __init__(self, repository: Repository, objects: ObjectStore) -> None:
        self.name, self.slug = repository.name, new_slug()
        self._artifact = uploaded(objects, f"{PREFIX}/{NAMESPACE}/flows/{self.name}")

    def package(self, *dependencies: str, **spec: Any) -> Json:
        listed = list(dependencies) or ["idna"]
        spec = {"pythonVersion": "3.12", "dependencies": listed, "slug": self.slug, **spec}
        return {"metadata": {"name": self.name}, "spec": spec}

    def deployment(self, *slugs: str, **spec: Any) -> Json:
        listed = list(slugs) or [self.slug]
        spec = {
            "flowName": "etl",
            "flowVersion": "1",
            "artifact": self._artifact,
            "depPackageSlugs": listed,
            **spec,
        }
        return {"kind": "FlowDeployment", "metadata": {"name": self.name}, "spec": spec}


@pytest.fixture
def flow(repository: Repository, objects: ObjectStore) -> Flow:
    return Flow(repository, objects)


def test_a_flow_is_ready_with_its_package_and_does_not_drift(repository: Repository, flow: Flow) -> None:
    repository.commit(flow.deployment(schedule="0 6 * * *"), flow.package())
    status, _, message = repository.ends()
    assert status == "True", message
    before = repository.at_rest(lambda: repository.flow(flow.name))
    assert {"Ready", "Settled"} <= true_conditions(before)
    assert before["metadata"]["finalizers"]
    for _ in range(2):
        repository.again()
    assert repository.flow(flow.name) == before, "resourceVersion and managers included"
    # A schedule that stands still needs nothing more, either.
    repository.commit(flow.deployment(schedule="0 6 * * *", suspend=True), flow.package())
    status, _, message = repository.ends()
    assert status == "True", message
    assert repository.flow(flow.name)["spec"]["suspend"]


def test_a_commit_that_changes_flow_and_package_deploys_the_new_artifact(repository: Repository, flow: Flow) -> None:
    repository.commit(flow.deployment(), flow.package())
    assert repository.ends()[0] == "True"
    before = repository.package(flow.name)["status"]["artifact"]["uri"]
    repository.commit(flow.deployment(flowVersion="2"), flow.package("six"))
    status, _, message = repository.ends()
    assert status == "True", message
    [pinned] = repository.flow(flow.name)["status"]["packages"]
    assert pinned["uri"] == repository.package(flow.name)["status"]["artifact"]["uri"] != before


def test_a_flow_that_is_refused_fails_at_once_and_recovers(repository: Repository, flow: Flow) -> None:
    repository.commit(flow.package(), flow.deployment("ZZZZZZZZ"))
    _, reason, message = repository.ends()
    assert reason == "HealthCheckFailed"
    assert f"FlowDeployment/team-a/{flow.name} status: 'Failed'" in message
    assert "ZZZZZZZZ" in repository.flow(flow.name)["status"]["message"]
    repository.commit(flow.package(), flow.deployment())
    assert repository.ends()[0] == "True"


def test_a_flow_whose_package_is_invalid_fails(repository: Repository, flow: Flow) -> None:
    repository.commit(flow.package(UNKNOWN), flow.deployment())
    _, reason, message = repository.ends()
    assert reason == "HealthCheckFailed"
    assert f"DepPackage/team-a/{flow.name} status: 'Failed'" in message
    repository.commit(flow.package("six"), flow.deployment())
    # Flux looks at once, and may see what the flow said of the package as it was. Its next try succeeds.
    repository.ends()
    repository.at_rest(lambda: repository.flow(flow.name))
    repository.again()


def test_flow_and_package_are_pruned_in_one_commit(repository: Repository, flow: Flow) -> None:
    repository.commit(flow.package(), flow.deployment())
    assert repository.ends()[0] == "True"
    repository.commit()
    until("both are gone", lambda: not repository.flow(flow.name) and not repository.package(flow.name))
    assert repository.ends()[0] == "True"
