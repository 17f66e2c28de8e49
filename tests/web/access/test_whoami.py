"""/whoami and /namespaces: who the caller is, what it may do, and nothing of what others have."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dagy.adapters.settings.api import ApiSettings
from dagy.core.rest.rights import VERBS
from dagy.model.rest.whoami import NamespaceList, WhoAmI
from tests.fakes.api import Api, in_process, unique

pytestmark = pytest.mark.apiserver


def whoami(api: Api, user: str, namespace: str | None = None) -> WhoAmI:
    with api.client(user) as client:
        answer = client.get("/whoami", params={"namespace": namespace} if namespace else {})
    assert answer.status_code == 200, answer.text
    return WhoAmI.model_validate(answer.json())


def namespaces(api: Api, user: str) -> tuple[list[str], bool]:
    with api.client(user) as client:
        answer = client.get("/namespaces")
    assert answer.status_code == 200, answer.text
    found = NamespaceList.model_validate(answer.json())
    return [one.name for one in found.items], found.complete


def test_who_asks_is_told_who_it_is_and_what_it_may_do(api: Api) -> None:
    alice = whoami(api, "alice", "team-a")
    assert alice.username == "system:serviceaccount:default:alice"
    assert "system:authenticated" in alice.groups
    assert alice.expires_at
    assert datetime.fromisoformat(alice.expires_at) > datetime.now(UTC)
    assert alice.rights
    assert alice.rights.dep_packages == list(VERBS)
    assert "create" in alice.rights.deployments
    vera = whoami(api, "vera", "team-a")
    assert vera.rights
    assert vera.rights.dep_packages == vera.rights.deployments == ["get", "list", "watch"]
    elsewhere = whoami(api, "alice", "team-b")
    assert elsewhere.rights
    assert elsewhere.rights.dep_packages == elsewhere.rights.deployments == []
    assert whoami(api, "nobody").rights is None


def test_the_server_says_what_it_can(api: Api) -> None:
    server = whoami(api, "vera").server
    assert (server.storage, server.local, server.context) == (True, False, None)
    assert server.python_versions == ["3.10", "3.11", "3.12", "3.13"]
    assert (server.limits.dependencies, server.limits.requirement, server.limits.description) == (200, 512, 2000)


def test_nobody_is_refused(api: Api) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        with api.client(None, **headers) as client:
            for path in ("/whoami", "/namespaces"):
                assert client.get(path).status_code == 401


def test_the_namespaces_whose_packages_one_may_list_are_told_and_no_others(api: Api) -> None:
    hidden = unique("hidden")
    api.users.kubectl("create", "namespace", hidden)
    assert namespaces(api, "alice") == (["team-a"], True)
    assert namespaces(api, "bob") == (["team-b"], True)
    assert namespaces(api, "nobody") == ([], True)
    everybody = unique("all")
    api.users.create(everybody)
    api.users.kubectl(
        "create", "clusterrolebinding", everybody, "--clusterrole=dagy-view", f"--serviceaccount=default:{everybody}"
    )
    found, complete = namespaces(api, everybody)
    assert {"team-a", "team-b", hidden} <= set(found)
    assert found == sorted(found)
    assert complete


def test_the_caller_s_token_alone_decides_what_is_kept(api: Api) -> None:
    for _ in range(2):
        assert namespaces(api, "alice")[0] == ["team-a"]
        assert namespaces(api, "bob")[0] == ["team-b"]
        assert whoami(api, "bob").username.endswith(":bob")
        assert whoami(api, "alice").username.endswith(":alice")


def test_in_process_it_is_the_kubeconfig_s_user(kubeconfig: str) -> None:
    with in_process(kubeconfig, ApiSettings()) as client:
        me = WhoAmI.model_validate(client.get("/whoami", params={"namespace": "team-a"}).raise_for_status().json())
        there = client.get("/namespaces").raise_for_status().json()
    assert me.server.local
    assert me.server.context
    assert not me.server.storage
    assert me.expires_at is None
    assert me.rights
    assert me.rights.dep_packages == list(VERBS)
    assert {"team-a", "team-b"} <= {one["name"] for one in there["items"]}
    assert there["complete"]
