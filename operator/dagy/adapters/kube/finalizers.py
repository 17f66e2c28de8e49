"""Letting an object go: our finalizer away, also where a user, a restore or GitOps put it there."""

from __future__ import annotations

from dagy.adapters.kube.api import Json, KubeApi, KubeError
from dagy.model import constants as names


async def remove_finalizer(api: KubeApi, path: str, obj: Json) -> None:
    """Remove it from the object as it was read; an object that is gone is fine.

    Not by server-side apply, which leaves alone what another manager has put there, so that the object would never go.
    Raises KubeError: 409 when the object has changed since it was read.
    """
    metadata = obj["metadata"]
    others = [finalizer for finalizer in metadata.get("finalizers") or [] if finalizer != names.FINALIZER]
    try:
        await api.patch(
            path,
            [
                {"op": "test", "path": "/metadata/uid", "value": metadata["uid"]},
                # The API server compares it with the present one, so that no finalizer that came since is lost.
                {"op": "replace", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
                {"op": "replace", "path": "/metadata/finalizers", "value": others},
            ],
        )
    except KubeError as error:
        if error.status == 422 and "test" in str(error).lower():
            raise KubeError(409, "Conflict", str(error)) from error
        if error.status != 404:
            raise
