"""What has been written, in order: the source of the operator's events, of old views, and of the played controllers."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
_PATH = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/v1(?:/namespaces/(?P<namespace>[^/]+))?/(?P<plural>[^/]+)"
    r"(?:/(?P<name>[^/]+))?(?:/(?P<subresource>[^/]+))?"
)


@dataclass(frozen=True)
class Place:
    """An object's place, or that of a list of objects."""

    plural: str
    namespace: str
    name: str = ""
    subresource: str = ""


def place_of(path: str) -> Place:
    """Return the place that an API path means."""
    found = _PATH.fullmatch(path)
    if found is None:
        return Place("", "")
    plural, namespace = found["plural"], found["namespace"] or ""
    if plural == "namespaces":
        return Place(plural, "", found["name"] or "")
    return Place(plural, namespace, found["name"] or "", found["subresource"] or "")


@dataclass(frozen=True)
class Change:
    """An object after a write; as it was last when `deleted`."""

    place: Place
    object: Json
    deleted: bool = False

    @property
    def uid(self) -> str:
        return str(self.object["metadata"]["uid"])


def matches(labels: Json, selector: str) -> bool:
    """True when an object with these labels is selected; of selectors, those that the operator uses."""
    for part in filter(None, selector.split(",")):
        name, equals, value = part.partition("=")
        if name not in labels or (equals and labels[name] != value):
            return False
    return True


@dataclass
class Feed:
    """All changes of one run, and the objects that are there now."""

    changes: list[Change] = field(default_factory=list)
    present: dict[Place, Json] = field(default_factory=dict)
    listeners: list[Callable[[Change], None]] = field(default_factory=list)
    born: dict[str, str] = field(default_factory=dict)
    """Time of creation by the run's clock, by UID: the API server's own clock does not jump."""
    ended: set[str] = field(default_factory=set)
    """UIDs of objects that are gone: the answer to an earlier write may come after that."""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def wrote(self, path: str, answer: bytes, now: str) -> None:
        """Take note of a write and of the API server's answer, the object as it is then."""
        place = place_of(path)
        obj = json.loads(answer)
        if place.plural in ("events", "") or obj.get("kind") in ("Status", None) or place.plural.endswith("reviews"):
            return
        if place.subresource in ("token",):
            return
        metadata = obj["metadata"]
        if metadata["uid"] in self.ended:
            return
        place = Place(place.plural, place.namespace, metadata["name"])
        self.born.setdefault(metadata["uid"], now)
        metadata["creationTimestamp"] = self.born[metadata["uid"]]
        before = self.present.get(place)
        if "deletionTimestamp" in metadata and not metadata.get("finalizers") and place.plural != "pods":
            self.gone(place, obj)
        elif before is None or int(before["metadata"]["resourceVersion"]) < int(metadata["resourceVersion"]):
            if before and before["metadata"]["uid"] != metadata["uid"]:  # a namesake came before that was told
                self._tell(Change(place, before, deleted=True))
            self._tell(Change(place, obj))  # answers may overtake each other

    def gone(self, place: Place, obj: Json | None = None) -> None:
        """Take note that the object is not there any more."""
        last = self.present.get(place) or obj
        if last:
            self._tell(Change(place, obj or last, deleted=True))

    def _tell(self, change: Change) -> None:
        if change.deleted:
            self.present.pop(change.place, None)
            self.ended.add(change.uid)
        else:
            self.present[change.place] = change.object
        self.changes.append(change)
        self.news.set()
        self.news = asyncio.Event()
        for listener in list(self.listeners):
            listener(change)

    def all(self, plural: str, namespace: str = "") -> Iterator[Json]:
        """The objects of a kind that are there."""
        for place, obj in list(self.present.items()):
            if place.plural == plural and namespace in ("", place.namespace):
                yield obj

    def before(self, age: int) -> dict[Place, Json]:
        """The objects as they were `age` changes ago."""
        seen: dict[Place, Json] = {}
        for change in self.changes[: max(0, len(self.changes) - age)]:
            if change.deleted:
                seen.pop(change.place, None)
            else:
                seen[change.place] = change.object
        return seen
