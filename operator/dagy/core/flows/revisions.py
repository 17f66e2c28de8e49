"""Revisions as Kubernetes keeps them, one ControllerRevision each, so that status stays a cache. Pure.

A ControllerRevision may come from anybody who may write them in the namespace. So each is parsed once, and counts only
where it is as the operator makes them: controlled by the deployment with that UID, named after it and its number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dagy.core.attach.refusals import Refusal
from dagy.core.flows.facts import controller_of
from dagy.core.flows.reasons import FlowReason
from dagy.model import constants as names
from dagy.model.flowdeployment import FlowSource
from dagy.model.flowstatus import HISTORY_SHOWN, Revision

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
    """The deployment's UID: another deployment may have its name by now."""
    number: int
    sha256: str
    service_account: str = "default"
    """The service account that the flow runs as."""


def revision_name(deployment: str, uid: str, number: int) -> str:
    """Name of the object: there can be only one for each number, so that two operators agree on its content."""
    return f"{deployment}-{uid[:8]}-{number}"


def revision_object(owner: Json, revision: Revision, refresh_token: str) -> Json:
    """Return the ControllerRevision of a revision."""
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
    found = [_kept(obj) for obj in objects if _owner(obj["metadata"]).get("uid") == uid]
    return tuple(sorted((kept for kept in found if kept), key=lambda kept: kept.number, reverse=True))


def code_in(objects: Iterable[Mapping[str, Any]], uids: Collection[str]) -> list[str]:
    """URIs of the code that the revisions of these deployments run."""
    found = [_kept(obj) for obj in objects if _owner(obj["metadata"]).get("uid") in uids]
    return [kept.revision.spec.artifact.uri for kept in found if kept]


def number_in(metadata: Mapping[str, Any]) -> tuple[str, int] | None:
    """Return the deployment's UID and the revision's number, as an object's metadata alone tells them."""
    owner, number = _owner(metadata), str((metadata.get("labels") or {}).get(names.LABEL_REVISION, ""))
    name = number.isdigit() and revision_name(owner.get("name", ""), owner.get("uid", ""), int(number))
    return (str(owner["uid"]), int(number)) if owner and name == metadata["name"] else None


def pins_in(objects: Iterable[Mapping[str, Any]], slug: str) -> tuple[Pin, ...]:
    """Return the users that pin artifacts of that package, over all deployments."""
    pins = []
    for obj in objects:
        kept = _kept(obj)
        if kept:
            owner, namespace = _owner(obj["metadata"]), obj["metadata"]["namespace"]
            account = kept.revision.spec.service_account_name or "default"
            pinned = [p.sha256 for p in kept.revision.packages if p.slug == slug]
            pins += [Pin(namespace, owner["name"], owner["uid"], kept.number, sha256, account) for sha256 in pinned]
    return tuple(pins)


def counted(
    pins: Iterable[Pin], living: Collection[tuple[str, str]], accounts: Collection[str] | None
) -> tuple[Pin, ...]:
    """Return the pins that count: of the newest revisions of existing deployments, run by these `accounts`.

    `living`: name and UID; revisions of a deployment that is gone wait for the garbage collector. `accounts` None: any.
    """
    shown: Counter[str] = Counter()
    found = []
    for pin in sorted(pins, key=lambda pin: pin.number, reverse=True):
        if (pin.deployment, pin.uid) in living and (accounts is None or pin.service_account in accounts):
            shown[pin.uid] += 1
            if shown[pin.uid] <= HISTORY_SHOWN:
                found.append(pin)
    return tuple(found)


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
    """Return the deployment as the controlling owner of an object."""
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
    metadata, data = obj["metadata"], obj.get("data") or {}
    number = number_in(metadata)
    try:
        revision = Revision.model_validate(data["revision"])
    except (KeyError, TypeError, ValueError):
        return None
    if number is None or number[1] != revision.revision or not _is_consistent(revision):
        return None
    return KeptRevision(metadata["name"], revision, str(data.get("refreshToken", "")))


def _is_consistent(revision: Revision) -> bool:
    """Return True when its packages are those that its spec asks for."""
    asked, pinned = revision.spec.dep_package_slugs, revision.packages
    return len(asked) == len(pinned) and all(
        reference in (package.slug, f"{package.slug}@{package.sha256}")
        for reference, package in zip(asked, pinned, strict=True)
    )


def _owner(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    owner = controller_of({"metadata": metadata})
    ours = (owner.get("apiVersion"), owner.get("kind")) == (names.API_VERSION, names.FLOWDEPLOYMENT_KIND)
    return owner if ours else {}


def rollback_patch(deployment: Mapping[str, Any], revision: Revision) -> dict[str, Any]:
    """Return the merge patch (RFC 7396) that brings back a revision, with the resourceVersion that was looked at.

    Schedule, limits and policies are no part of a revision and stay as they are.
    """
    absent = dict.fromkeys(field.alias or name for name, field in FlowSource.model_fields.items())
    spec = {**absent, **{name: value for name, value in revision.spec.to_json().items() if value != []}}
    spec["depPackageSlugs"] = [f"{package.slug}@{package.sha256}" for package in revision.packages]
    return {"metadata": {"resourceVersion": deployment["metadata"]["resourceVersion"]}, "spec": spec}


def unknown_revision(deployment: Mapping[str, Any], number: int, kept: Iterable[int]) -> Refusal:
    """Return the refusal of a way back to revision `number`. `kept`: the numbers that exist, newest first."""
    name = f"{deployment['metadata']['namespace']}/{deployment['metadata']['name']}"
    there_are = ", ".join(map(str, kept)) or "none"
    return Refusal(
        FlowReason.UNKNOWN_REVISION,
        f"Flow deployment {name} keeps no revision {number}; kept are: {there_are}.",
    )
