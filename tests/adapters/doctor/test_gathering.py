"""Gathering on a real API server that has our CRDs and rights, but neither nodes nor webhook: what is not there is said."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from dagy.adapters.doctor.gathering import gather_facts
from dagy.adapters.kube.api import namespaced
from dagy.core.doctor.facts import Facts, Registry, Unknown
from dagy.core.doctor.finding import Check, Verdict
from dagy.core.doctor.judgements import judge
from dagy.model.crd import crd_files
from tests.fakes.connections import connect

pytestmark = pytest.mark.apiserver

CRDS: dict[str, Any] = {crd["metadata"]["name"]: crd for crd in crd_files().values()}


@pytest.fixture(scope="module")
def facts(kubeconfig: str) -> Facts:
    async def gather() -> Facts:
        api = await connect(kubeconfig)
        try:
            return await gather_facts(api, list(CRDS), "team-a")
        finally:
            await api.close()

    return asyncio.run(gather())


def verdicts(facts: Facts) -> dict[Check, set[Verdict]]:
    found: dict[Check, set[Verdict]] = {}
    for finding in judge(facts, CRDS, datetime.now(UTC)):
        found.setdefault(finding.check, set()).add(finding.verdict)
    return found


def test_the_crds_of_a_real_api_server_lack_none_of_our_fields(facts: Facts) -> None:
    assert verdicts(facts)[Check.CRDS] == {Verdict.OK}


def test_the_rights_of_the_manifests_are_enough(facts: Facts) -> None:
    assert facts.missing_rights == ()


def test_what_is_not_installed_is_a_problem(facts: Facts) -> None:
    assert verdicts(facts)[Check.CONTROL_PLANE] == {Verdict.PROBLEM}
    assert verdicts(facts)[Check.WEBHOOK] == {Verdict.PROBLEM}
    assert facts.webhook is None


def test_what_only_pods_know_is_unknown_without_pods(facts: Facts) -> None:
    for fact in (facts.storage, facts.clock, facts.walls, facts.index, facts.certificates):
        assert isinstance(fact, Unknown)
        assert fact.why.startswith("No pod of dagy-")


def test_the_registry_of_each_process_is_in_its_config_map(kubeconfig: str) -> None:
    async def told() -> Facts:
        api = await connect(kubeconfig)
        path = namespaced("configmaps", "dagy-system", "dagy-webhook")
        try:
            await api.merge(path, {"data": {"DAGY_OCI_REPOSITORY": "registry.example/dagy"}})
            return await gather_facts(api, list(CRDS), "team-a")
        finally:
            await api.merge(path, {"data": {"DAGY_OCI_REPOSITORY": None}})
            await api.close()

    facts = asyncio.run(told())
    assert facts.registry == Registry(pushed="", mounted="registry.example/dagy")
    assert verdicts(facts)[Check.REGISTRY] == {Verdict.WARNING}
