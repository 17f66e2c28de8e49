"""Packages as the operator would leave them, in a namespace of the console's tests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tests.fakes.api import Users, artifact_status

NAMESPACE, USER = "ml-platform", "ana"
"""Whose packages are those of `gallery`, and no others for long."""
WORKSHOP, WORKER = "workshop", "ben"
"""Where tests make packages, and who does."""
Json = dict[str, Any]


def package(
    users: Users,
    name: str,
    *,
    phase: str,
    message: str = "",
    slug: str | None = None,
    namespace: str = WORKSHOP,
    size: int | None = None,
    settled: bool = True,
    spec: Mapping[str, Any] | None = None,
    status: Mapping[str, Any] | None = None,
) -> Json:
    """Create it, with this status; the object."""
    body = {"pythonVersion": "3.12", "dependencies": ["idna"], "buildPolicy": "Manual", **(spec or {})}
    made = {
        "apiVersion": "dagy.io/v1",
        "kind": "DepPackage",
        "metadata": {"name": name, "namespace": namespace},
        "spec": body,
    }
    users.kubectl("create", "-f", "-", stdin=made)
    told = {"phase": phase, "message": message, "observedGeneration": 1, "conditions": conditions(phase, settled)}
    if slug:
        told["slug"] = slug
    if size:
        artifact = artifact_status(f"s3://bucket/{name}.zip", name.encode())
        told |= {"artifact": {**artifact, "sizeBytes": size}, "lockHash": artifact["lockHash"]}
    tell(users, name, {**told, **(status or {})}, namespace)
    return made


def tell(users: Users, name: str, status: Mapping[str, Any], namespace: str = WORKSHOP) -> None:
    """Change its status, as the operator does."""
    patch = "--subresource=status", "--type=merge", "--patch-file=/dev/stdin"
    users.kubectl("patch", "deppackage", name, f"--namespace={namespace}", *patch, stdin={"status": status})


def named(users: Users, display_name: str) -> list[Json]:
    """All packages of the workshop with that name, however many there are."""
    items = json.loads(users.kubectl("get", "deppackages", f"--namespace={WORKSHOP}", "-o", "json"))["items"]
    return [one for one in items if one["spec"].get("displayName") == display_name]


def conditions(phase: str, settled: bool, generation: int = 1) -> Sequence[Json]:
    """Ready and Settled as that phase has them."""
    ready = {"COMPLETED": ("True", "Built"), "FAILED": ("False", "BuildFailed")}.get(
        phase, ("False", phase.capitalize())
    )
    return [condition("Ready", *ready, generation), condition("Settled", str(settled), "Settled", generation)]


def condition(kind: str, status: str, reason: str, generation: int = 1) -> Json:
    """One condition."""
    return {
        "type": kind, "status": status, "reason": reason, "message": "", "observedGeneration": generation,
        "lastTransitionTime": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    }  # fmt: skip


def gallery(users: Users) -> None:
    """A namespace as it may look on a working day."""
    for name, display, phase, slug, size, python, message in (
        ("ml-pipeline-deps", "ML Pipeline Deps", "COMPLETED", "A1B2C3D4", 48_200_000, "3.12", "37 packages in a ZIP of 48 MB."),
        ("vision", "Vision", "INSTALLING", "X9Y8Z7W6", None, "3.11", "Installing 31 packages."),
        ("etl", "ETL", "INVALID", "M3N4P5Q6", 22_000_000, "3.13", "pandas==1.0.0 has no wheel for Python 3.13; the newest that has one is 2.3.1. Ask for pandas>=2.3.0."),
        ("forecast-nightly", "", "QUEUED", "Q7R8S9T0", None, "3.12", "Waits for one of 2 places to build."),
        ("geo", "Geo Features", "FAILED", "H2J3K4L5", None, "3.10", "The index pypi.example did not answer: no route to host. It is tried again at 12:04."),
        ("notebooks", "Notebooks", "VALID", "B5C6D7E8", None, "3.12", "All requirements resolve. Build it with Save & Build."),
        ("brand-new", "Brand New", "PENDING", None, None, "3.13", ""),
        ("embeddings", "Embeddings", "COMPLETED", "F9G0H1J2", 1_204_000_000, "3.12", "112 packages in a ZIP of 1.2 GB."),
    ):  # fmt: skip
        spec = {"displayName": display} if display else {}
        settled = phase in ("COMPLETED", "INVALID", "FAILED", "VALID")
        status = {"build": {"queuePosition": 3}} if phase == "QUEUED" else {}
        package(
            users, name, namespace=NAMESPACE, phase=phase, slug=slug, size=size, message=message, settled=settled, status=status,
            spec={**spec, "pythonVersion": python},
        )  # fmt: skip
