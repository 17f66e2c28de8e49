"""A package as a page of text."""

from __future__ import annotations

from typing import Any

from dagy.commands.packages.text import page
from dagy.core.rest.view import package_response
from tests.fakes.built import artifact
from tests.fakes.facts import package

TIME = "2026-11-21T12:00:00Z"


def _page(ready: bool, phase: str, message: str, errors: list[dict[str, str]], lock_hash: str) -> dict[str, str]:
    condition = {"type": "Ready", "status": str(ready), "reason": "x", "message": "m", "lastTransitionTime": TIME}
    status: dict[str, Any] = {
        "phase": phase, "message": message, "slug": "A1B2C3D4", "lockHash": lock_hash, "conditions": [condition],
        "validation": {"specHash": "s", "time": TIME, "errors": errors},
        "artifact": {**artifact("a" * 64).to_json(), "warnings": ["shadowed"]},
    }  # fmt: skip
    obj = package()
    obj["metadata"].setdefault("creationTimestamp", TIME)
    return {name: value for name, value in page(package_response({**obj, "status": status})) if value}


def test_the_zip_of_an_earlier_list_is_not_shown_as_this_ones() -> None:
    now = _page(True, "COMPLETED", "15 packages.", [], "a" * 64)
    assert now["S3 URI"] == "s3://bucket/aaaaaaaa-0.zip"
    assert now["SHA-256"] == "ab" * 32
    assert now["Warnings"] == "shadowed"
    assert "Last ZIP" not in now
    later = _page(False, "INVALID", "numpy is not there.", [], "b" * 64)
    assert not {"S3 URI", "Size", "SHA-256", "Built", "Warnings"} & set(later)
    assert later["Last ZIP"].splitlines()[:2] == [
        "of an earlier list; pods get it until this one is built",
        "s3://bucket/aaaaaaaa-0.zip",
    ]


def test_the_image_is_named_or_why_there_is_none() -> None:
    def told(**artifact_fields: Any) -> str | None:
        obj = package()
        obj["metadata"].setdefault("creationTimestamp", TIME)
        kinds = {"Ready": ("True", "Done."), "ImagePushed": ("False", "The registry has no room.")}
        conditions = [
            {"type": kind, "status": status, "reason": "x", "message": message, "lastTransitionTime": TIME}
            for kind, (status, message) in kinds.items()
        ]
        one = {**artifact("a" * 64).to_json(), **artifact_fields}
        status = {"phase": "COMPLETED", "slug": "A1B2C3D4", "conditions": conditions, "artifact": one}
        return dict(page(package_response({**obj, "status": status})))["Image"]

    assert told(imageFailure={"reason": "RegistryRefused", "message": "No room."}) == "The registry has no room."
    assert told(image="r.example/dagy/a@sha256:1") == "r.example/dagy/a@sha256:1"


def test_nothing_is_said_twice() -> None:
    one = {"message": "numpy is not there. Ask for numpy 1.", "hint": "Ask for numpy 1."}
    page = _page(False, "INVALID", one["message"], [one], "b" * 64)
    assert page["Message"] == one["message"]
    assert "Errors" not in page
    two = {"message": "pandas is not there. Leave it out.", "hint": "Leave it out."}
    page = _page(False, "INVALID", f"2 problems: 1. {one['message']} 2. {two['message']}", [one, two], "b" * 64)
    assert page["Message"] == "2 problems:"
    assert page["Errors"].splitlines() == [one["message"], two["message"]]


def test_a_hint_that_the_message_lacks_is_added() -> None:
    page = _page(False, "INVALID", "Not there.", [{"message": "Not there.", "hint": "Relax it."}], "b" * 64)
    assert page["Errors"] == "Not there. Relax it."
