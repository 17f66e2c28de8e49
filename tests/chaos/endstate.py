"""The end of a run, without what differs from run to run: names, times, and how often something was tried."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tests.fakes.kubelet import BUILDS

if TYPE_CHECKING:
    from tests.chaos.run import Run

Json = dict[str, Any]
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_BUILD = re.compile(r"-[0-9a-f]{16}(?=[.])")


def end_state(run: Run) -> Json:
    """What the user sees and what S3 holds."""
    slugs = {str((o.get("status") or {}).get("slug")): f"SLUG-{o['metadata']['name']}" for o in run.wanted()}

    def plain(text: str) -> str:
        for slug, name in slugs.items():
            text = text.replace(slug, name)
        return _BUILD.sub("-BUILD", _ID.sub("UID", text)).replace(run.namespace, "NAMESPACE")

    objects = {f"{o['kind']}/{o['metadata']['name']}": json.loads(plain(json.dumps(_seen(o)))) for o in run.wanted()}
    return {"objects": objects, "s3": sorted({plain(key) for key in keys(run)}), "runs": _runs(run)}


def keys(run: Run) -> list[str]:
    """Keys of all ZIPs, records and locks of the run; logs tell of attempts, and notes of deletions go later."""
    folder = run.servers.data / run.namespace
    found = [str(path.relative_to(folder)) for path in folder.glob("**/*") if path.is_file()]
    return [key for key in found if key.endswith((".zip", ".build.json")) or "/resolutions/" in key]


def _seen(obj: Json) -> Json:
    status = obj.get("status") or {}
    artifact = status.get("artifact") or {}
    return {
        "phase": status.get("phase"),
        "slug": status.get("slug"),
        "generation": (status.get("observedGeneration"), obj["metadata"]["generation"]),
        "conditions": sorted((c["type"], c["status"], c["reason"]) for c in status.get("conditions") or []),
        "lock": status.get("lockHash"),
        "artifact": artifact.get("lockHash"),
        "history": len(status.get("history") or []),
        "handled": {name: value for name, value in status.items() if name.startswith("lastHandled")},
        "revision": status.get("revision"),
        "finalizers": obj["metadata"].get("finalizers"),
    }


def _runs(run: Run) -> list[str]:
    return sorted(
        (job["metadata"].get("labels") or {}).get("dagy.io/flow-deployment", "")
        for job in run.feed.all("jobs", run.namespace)
    )


def leftovers(run: Run) -> list[str]:
    """What is left of a namespace whose packages and deployments are gone."""
    left = [
        f"{place.plural}/{place.name}"
        for place in run.feed.present
        if place.plural
        in ("jobs", "pods", "configmaps", "secrets", "deppackages", "flowdeployments", "controllerrevisions")
        and place.namespace in (BUILDS, run.namespace)
    ]
    folder = run.servers.data / run.namespace
    files = [str(path.relative_to(folder)) for path in folder.glob("**/*") if path.is_file()]
    return left + [name for name in files if not name.startswith("_deleted/")]
