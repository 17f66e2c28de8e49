"""Thousands of packages as copies of one, straight into etcd and the folder of the S3 server.

Through the API server 10,000 packages cost minutes, of which a benchmark learns nothing. The API server hears of what is
written to etcd as of its own writes.
"""

from __future__ import annotations

import base64
import json
import os
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from dagy.core.common.slug import new_slug
from dagy.model import constants as names
from tests.fakes.kubelet import BUCKET

_AT_ONCE = 50  # of the 128 operations that etcd takes in one transaction, two for each package


class Etcd:
    """Requests to etcd's gateway for JSON."""

    def __init__(self, folder: Path) -> None:
        """`folder`: the one of `control_plane`."""
        self._url = (folder / "etcd.url").read_text()

    def get(self, key: str) -> Any:
        """Return the object of that key, which is there."""
        (found,) = self._send("range", {"key": _text(key)})["kvs"]
        return json.loads(base64.b64decode(found["value"]))

    def put(self, objects: dict[str, Any]) -> None:
        """Write objects in one transaction."""
        puts = [{"requestPut": {"key": _text(key), "value": _text(json.dumps(obj))}} for key, obj in objects.items()]
        assert self._send("txn", {"success": puts})["succeeded"]

    def size(self) -> int:
        """Return the bytes of its database."""
        return int(self._send("maintenance/status", {})["dbSize"])

    def _send(self, what: str, body: Any) -> Any:
        path = what if "/" in what else f"kv/{what}"
        request = urllib.request.Request(f"{self._url}/v3/{path}", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


def copy(
    folder: Path,
    model: dict[str, Any],
    numbers: range,
    change: Callable[[dict[str, Any], int], None] = lambda _copy, _number: None,
    *,
    files: str = "*.zip",
) -> None:
    """Make a copy of the model for each number, with slug, claim, UID and files of its own in S3.

    `change` makes it another one.
    """
    etcd, data = Etcd(folder), folder / "s3/data" / BUCKET
    namespace, uid, slug = model["metadata"]["namespace"], model["metadata"]["uid"], model["status"]["slug"]
    package, claim = etcd.get(_package_key(namespace, model["metadata"]["name"])), etcd.get(_claim_key(slug))
    kept = [path.relative_to(data) for path in (data / namespace / slug / uid).rglob(files) if path.is_file()]
    every = _copies(package, claim, uid, slug, numbers, change)
    while some := list(islice(every, _AT_ONCE)):
        etcd.put({key: obj for objects, _, _ in some for key, obj in objects.items()})
        for _, new_uid, its_slug in some:
            for path in kept:
                there = data / str(path).replace(uid, new_uid).replace(slug, its_slug)
                there.parent.mkdir(parents=True, exist_ok=True)
                os.link(data / path, there)


def _copies(
    package: Any, claim: Any, uid: str, slug: str, numbers: range, change: Callable[[dict[str, Any], int], None]
) -> Iterator[tuple[dict[str, Any], str, str]]:
    text = json.dumps(package)
    for number in numbers:
        its_slug, new_uid, name = new_slug(), str(uuid.uuid4()), f"p{number}"
        mine = json.loads(text.replace(uid, new_uid).replace(slug, its_slug))
        mine["metadata"]["name"] = name
        change(mine, number)
        other = json.loads(json.dumps(claim))
        other["metadata"] |= {"name": its_slug.lower(), "uid": str(uuid.uuid4())}
        other["spec"] |= {"slug": its_slug, "name": name}
        key = _package_key(mine["metadata"]["namespace"], name)
        yield {key: mine, _claim_key(its_slug): other}, new_uid, its_slug


def _package_key(namespace: str, name: str) -> str:
    return f"/registry/{names.GROUP}/{names.DEPPACKAGE_PLURAL}/{namespace}/{name}"


def _claim_key(slug: str) -> str:
    return f"/registry/{names.GROUP}/{names.SLUGCLAIM_PLURAL}/{slug.lower()}"


def _text(value: str) -> str:
    return base64.b64encode(value.encode()).decode()
