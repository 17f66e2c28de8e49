"""Whether an object has come to its end, as its own status tells. Pure."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def is_settled(obj: Json) -> bool:
    """True when the operator says that it has done all that it was asked for."""
    status, metadata = obj.get("status") or {}, obj["metadata"]
    if status.get("observedGeneration") != metadata["generation"] or "deletionTimestamp" in metadata:
        return False
    asked = metadata.get("annotations") or {}
    conditions = {c["type"]: c["status"] for c in status.get("conditions") or []}
    verbs = ("validate", "build", "refresh", "cancel") if obj["kind"] == "DepPackage" else ("run", "refresh")
    for verb in verbs:
        token = asked.get(f"dagy.io/{verb}")
        if token and verb != "cancel" and status.get(f"lastHandled{verb.capitalize()}") != token:
            return False
    if obj["kind"] == "DepPackage":
        return conditions.get("Settled") == "True"
    return conditions.get("Ready") == "True" or conditions.get("Stalled") == "True"


def summary(obj: Json) -> str:
    """Return the object's state in a line."""
    status = obj.get("status") or {}
    return f"{obj['metadata']['name']}: {status.get('phase')} {str(status.get('message'))[:200]}"
