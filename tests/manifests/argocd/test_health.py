"""Argo CD's health of both kinds: the scripts in Lua 5.1, the language of Argo CD's interpreter, on what the core says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from lupa.lua51 import LuaRuntime

from tests.manifests.argocd.cases import CASES, NOT_SEEN
from tests.manifests.argocd.upstream import FOLDER, SCRIPTS, files, message_of, script

ALL = [(kind, *case) for kind, cases in CASES.items() for case in cases]


def health(kind: str, obj: dict[str, Any]) -> dict[str, str]:
    """What a script says of an object. Argo CD gives scripts `obj` and the base library, and no other."""
    lua = LuaRuntime(unpack_returned_tuples=True, register_eval=False)
    for library in ("os", "io", "package", "require", "python", "debug"):
        lua.globals()[library] = None
    lua.globals().obj = lua.table_from(obj, recursive=True)
    return dict(lua.execute(script(kind)))


@pytest.mark.parametrize(("kind", "name", "status", "obj"), ALL, ids=[f"{kind}-{name}" for kind, name, *_ in ALL])
def test_a_state_has_the_health_that_it_should_and_our_sentence(
    kind: str, name: str, status: str, obj: dict[str, Any]
) -> None:
    assert health(kind, obj) == {"status": status, "message": message_of(obj)}


def test_the_cases_tell_all_that_argo_cd_tells_apart() -> None:
    for cases in CASES.values():
        assert {status for _, status, _ in cases} == {"Healthy", "Progressing", "Degraded", "Suspended"}


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize("status", [None, {}, {"conditions": []}, {"conditions": [{"type": "Ready"}]}])
def test_a_status_that_says_nothing_is_waited_for(kind: str, status: Any) -> None:
    obj = {"metadata": {"generation": 1}, "spec": {}, **({} if status is None else {"status": status})}
    assert health(kind, obj) == {"status": "Progressing", "message": NOT_SEEN}


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(FOLDER)))
def test_what_stands_beside_the_scripts_is_up_to_date(path: Path) -> None:
    assert path.read_text() == files()[path], "run python -m tests.manifests.argocd.upstream"


def test_nothing_else_lies_there() -> None:
    assert set(SCRIPTS.rglob("*.yaml")) <= set(files())


def test_the_config_map_has_the_scripts_under_the_names_that_argo_cd_looks_for() -> None:
    data = yaml.safe_load((FOLDER / "argocd-cm.yaml").read_text())["data"]
    assert data == {f"resource.customizations.health.dagy.io_{kind}": script(kind) for kind in CASES}
