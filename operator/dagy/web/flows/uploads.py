"""/uploads: flow artifacts in parts, straight to S3, and deployed when they are complete."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from dagy.adapters.presigned import UploadGoneError
from dagy.core.common.keys import FlowHome, FlowUpload, ObjectKey, upload_in
from dagy.core.common.timestamp import timestamp
from dagy.core.rest.reasons import ApiReason
from dagy.core.rest.upload_parts import Cut
from dagy.model.rest.deployments import CompleteUploadRequest, DeploymentResponse, RestFlowArtifact
from dagy.model.rest.uploads import (
    MAX_PARTS,
    UPLOAD_ID_PATTERN,
    ArtifactKey,
    PartUrl,
    PartUrls,
    PartUrlsRequest,
    UploadedPart,
    UploadedParts,
    UploadResponse,
    UploadStart,
)
from dagy.web.flows import complete
from dagy.web.serving.parameters import problems
from dagy.web.serving.problems import ProblemError
from dagy.web.serving.resources import DEPLOYMENTS
from dagy.web.serving.services import Caller, Provided, Services
from dagy_builder.sizes import human_size

router = APIRouter(tags=["uploads"])

_R = ApiReason
_STORAGE = (_R.FORBIDDEN, _R.FOREIGN_KEY, _R.UPLOAD_NOT_FOUND, _R.STORAGE_NOT_CONFIGURED, _R.STORAGE_UNAVAILABLE)
UploadPath = Annotated[str, Path(pattern=UPLOAD_ID_PATTERN, description="As the start of the upload gave it.")]
KeyQuery = Annotated[ArtifactKey, Query(description="As the start of the upload gave it.")]

UploadNamespace = Annotated[str | None, Query(max_length=63, description="That of the upload; may be left out.")]


@router.post("/uploads", status_code=201, responses=problems(*_STORAGE))
async def start_upload(services: Provided, caller: Caller, body: UploadStart) -> UploadResponse:
    """Begin to upload a flow artifact: PUT each part to its URL, then complete the upload."""
    files, settings = services.storage(), services.settings
    await DEPLOYMENTS.require(caller, "create", body.namespace)
    _check_size(services, body.filename, body.size_bytes)
    part_size = max(body.part_size or settings.api_upload_part_bytes, -(-body.size_bytes // MAX_PARTS))
    key = FlowHome(settings.location, body.namespace).upload(body.deployment_name, body.sha256).key
    upload_id = await asyncio.to_thread(files.start, key)
    cut = Cut(body.size_bytes, part_size)
    urls = await _urls(services, key, upload_id, range(1, cut.count + 1), cut)
    return UploadResponse(
        upload_id=upload_id, artifact_key=key.text, part_size=part_size, parts=urls.parts, expires_at=urls.expires_at
    )


@router.post(
    "/uploads/complete",
    responses={
        **problems(*_STORAGE, _R.UPLOAD_INCOMPLETE, _R.UPLOAD_CORRUPT, _R.NOT_DEPLOYABLE),
        201: {"model": DeploymentResponse, "description": "The deployment is new"},
    },
)
async def complete_upload(
    services: Provided,
    caller: Caller,
    body: CompleteUploadRequest,
    response: Response,
    namespace: UploadNamespace = None,
) -> DeploymentResponse:
    """Put the parts together and deploy them. Repeating it changes nothing."""
    flow = await _flow_of(services, caller, body, namespace)
    artifact = await complete.assemble(services, caller, flow, body)
    wish = complete.Wish(body, artifact, body.upload_id)
    return await complete.save(caller, flow.namespace, flow.deployment, wish, response)


@router.post(
    "/uploads/assemble", responses=problems(*_STORAGE, _R.UPLOAD_INCOMPLETE, _R.UPLOAD_CORRUPT, _R.NOT_DEPLOYABLE)
)
async def assemble_upload(
    services: Provided, caller: Caller, body: CompleteUploadRequest, namespace: UploadNamespace = None
) -> RestFlowArtifact:
    """Put the parts together, and check whether they could be deployed; PUT /deployments deploys them."""
    flow = await _flow_of(services, caller, body, namespace)
    artifact = await complete.assemble(services, caller, flow, body)
    return RestFlowArtifact.model_validate(artifact.model_dump())


async def _flow_of(
    services: Services, caller: Caller, body: CompleteUploadRequest, namespace: str | None
) -> FlowUpload:
    """Return the upload. Raises ProblemError when the request speaks of another one, or the caller may not deploy."""
    flow = await _allowed(services, caller, body.artifact_key)
    if flow.deployment != body.deployment_name or namespace not in (None, flow.namespace):
        raise ProblemError(
            _R.FOREIGN_KEY,
            f"artifact_key was given to deployment {flow.namespace}/{flow.deployment}, not to "
            f"{namespace or flow.namespace}/{body.deployment_name}. Name the deployment of the upload.",
        )
    return flow


@router.get("/uploads/{upload_id}", responses=problems(*_STORAGE))
async def upload_progress(
    services: Provided, caller: Caller, upload_id: UploadPath, artifact_key: KeyQuery
) -> UploadedParts:
    """Which parts S3 has: after an interruption, send the others."""
    key, files = (await _allowed(services, caller, artifact_key)).key, services.storage()
    try:
        found = await asyncio.to_thread(files.parts, key, upload_id)
    except UploadGoneError:
        if await asyncio.to_thread(files.size, key) is None:
            raise complete.gone(upload_id) from None
        return UploadedParts(upload_id=upload_id, artifact_key=artifact_key, parts=[], completed=True)
    parts = [UploadedPart(part_number=part.number, etag=part.etag, size=part.size) for part in found]
    return UploadedParts(upload_id=upload_id, artifact_key=artifact_key, parts=parts)


@router.post("/uploads/{upload_id}/parts", responses=problems(*_STORAGE))
async def fresh_urls(services: Provided, caller: Caller, upload_id: UploadPath, body: PartUrlsRequest) -> PartUrls:
    """Fresh URLs for parts, when the first ones have expired."""
    key, files = (await _allowed(services, caller, body.artifact_key)).key, services.storage()
    _check_size(services, "The file", body.size_bytes)
    try:
        there = await asyncio.to_thread(files.parts, key, upload_id)
    except UploadGoneError:
        raise complete.gone(upload_id) from None
    numbers, cut = set(body.part_numbers), Cut(body.size_bytes, body.part_size)
    if misfit := cut.misfit(numbers, {part.number: part.size for part in there}):
        raise ProblemError(
            _R.INVALID_REQUEST,
            f"The parts are not those of the upload: {misfit}. Send size_bytes and part_size as at its start, or start "
            "another one.",
        )
    return await _urls(services, key, upload_id, sorted(numbers), cut)


@router.delete("/uploads/{upload_id}", status_code=204, responses=problems(*_STORAGE))
async def abort_upload(services: Provided, caller: Caller, upload_id: UploadPath, artifact_key: KeyQuery) -> None:
    """Forget an upload that was not completed, and its parts. One that is gone is fine."""
    key = (await _allowed(services, caller, artifact_key)).key
    await asyncio.to_thread(services.storage().abort, key, upload_id)


async def _allowed(services: Services, caller: Caller, key: str) -> FlowUpload:
    """Return the upload of a key, once the caller may deploy there. Raises ProblemError (403, 404, 422)."""
    services.storage()
    flow = upload_in(services.settings.location, key)
    if flow is None:
        raise ProblemError(
            _R.FOREIGN_KEY, "artifact_key is not one of an upload. Send the one that the start of the upload gave."
        )
    await DEPLOYMENTS.require(caller, "create", flow.namespace)
    return flow


def _check_size(services: Services, name: str, size_bytes: int) -> None:
    """Raise ProblemError (413) for a file that is larger than an upload may be."""
    if size_bytes > services.settings.api_upload_max_bytes:
        raise complete.too_large(f"{name} has {human_size(size_bytes)}", services.settings.api_upload_max_bytes)


async def _urls(services: Services, key: ObjectKey, upload_id: str, numbers: range | list[int], cut: Cut) -> PartUrls:
    files, seconds = services.storage(), services.settings.api_upload_seconds
    until = timestamp(datetime.now(UTC) + timedelta(seconds=seconds), micro=False)

    def sign() -> list[PartUrl]:
        return [PartUrl(part_number=n, url=files.part_url(key, upload_id, n, cut.length(n), seconds)) for n in numbers]

    return PartUrls(parts=await asyncio.to_thread(sign), expires_at=until)
