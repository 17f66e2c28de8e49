"""Revisions as Kubernetes keeps them, one ControllerRevision each, so that status stays a cache. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dagy.model import names
from dagy.model.flowstatus import Revision

Json = dict[str, Any]


@dataclass(frozen=True)
class KeptRevision:
    """A revision with the name of its object."""

    name: str
    revision: Revision
    refresh_token: str = ""
    """Value of the refresh request that led to it."""

    @property
    def number(self) -> int:
        """Its number, from 1."""
        return self.revision.revision


@dataclass(frozen=True)
class Pin:
    """An artifact of a package that a kept revision refers to."""

    namespace: str
    deployment: str
    uid: str
    """The deployment's: another one may have its name by now."""
    number: int
    sha256: str
    service_account: str = "default"
    """Under which the flow runs."""


def revision_name(deployment: str, uid: str, number: int) -> str:
    """Name of the object: there can be only one for each number, so that two operators agree on its content."""
    return f"{deployment}-{uid[:8]}-{number}"


def revision_object(owner: Json, revision: Revision, refresh_token: str) -> Json:
    """The ControllerRevision of a revision."""
    metadata = owner["metadata"]
    uses = {f"{names.LABEL_USES_PREFIX}{p.slug}": "" for p in revision.packages}
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": revision_name(metadata["name"], metadata["uid"], revision.revision),
            "namespace": metadata["namespace"],
            "labels": {**flow_labels(metadata["name"]), names.LABEL_REVISION: str(revision.revision), **uses},
            "ownerReferences": [owner_reference(owner)],
        },
        "revision": revision.revision,
        "data": {"revision": revision.to_json(), "refreshToken": refresh_token},
    }


def revisions_in(objects: Iterable[Mapping[str, Any]], uid: str) -> tuple[KeptRevision, ...]:
    """The deployment's revisions, newest first; objects that are somebody else's or cannot be read are left out."""
    found = [_kept(obj) for obj in objects if _owner(obj).get("uid") == uid]
    return tuple(sorted((kept for kept in found if kept), key=lambda kept: kept.number, reverse=True))


def pins_in(objects: Iterable[Mapping[str, Any]], slug: str) -> tuple[Pin, ...]:
    """Who pins artifacts of that package, over all deployments."""
    pins = []
    for obj in objects:
        kept = _kept(obj)
        if kept:
            owner, namespace = _owner(obj), obj["metadata"]["namespace"]
            name, uid = str(owner.get("name", "")), str(owner.get("uid", ""))
            account = kept.revision.spec.service_account_name or "default"
            pinned = [p.sha256 for p in kept.revision.packages if p.slug == slug]
            pins += [Pin(namespace, name, uid, kept.number, sha256, account) for sha256 in pinned]
    return tuple(pins)


def users_of(pins: Iterable[Pin], latest: Mapping[str, int]) -> list[str]:
    """Deployments whose newest revision is among those that pin, as namespace/name. `latest` by uid."""
    return sorted({f"{p.namespace}/{p.deployment}" for p in pins if latest.get(p.uid) == p.number})


def surplus(revisions: Sequence[KeptRevision], limit: int, running: Iterable[int]) -> tuple[KeptRevision, ...]:
    """Revisions to forget: all but the present one, `limit` earlier ones, and those that a run still needs."""
    needed = set(running)
    return tuple(kept for kept in revisions[limit + 1 :] if kept.number not in needed)


def flow_labels(deployment: str) -> dict[str, str]:
    """Labels of everything that belongs to a deployment."""
    return {names.LABEL_MANAGED_BY: names.MANAGED_BY, names.LABEL_FLOW: deployment}


def owner_reference(owner: Mapping[str, Any]) -> Json:
    """The deployment as the controlling owner of an object."""
    metadata = owner["metadata"]
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.FLOWDEPLOYMENT_KIND,
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _kept(obj: Mapping[str, Any]) -> KeptRevision | None:
    data = obj.get("data") or {}
    try:
        revision = Revision.model_validate(data["revision"])
    except (KeyError, TypeError, ValueError):
        return None
    return KeptRevision(obj["metadata"]["name"], revision, str(data.get("refreshToken", "")))


def _owner(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    owners = obj["metadata"].get("ownerReferences") or []
    return next((o for o in owners if o.get("kind") == names.FLOWDEPLOYMENT_KIND and o.get("controller")), {})
