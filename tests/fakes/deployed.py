"""Flow deployments in a real API server, with revisions and runs as the operator and the cluster leave them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from dagy.core.flows.jobs import run_of
from dagy.core.flows.revisions import revision_object
from dagy.model.flowstatus import Revision
from tests.fakes.api import Users

Json = dict[str, Any]
SHA256 = hashlib.sha256(b"flow").hexdigest()
NOW = "2026-11-21T12:00:00Z"


def source(version: str, namespace: str, slugs: Sequence[str] = (), bucket: str = "bucket") -> Json:
    """A spec: the fields that make a revision."""
    uri = f"s3://{bucket}/rest/{namespace}/flows/x/{SHA256}.zip"
    code = {"uri": uri, "sha256": SHA256, "sizeBytes": 4}
    return {"flowName": "etl", "flowVersion": version, "artifact": code, "depPackageSlugs": list(slugs)}


def pin(slug: str, sha256: str, name: str, namespace: str) -> Json:
    """A package of a revision."""
    return {
        "slug": slug, "namespace": namespace, "name": name, "uri": f"s3://bucket/{name}.zip", "sha256": sha256,
        "sizeBytes": 4, "pythonVersion": "3.12", "architecture": "amd64",
    }  # fmt: skip


def deploy(
    users: Users,
    name: str,
    namespace: str,
    *,
    revisions: Sequence[Sequence[Json]] = ((),),
    status: Mapping[str, Any] | None = None,
    bucket: str = "bucket",
    **spec: Any,
) -> Json:
    """Create it, with a revision for each list of pins, the oldest first; the object, without its status."""
    kind = {"apiVersion": "dagy.io/v1", "kind": "FlowDeployment", "metadata": {"name": name, "namespace": namespace}}
    specs = [
        source(str(number), namespace, [one["slug"] for one in pins], bucket)
        for number, pins in enumerate(revisions, 1)
    ]
    made: Json = json.loads(
        users.kubectl("create", "-o", "json", "-f", "-", stdin={**kind, "spec": {**specs[-1], **spec}})
    )
    kept = [_revision(number, one, pins) for number, (one, pins) in enumerate(zip(specs, revisions, strict=True), 1)]
    objects = [revision_object(made, one, "") for one in kept]
    users.kubectl("create", "-f", "-", stdin={"apiVersion": "v1", "kind": "List", "items": objects})
    told = {
        "observedGeneration": 1, "revision": len(kept), "flowVersion": str(len(kept)), "packages": list(revisions[-1]),
        "history": [one.summary.to_json() for one in reversed(kept)], "conditions": [ready("Ready"), ready("Settled")],
    }  # fmt: skip
    tell(users, name, namespace, {**told, **(status or {})})
    return made


def ready(kind: str, status: str = "True", reason: str = "Deployed") -> Json:
    """One condition."""
    return {"type": kind, "status": status, "reason": reason, "message": "", "lastTransitionTime": NOW}


def tell(users: Users, name: str, namespace: str, status: Mapping[str, Any]) -> None:
    """Change its status, as the operator does."""
    patch = "--subresource=status", "--type=merge", "--patch-file=/dev/stdin"
    users.kubectl("patch", "flowdeployment", name, f"--namespace={namespace}", *patch, stdin={"status": status})


def run(
    users: Users, deployment: Json, token: str, *, revision: int = 1, status: Mapping[str, Any] | None = None
) -> str:
    """Start a run, and say how it stands, as the Job controller would; the name of its Job."""
    namespace = deployment["metadata"]["namespace"]
    of = _revision(revision, source(str(revision), namespace), ())
    job = run_of(deployment, of, token, {})
    users.kubectl("create", "-f", "-", stdin=job)
    name: str = job["metadata"]["name"]
    if status:
        patch = "--subresource=status", "--type=merge", "--patch-file=/dev/stdin"
        users.kubectl("patch", "job", name, f"--namespace={namespace}", *patch, stdin={"status": status})
    return name


def _revision(number: int, spec: Json, pins: Sequence[Json]) -> Revision:
    return Revision.model_validate(
        {"revision": number, "flowVersion": str(number), "deployedAt": NOW, "image": "python:3.12-slim",
         "pythonVersion": "3.12", "packages": list(pins), "spec": spec}
    )  # fmt: skip


def ended(well: bool, started: str, finished: str) -> Json:
    """Status of a run's Job that has ended."""
    before, last = ("SuccessCriteriaMet", "Complete") if well else ("FailureTarget", "Failed")
    conditions = [{"type": kind, "status": "True", "lastTransitionTime": finished} for kind in (before, last)]
    times = {"startTime": started, **({"completionTime": finished} if well else {})}
    return {**times, "succeeded" if well else "failed": 1, "conditions": conditions}


def running(started: str) -> Json:
    """Status of a run's Job whose pod runs."""
    return {"startTime": started, "active": 1, "ready": 1}
