"""Uploads of flow artifacts, as calls. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

from dagy.client.calls import Call, answer, nothing, path, query
from dagy.model.rest_deployments import CompleteUploadRequest, DeploymentResponse
from dagy.model.rest_uploads import PartUrls, PartUrlsRequest, UploadedParts, UploadResponse, UploadStart

ROOT = "uploads"


def start(upload: UploadStart) -> Call[UploadResponse]:
    """A new upload. Repeated, it leaves one behind that nobody completes, which the store's lifecycle rule removes."""
    return Call("POST", path(ROOT), answer(UploadResponse), body=upload.model_dump(exclude_none=True))


def uploaded(upload_id: str, artifact_key: str) -> Call[UploadedParts]:
    """How far an upload has got."""
    return Call("GET", path(ROOT, upload_id), answer(UploadedParts), query(artifact_key=artifact_key))


def part_urls(upload_id: str, artifact_key: str, numbers: Sequence[int]) -> Call[PartUrls]:
    """Fresh URLs for parts."""
    body = PartUrlsRequest(artifact_key=artifact_key, part_numbers=list(numbers)).model_dump()
    return Call("POST", path(ROOT, upload_id, "parts"), answer(PartUrls), body=body)


def abort(upload_id: str, artifact_key: str) -> Call[None]:
    """Give an upload up."""
    return Call("DELETE", path(ROOT, upload_id), nothing, query(artifact_key=artifact_key))


def complete(namespace: str, request: CompleteUploadRequest) -> Call[DeploymentResponse]:
    """Deploy what was uploaded; repeated, it changes nothing."""
    body = request.model_dump(mode="json", exclude_unset=True)
    return Call("POST", path(ROOT, "complete"), answer(DeploymentResponse), query(namespace=namespace), body=body)
