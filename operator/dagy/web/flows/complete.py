"""Completing an upload: one object out of the parts, verified to its last byte, and then a deployment of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import Response

from dagy.adapters.kube.api import Json, KubeApi
from dagy.adapters.presigned import PresignedStore, UploadGoneError, WrongPartsError
from dagy.core.attach.pin import Refusal
from dagy.core.common.keys import FlowUpload, ObjectKey
from dagy.core.flows.plan import flow_plan_of, request_for
from dagy.core.package.plan import digest
from dagy.core.rest import view as rest_view
from dagy.core.rest.reasons import ApiReason
from dagy.model import constants as names
from dagy.model.flowdeployment import FlowArtifact, FlowDeploymentSpec
from dagy.model.rest.deployments import CompleteUploadRequest, DeploymentOptions, DeploymentResponse
from dagy.model.rest.uploads import CompletedPart
from dagy.web.serving.problems import ProblemError
from dagy.web.serving.resources import DEPLOYMENTS
from dagy.web.serving.services import Services
from dagy_builder.sizes import human_size

_R = ApiReason


def gone(upload_id: str) -> ProblemError:
    """There is no such upload."""
    return ProblemError(
        _R.UPLOAD_NOT_FOUND, f"There is no upload {upload_id[:80]}: it was aborted, or it has expired. Start it again."
    )


def too_large(what: str, most: int) -> ProblemError:
    """A file that is larger than an upload may be; `what` says which, and how large."""
    return ProblemError(
        _R.TOO_LARGE,
        f"{what}, and a flow artifact may have {human_size(most)}. Leave out what a dependency package can bring, or "
        "have DAGY_API_UPLOAD_MAX_BYTES raised.",
    )


@dataclass(frozen=True)
class Wish:
    """Wanted state of a deployment."""

    options: DeploymentOptions
    artifact: FlowArtifact
    upload_id: str

    def spec(self, now: Json | None) -> Json:
        """The spec instead of the present one."""
        return self.options.to_spec(self.artifact, FlowDeploymentSpec.model_validate(now["spec"]) if now else None)

    @property
    def asked(self) -> dict[str, str]:
        """Annotations that let it pin the newest artifacts of its packages, even when nothing else has changed.

        Repeated for one upload, it asks once.
        """
        return {names.REQUEST_REFRESH: digest(self.upload_id)[:16]}

    def is_met(self, now: Json | None) -> bool:
        """Return True when the deployment is like that already."""
        return now is not None and _same(now, self.spec(now), self.asked)


async def assemble(services: Services, caller: KubeApi, flow: FlowUpload, body: CompleteUploadRequest) -> FlowArtifact:
    """The uploaded artifact, verified, for a deployment that is possible. Raises ProblemError."""
    present = await DEPLOYMENTS.find(caller, flow.namespace, flow.deployment)
    artifact = await _artifact(services, services.storage(), flow, body, present)
    wish = Wish(body, artifact, body.upload_id)
    if not wish.is_met(present):  # whatever became of the packages since is no reason to refuse it
        await _check_packages(services, flow, wish.spec(present))
    return artifact


async def save(caller: KubeApi, namespace: str, name: str, wish: Wish, response: Response) -> DeploymentResponse:
    """The deployment, written with the caller's rights. Raises ProblemError; nothing is deployed then."""
    present = await DEPLOYMENTS.find(caller, namespace, name)
    if present is not None and wish.is_met(present):
        deployment, new = present, False
    else:
        deployment, new = await DEPLOYMENTS.save(caller, namespace, name, wish.spec, annotations=wish.asked)
    response.headers["ETag"] = rest_view.etag(deployment)
    if new:
        response.status_code = 201
        response.headers["Location"] = DEPLOYMENTS.location(namespace, name)
    return rest_view.deployment_response(deployment)


def _same(present: Json, spec: Json, annotations: Mapping[str, str]) -> bool:
    known = present["metadata"].get("annotations") or {}
    asked_already = all(known.get(name) == value for name, value in annotations.items())
    return asked_already and FlowDeploymentSpec.model_validate(spec) == FlowDeploymentSpec.model_validate(
        present["spec"]
    )


