"""What the API server itself refuses, and what it says then."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

pytestmark = pytest.mark.apiserver


def package(name: str = "p", **spec: Any) -> dict[str, Any]:
    spec = {"pythonVersion": "3.12", "dependencies": ["idna"], **spec}
    return {"apiVersion": "dagy.io/v1", "kind": "DepPackage", "metadata": {"name": name}, "spec": spec}


REFUSED = [
    (
        "201 dependencies",
        {"dependencies": ["idna"] * 201},
        "a package holds 1 to 200 dependencies; split a longer list",
    ),
    ("none", {"dependencies": []}, "a package holds 1 to 200 dependencies"),
    ("Python 3.9", {"pythonVersion": "3.9"}, 'supported values: "3.10", "3.11", "3.12", "3.13"'),
    ("Python as a number", {"pythonVersion": 3.1}, "spec.pythonVersion in body must be of type string"),
    (
        "a number among the dependencies",
        {"dependencies": ["idna", 7]},
        "spec.dependencies[1] in body must be of type string",
    ),
    ("a requirement of 513 characters", {"dependencies": ["i" * 513]}, "may not be more than 512"),
    ("credentials in an index URL", {"index": {"url": "https://u:p@host/"}}, "an index URL must not carry credentials"),
    ("a slug that is none", {"slug": "abc"}, "spec.slug"),
    ("a policy that is none", {"deletionPolicy": "Keep"}, 'supported values: "Delete", "Retain"'),
    ("less than no retries", {"build": {"retries": -1}}, "should be greater than or equal to 0"),
    ("an unknown field", {"python": "3.12"}, 'unknown field "spec.python"'),
]


@pytest.mark.parametrize(("spec", "words"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_refused(kubectl: Any, spec: dict[str, Any], words: str) -> None:
    code, said = kubectl("create", "--validate=strict", "-f", "-", stdin=package(**spec))
    assert code != 0
    assert words in said


def test_slugs_never_change(kubectl: Any) -> None:
    name = f"slugged-{uuid.uuid4().hex[:6]}"
    assert kubectl("create", "-f", "-", stdin=package(name))[0] == 0

    def patch(*arguments: str, **fields: Any) -> tuple[int, str]:
        code, said = kubectl("patch", "dp", name, "--type=merge", *arguments, "-p", json.dumps(fields))
        return code, said

    status = "--subresource=status"
    assert patch(status, status={"slug": "AAAAAAAA"})[0] == 0
    code, said = patch(spec={"slug": "BBBBBBBB"})
    assert (code, "this package already has a slug, see status.slug" in said) == (1, True)
    assert patch(spec={"slug": "AAAAAAAA"})[0] == 0
    code, said = patch(spec={"slug": "CCCCCCCC"})
    assert (code, "a slug never changes during the life of a package" in said) == (1, True)
    assert patch(status, status=None)[0] == 0, "status may be erased"


def test_found_by_slug_and_by_short_names(kubectl: Any) -> None:
    name = f"found-{uuid.uuid4().hex[:6]}"
    kubectl("create", "-f", "-", stdin=package(name))
    slug = uuid.uuid4().hex[:8].upper()
    kubectl(
        "patch", "deppkg", name, "--type=merge", "--subresource=status", "-p", json.dumps({"status": {"slug": slug}})
    )
    code, said = kubectl("get", "dp", "--field-selector", f"status.slug={slug}")
    assert code == 0
    assert said.split()[:7] == ["NAME", "SLUG", "PYTHON", "PHASE", "READY", "DEPS", "AGE"]
    assert name in said
    wide = kubectl("get", "dagy", "-o", "wide")[1]
    assert {"REASON", "SIZE", "URI"} <= set(wide.split())
    assert "PEP 600" in kubectl("explain", "dp.spec.platform.glibc")[1].replace("\n", " ")
    assert json.loads(kubectl("get", "dp", name, "-o", "json")[1])["status"]["observedGeneration"] == -1
