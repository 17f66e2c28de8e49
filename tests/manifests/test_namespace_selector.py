"""An operator of the namespaces with a label: the whole process, with the rights of its component and no more."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

from dagy_builder.storage.store import ObjectStore
from tests.manifests.conftest import Account, Json
from tests.manifests.test_watch_namespaces import PACKAGE, running, until
from tests.rights import MANIFESTS

pytestmark = pytest.mark.apiserver

LABEL = "dagy.io/shard"
RIGHTS = MANIFESTS.parent / "components/namespace-selector/rbac.yaml"


def test_a_namespace_is_served_from_when_it_has_the_label_until_it_has_not(
    admin: Account, objects: ObjectStore, tmp_path: Path
) -> None:
    said = admin("apply", "--server-side", "-f", str(RIGHTS))
    assert not said.startswith("refused"), said
    mine = uuid.uuid4().hex[:8]
    first, second, third = (f"selected-{mine}-{number}" for number in range(3))
    for namespace in (first, second, third):
        admin("create", "namespace", namespace)
        admin("create", f"--namespace={namespace}", "-f", "-", stdin=PACKAGE)
    admin("label", "namespace", first, f"{LABEL}={mine}")

    def is_served(namespace: str, name: str = "p") -> bool:
        found: Json = json.loads(admin("get", "dp", name, f"--namespace={namespace}", "-o", "json"))
        return "phase" in found.get("status", {})

    with running(admin, tmp_path, {"DAGY_WATCH_NAMESPACE_SELECTOR": f"{LABEL}={mine}"}):
        until(lambda: is_served(first), tmp_path)
        assert not is_served(second)
        admin("label", "namespace", second, f"{LABEL}={mine}")
        until(lambda: is_served(second), tmp_path)
        admin("label", "namespace", first, f"{LABEL}-")
        admin("label", "namespace", third, f"{LABEL}={mine}")
        until(lambda: is_served(third), tmp_path)  # it hears of the one after the other
        for namespace in (first, second):
            admin("create", f"--namespace={namespace}", "-f", "-", stdin={**PACKAGE, "metadata": {"name": "later"}})
        until(lambda: is_served(second, "later"), tmp_path)
        assert not is_served(first, "later")
    admin("delete", "jobs", "--all", "--namespace=dagy-builds")  # which other tests count
    log = (tmp_path / "operator.log").read_text()
    assert "forbidden" not in log.lower(), log[-3000:]
