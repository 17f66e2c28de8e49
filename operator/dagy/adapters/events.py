"""Events: what `kubectl describe` and `kubectl events` show of an object."""

from __future__ import annotations

import hashlib
from datetime import datetime

from dagy.adapters.kube import Json, KubeApi, namespaced
from dagy.core.timestamp import timestamp
from dagy.model import names
from dagy_builder.redact import clipped

_NOTE_CHARACTERS = 1000  # an Event's note holds 1024 bytes


async def record_event(
    api: KubeApi, kind: str, obj: Json, *, warning: bool, reason: str, message: str, now: datetime
) -> None:
    """One Event for an object of ours; the same one twice is kept once, because its name is its content."""
    metadata = obj["metadata"]
    second = timestamp(now, micro=False)
    identity = f"{metadata['uid']}/{metadata.get('generation')}/{reason}/{message}/{second}"
    name = f"{metadata['name'][:200]}.{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": metadata["namespace"]},
        "involvedObject": {
            "apiVersion": names.API_VERSION,
            "kind": kind,
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
        },
        "type": "Warning" if warning else "Normal",
        "reason": reason,
        "message": clipped(message, _NOTE_CHARACTERS),
        "source": {"component": names.FIELD_MANAGER},
        "reportingComponent": names.FIELD_MANAGER,
        "reportingInstance": names.FIELD_MANAGER,
        "firstTimestamp": second,
        "lastTimestamp": second,
        "count": 1,
    }
    await api.create(namespaced("events", metadata["namespace"]), event)