async def _artifact(
    services: Services, files: PresignedStore, flow: FlowUpload, body: CompleteUploadRequest, present: Json | None
) -> FlowArtifact:
    """The object at the key, put together if it is not yet, and read to its end unless it is deployed already."""
    key = flow.key
    uri = services.settings.location.uri(key)
    deployed = FlowArtifact.model_validate(present["spec"]["artifact"]) if present else None
    size = await asyncio.to_thread(files.size, key)
    if size is not None and deployed and (deployed.uri, deployed.size_bytes) == (uri, size):
        await asyncio.to_thread(files.abort, key, body.upload_id)  # the same file, uploaded once more
        return deployed
    await _put_together(files, key, body, there=size is not None)
    most = services.settings.api_upload_max_bytes
    made = await asyncio.to_thread(files.size, key)
    if made is not None and made > most:  # not read: of what is larger, no hash could be told
        if size is None:
            await asyncio.to_thread(files.delete, key)
        raise too_large(f"What was uploaded has {human_size(made)}", most)
    stored = await services.verifications.stored(files, key, most)
    if stored is None:
        raise gone(body.upload_id)
    if stored.sha256 != flow.sha256:
        await asyncio.to_thread(files.delete, key)
        raise ProblemError(
            _R.UPLOAD_CORRUPT,
            f"What was uploaded has SHA-256 {stored.sha256}, and {flow.sha256} was announced; it was deleted. The file "
            "changed during the upload, or parts were mixed up: upload it again.",
        )
    return FlowArtifact(uri=uri, sha256=flow.sha256, size_bytes=stored.size)


async def _put_together(files: PresignedStore, key: ObjectKey, body: CompleteUploadRequest, *, there: bool) -> None:
    upload_id = body.upload_id
    parts = sorted(body.parts, key=lambda part: part.part_number)
    numbers = [part.part_number for part in parts]
    if numbers != list(range(1, len(parts) + 1)):
        lacking = sorted(set(range(1, numbers[-1] + 1)) - set(numbers))
        which = f"part {lacking[0]} is missing" if lacking else "a part is listed twice"
        raise ProblemError(
            _R.UPLOAD_INCOMPLETE, f"The upload cannot be completed: {which}. List each part once, from 1 to the last."
        )
    try:
        sent = [(part.part_number, part.etag.strip('"')) for part in parts]
        await asyncio.to_thread(files.complete, key, upload_id, sent)
    except UploadGoneError:
        if not there:
            raise gone(upload_id) from None
    except WrongPartsError as error:
        raise await _incomplete(files, key, upload_id, parts, str(error)) from None
    else:
        if there:  # S3 kept what was there, and with it the parts of this upload
            await asyncio.to_thread(files.abort, key, upload_id)


async def _incomplete(
    files: PresignedStore, key: ObjectKey, upload_id: str, parts: Sequence[CompletedPart], said: str
) -> ProblemError:
    there = {part.number: part.etag for part in await asyncio.to_thread(files.parts, key, upload_id)}
    wrong = [part.part_number for part in parts if there.get(part.part_number) != part.etag.strip('"')]
    which = f"part {', '.join(map(str, wrong[:10]))} is not what S3 has" if wrong else f"S3 says {said}"
    return ProblemError(
        _R.UPLOAD_INCOMPLETE,
        f"The upload cannot be completed: {which}. GET /uploads/{upload_id[:80]} lists the parts that there are; send "
        "the others again.",
    )


async def _check_packages(services: Services, flow: FlowUpload, spec: Json) -> None:
    """Raise ProblemError (409) when the packages could not be attached, with the sentence that the pods would get."""
    metadata = {"namespace": flow.namespace, "name": flow.deployment, "uid": ""}
    request = request_for(flow_plan_of({"metadata": metadata, "spec": spec}), None)
    planned = await services.lookup.plan(request, only_current=True)
    if isinstance(planned, Refusal):
        raise ProblemError(_R.NOT_DEPLOYABLE, planned.message, code=planned.reason)
