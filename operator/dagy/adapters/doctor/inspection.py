"""What only a pod of the control plane can find out: `python3 -m dagy.adapters.doctor.inspection WHAT...`, as JSON.

`dagy doctor` runs it in the pods, with their settings, credentials and network. WHAT: storage, index, certificate=PORT,
or walls=HOST:PORT, an address that a NetworkPolicy forbids. Each has an end.
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagy.adapters.settings.api import ApiSettings
from dagy.core.common.timestamp import timestamp
from dagy_builder.trust import trust_added_authorities

if TYPE_CHECKING:
    from dagy_builder.storage.store import ObjectStore

_CONNECT_SECONDS = 5.0
_PROJECT = "pip"
"""Which every index of Python packages that is of use has, or says that it has not."""


def main(wanted: Sequence[str]) -> int:
    """Print what was found out. Return 0."""
    with tempfile.TemporaryDirectory(prefix="dagy-trust-") as scratch:
        trust_added_authorities(Path(scratch))
        told: dict[str, Any] = {}
        for what in wanted:
            name, _, given = what.partition("=")
            told.update(_LOOKS[name](given))
    print(json.dumps(told))
    return 0


def storage(_: str = "") -> dict[str, Any]:
    """Write, read and delete an object; on the way, whether the store keeps to conditions, and its clock."""
    from dagy_builder.storage.store import ObjectStore, StorageError

    settings = ApiSettings.from_environment()
    found: dict[str, Any] = {"bucket": settings.s3_bucket, "error": "", "conditional": None}
    if not settings.s3_bucket:
        return {"storage": {**found, "error": "DAGY_S3_BUCKET is not set."}}
    key = "/".join(filter(None, (settings.s3_prefix, "_doctor", uuid.uuid4().hex)))
    store = ObjectStore(settings.s3_bucket)
    try:
        ahead = _ahead_of(store)
        store.put_new(key, b"written by dagy doctor\n", "text/plain")
        found["conditional"] = not store.put_new(key, b"written twice\n", "text/plain")
        if store.get(key) is None:
            found["error"] = f"Bucket {settings.s3_bucket} does not have an object that was just written."
        store.delete(key)
    except StorageError as error:
        return {"storage": {**found, "error": error.message}}
    return {"storage": found, "clock": ahead}


def index(_: str = "") -> dict[str, Any]:
    """Ask the index for a project, with the API's way to it and its credentials."""
    from dagy.adapters.index.opening import place_of
    from dagy.adapters.index.source import IndexAwayError, IndexSource

    settings = ApiSettings.from_environment()
    if not settings.search:
        return {"index": None}
    try:
        IndexSource(place_of(settings), "dagy-doctor").page(_PROJECT)
    except (IndexAwayError, ValueError) as error:
        return {"index": {"url": settings.index_shown, "error": str(error)}}
    return {"index": {"url": settings.index_shown, "error": ""}}


def certificate(port: str) -> dict[str, Any]:
    """When the certificate ends that is served at this port of the pod; nothing where none is."""
    from cryptography import x509

    try:
        served = ssl.get_server_certificate(("127.0.0.1", int(port)), timeout=_CONNECT_SECONDS)
        ends = x509.load_pem_x509_certificate(served.encode()).not_valid_after_utc
    except (OSError, ValueError):
        return {}
    return {"certificate": timestamp(ends, micro=False)}


def walls(address: str) -> dict[str, Any]:
    """Whether a connection to that address comes to nothing."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except OSError:
        return {"walls": True}
    return {"walls": False}


def _ahead_of(store: ObjectStore) -> float:
    """Seconds by which this clock is ahead of the store's, whose answers tell the time in whole seconds."""
    answer = store.call(lambda s3: s3.list_objects_v2(Bucket=store.bucket, MaxKeys=1))
    told = answer["ResponseMetadata"]["HTTPHeaders"].get("date", "")
    try:
        theirs = parsedate_to_datetime(told).timestamp()
    except ValueError:
        return 0.0
    return time.time() - theirs


_LOOKS: dict[str, Callable[[str], dict[str, Any]]] = {
    "storage": storage,
    "index": index,
    "certificate": certificate,
    "walls": walls,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
