"""Uploads of flow artifacts, as calls. No I/O."""

from __future__ import annotations

from dagy.client.http.requests import Call, Operation, answer, nothing, path, query
from dagy.model.rest.deployments import (
    CompleteUploadRequest,
    DeploymentOptions,
    DeploymentResponse,
    RestFlowArtifact,
)
from dagy.model.rest.uploads import PartUrls, PartUrlsRequest, UploadedParts, UploadResponse, UploadStart

ROOT = "uploads"


def start(upload: UploadStart) -> Call[UploadResponse]:
    """A new upload. Repeated, it leaves one behind that nobody completes, which the store's lifecycle rule removes."""
    return Call("POST", path(ROOT), answer(UploadResponse), body=upload.model_dump(exclude_none=True), central=True)


def uploaded(upload_id: str, artifact_key: str) -> Call[UploadedParts]:
    """How far an upload has got."""
    return Call("GET", path(ROOT, upload_id), answer(UploadedParts), query(artifact_key=artifact_key), central=True)


def part_urls(upload_id: str, wanted: PartUrlsRequest) -> Call[PartUrls]:
    """Fresh URLs for parts."""
    return Call("POST", path(ROOT, upload_id, "parts"), answer(PartUrls), body=wanted.model_dump(), central=True)


def abort(upload_id: str, artifact_key: str) -> Call[None]:
    """Give an upload up."""
    return Call("DELETE", path(ROOT, upload_id), nothing, query(artifact_key=artifact_key), central=True)


def complete(namespace: str, request: CompleteUploadRequest) -> Call[DeploymentResponse]:
    """Deploy what was uploaded; repeated, it changes nothing."""
    body = request.model_dump(mode="json", exclude_unset=True)
    where = query(namespace=namespace)
    return Call("POST", path(ROOT, "complete"), answer(DeploymentResponse), where, body=body, central=True)


def assemble_and_deploy(namespace: str, request: CompleteUploadRequest) -> Operation[DeploymentResponse]:
    """The same in two steps: the API that has the store assembles, and the caller's own rights deploy."""
    body = request.model_dump(mode="json", exclude_unset=True)
    where = query(namespace=namespace)
    assembled: RestFlowArtifact = yield Call(
        "POST", path(ROOT, "assemble"), answer(RestFlowArtifact), where, body=body, central=True
    )
    options = request.model_dump(mode="json", exclude_unset=True, include=set(DeploymentOptions.model_fields))
    wish = {**options, "flow_artifact": assembled.model_dump(mode="json"), "upload_id": request.upload_id}
    deployed: DeploymentResponse = yield Call(
        "PUT", path("deployments", namespace, request.deployment_name), answer(DeploymentResponse), body=wish
    )
    return deployed
