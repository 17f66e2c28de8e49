"""The end of a run, without what differs from run to run: names, times, and how often something was tried."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.chaos.hands import ZIPS
from tests.fakes.kubelet import BUCKET, BUILDS

if TYPE_CHECKING:
    from tests.chaos.run import Run

Json = dict[str, Any]
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def end_state(run: Run) -> Json:
    """What the user sees and what S3 holds."""
    slugs = {str((o.get("status") or {}).get("slug")): f"SLUG-{o['metadata']['name']}" for o in run.wanted()}

    def plain(text: str) -> str:
        for slug, name in slugs.items():
            text = text.replace(slug, name)
        return _ID.sub("UID", text).replace(run.namespace, "NAMESPACE")

    objects = {f"{o['kind']}/{o['metadata']['name']}": json.loads(plain(json.dumps(_seen(o)))) for o in run.wanted()}
    return {"objects": objects, "s3": sorted(plain(text) for text in _there(run)), "runs": _runs(run)}


def _there(run: Run) -> list[str]:
    """Everything that the statuses name, and whether it is in S3.

    What else lies there, a lock or a ZIP of an earlier spec, depends on how far that had come.
    """
    found = []
    for obj in run.wanted():
        status = obj.get("status") or {}
        # Of earlier builds nobody looks whether their ZIPs are there.
        earlier = [] if ZIPS in run.deliveries.excused else status.get("history") or []
        for artifact in [status.get("artifact"), *earlier]:
            if artifact and obj["kind"] == "DepPackage":
                missing = [
                    uri
                    for name, uri in sorted(artifact.items())
                    if name.lower().endswith("uri") and not _is_file(run, uri)
                ]
                found.append(f"{obj['metadata']['name']}: missing: {missing}" if missing else obj["metadata"]["name"])
    return sorted(set(found))


def _is_file(run: Run, uri: str) -> bool:
    return (run.servers.data / uri.removeprefix(f"s3://{BUCKET}/")).is_file()


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
    # Of what came after a deletion, its note tells: it is swept away some hours later.
    noted = tuple(name.removeprefix("_deleted/") + "/" for name in files if name.startswith("_deleted/"))
    claims = {claim["metadata"]["name"].upper() for claim in run.feed.all("slugclaims")}
    # A claim that is deleted before anything was stored does not come back: nobody looks under its slug again.
    unfinished = _unfinished(run) | _unmarked(run) | (run.unclaimed - claims)
    kept = ("_deleted/", *noted, *(f"{run.namespace}/flows/{name}/" for name in _unnoticed(run)))
    return left + [
        name for name in files if not name.startswith(kept) and not unfinished.intersection(Path(name).parts)
    ]


def _unfinished(run: Run) -> set[str]:
    """UIDs of packages whose finalizer did not come back: nobody had to delete their objects when they went."""
    back = {
        change.uid
        for number, change in enumerate(run.feed.changes, 1)
        if change.object["metadata"].get("finalizers") and number > run.stripped.get(change.uid, 0)
    }
    return {uid for uid in run.stripped if uid not in back}


def _unmarked(run: Run) -> set[str]:
    """UIDs of packages that were deleted with their objects kept, while S3 may have refused the mark that says so."""
    refused = any(family.startswith("s3: ") for family in run.gate.injected)
    gone = [change for change in run.feed.changes if change.deleted and change.place.plural == "deppackages"]
    return {change.uid for change in gone if refused and change.object["spec"].get("deletionPolicy") == "Retain"}


def _unnoticed(run: Run) -> set[str]:
    """Names of deployments that were deleted before the operator had heard of them: their code had been uploaded."""
    flows = [change for change in run.feed.changes if change.place.plural == "flowdeployments"]
    noticed = {change.uid for change in flows if change.object["metadata"].get("finalizers")}
    return {change.place.name for change in flows if change.deleted and change.uid not in noticed}
