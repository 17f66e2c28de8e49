"""Requirements that cannot work: INVALID with the culprit and the reason, no build, and a way back."""

from __future__ import annotations

import pytest

from tests.e2e.kube import BUILDS, Kube, condition, package

pytestmark = pytest.mark.e2e

CASES = [
    ("exclusive", ["requests==2.31.0", "urllib3<1.21"], "3.12", ["requests", "urllib3"], {"UnsatisfiableRequirements"}),
    ("no-such-version", ["idna==99.0"], "3.12", ["idna==99.0"], {"NoMatchingVersion"}),
    ("wrong-python", ["numpy==1.21.0"], "3.13", ["numpy", "3.13"], {"PythonIncompatible", "NoWheel"}),
    ("malformed", ["idna", "requests=>2"], "3.12", ["requests=>2"], {"MalformedRequirement"}),
]


@pytest.mark.parametrize(("name", "dependencies", "python", "named", "reasons"), CASES, ids=[c[0] for c in CASES])
def test_invalid_then_corrected(
    kube: Kube, name: str, dependencies: list[str], python: str, named: list[str], reasons: set[str]
) -> None:
    kube.apply(package(name, *dependencies, python=python))
    invalid = kube.wait(name)
    status = invalid["status"]
    assert status["phase"] == "INVALID"
    ready = condition(invalid, "Ready")
    assert ready["reason"] in reasons
    assert ready["message"] == status["message"] == condition(invalid, "Stalled")["message"]
    text = str(status["validation"]["errors"])
    assert all(word in text for word in named), text
    assert all(word in status["message"] for word in named), status["message"]
    label = f"dagy.io/package-uid={invalid['metadata']['uid']},dagy.io/job=build"
    assert not kube.list("jobs", "-l", label, namespace=BUILDS)
    (event,) = kube.list("events", "--field-selector", f"involvedObject.name={name},type=Warning")
    assert event["message"] == status["message"]
    assert status["message"][:60] in kube("describe", "dp", name).replace("\n", " ").replace("  ", " ")

    kube.apply(package(name, "idna", python=python))
    fixed = kube.wait(name, "Ready")
    assert fixed["status"]["phase"] == "COMPLETED"
    assert fixed["status"]["slug"] == status["slug"]
    assert fixed["metadata"]["uid"] == invalid["metadata"]["uid"]
    assert not fixed["status"]["validation"].get("errors")
