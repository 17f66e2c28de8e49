"""What the API server would answer if it still had the objects of some time ago."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dagy.adapters.kube.api import KubeError
from tests.chaos.feed import Place, matches, place_of


def answer_of(old: Mapping[Place, Any], path: str, query: Mapping[str, Any]) -> bytes:
    """Return the body of the answer. Raises KubeError (404)."""
    place = place_of(path)
    if place.name:
        found = old.get(place)
        if found is None:
            raise KubeError(404, "NotFound", f"{path} was not there")
        return json.dumps(found).encode()
    selectors = [part for part in str(query.get("fieldSelector", "")).split(",") if part]
    items = [
        obj
        for where, obj in old.items()
        if where.plural == place.plural and place.namespace in ("", where.namespace)
        and matches(obj["metadata"].get("labels") or {}, str(query.get("labelSelector", "")))
        and all(_fits(obj, selector) for selector in selectors)
    ]  # fmt: skip
    return json.dumps({"metadata": {"resourceVersion": "1"}, "items": items}).encode()


def _fits(obj: Any, selector: str) -> bool:
    """Return True when the field has that value ("a.b=c"), or has not ("a.b!=c"). A number that is missing is 0."""
    path, _, value = selector.partition("=")
    for name in path.removesuffix("!").split("."):
        obj = (obj or {}).get(name)
    return (str(obj or "") == value or (value == "0" and not obj)) is not path.endswith("!")
