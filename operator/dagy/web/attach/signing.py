"""/artifacts:sign: with its own token a pod gets URLs for the packages that were attached to it, and nothing else."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from dagy.adapters.kube.api import custom_path
from dagy.adapters.kube.reviews import PodIdentity
from dagy.adapters.settings.tls import added_authorities
from dagy.core.attach.pin import AttachRequest, PackageRef, Refusal
from dagy.core.common.keys import FlowHome, ObjectKey
from dagy.core.common.timestamp import timestamp
from dagy.core.rest.reasons import ApiReason
from dagy.model import constants as names
from dagy.model.flowdeployment import FlowArtifact
from dagy.model.rest.uploads import FlowArtifactToSign, SignedArtifact, SignRequest, SignResponse
from dagy.web.serving.callers import SIGN_PATH, Callers
from dagy.web.serving.credentials import bearer_token
from dagy.web.serving.parameters import problems
from dagy.web.serving.problems import ProblemError
from dagy.web.serving.services import Provided, Services

router = APIRouter(tags=["artifacts"])


@router.post(
    SIGN_PATH,
    responses=problems(ApiReason.NO_IDENTITY, ApiReason.STORAGE_NOT_CONFIGURED, ApiReason.STORAGE_UNAVAILABLE),
)
async def sign(
    request: Request, body: SignRequest, services: Provided, token: Annotated[str, Depends(bearer_token)]
) -> SignResponse:
    """URLs for artifacts, for the init container of a pod.

    The token is a service account's, bound to a pod, for the audience `dagy.io/api`. A package can be had when it is in
    the pod's namespace, or when the pod's service account may get it; a flow's code only in its own namespace.
    """
    services.identity()
    callers: Callers = request.app.state.callers
    pod = await callers.pod(token)
    found = await _packages(body, services, pod)
    if body.flow_artifact:
        found.append(await _flow(body.flow_artifact, services, pod))
    ends = datetime.now(UTC) + timedelta(seconds=services.settings.api_download_seconds)
    signed = await asyncio.to_thread(_sign, services, found, timestamp(ends, micro=False))
    # A store with a public certificate, or without any, needs no others.
    private = any(one.url.startswith("https:") for one in signed)
    return SignResponse(artifacts=signed, certificate_authorities=added_authorities() if private else None)


@dataclass(frozen=True)
class _Found:
    """One artifact that the pod may have; `slug` is None for a flow's code."""

    slug: str | None
    key: ObjectKey
    sha256: str
    size_bytes: int


async def _packages(body: SignRequest, services: Services, pod: PodIdentity) -> list[_Found]:
    wanted = tuple(PackageRef(one.slug, one.sha256) for one in body.artifacts)
    request = AttachRequest(pod.namespace, wanted, pod.service_account)
    pinned = await services.lookup.plan(request, compare=False)
    if isinstance(pinned, Refusal):
        raise ProblemError(ApiReason.NOT_FOUND, pinned.message)
    places = [(p, p.home.artifact_of(p.artifact.uri)) for p in pinned.packages]
    return [_Found(p.slug, key, p.artifact.sha256, p.artifact.size_bytes) for p, key in places if key]


async def _flow(wanted: FlowArtifactToSign, services: Services, pod: PodIdentity) -> _Found:
    """Return the artifact of that SHA-256 among those that the deployment has, or had in a revision that is kept.

    Status doesn't list every revision that a run may be of, and can be erased. What was uploaded for the deployment
    itself is found without it.
    """
    missing = ProblemError(
        ApiReason.NOT_FOUND,
        f"Flow deployment {wanted.namespace}/{wanted.deployment} has no artifact {wanted.sha256} that a pod of "
        f"namespace {pod.namespace} may have. Deploy again.",
    )
    if wanted.namespace != pod.namespace:
        raise missing
    path = custom_path(names.FLOWDEPLOYMENT_PLURAL, wanted.namespace, wanted.deployment)
    deployment: dict[str, Any] = await services.identity().get(path) or {}
    home = FlowHome(services.settings.location, pod.namespace)
    history = (deployment.get("status") or {}).get("history") or ()
    for source in [deployment.get("spec") or {}, *history]:
        artifact = source.get("artifact") or {}
        mine = home.upload_of(str(artifact.get("uri")))
        if mine and artifact.get("sha256") == wanted.sha256:
            return _Found(None, mine.key, wanted.sha256, FlowArtifact.model_validate(artifact).size_bytes)
    key = home.upload(wanted.deployment, wanted.sha256).key
    size = await asyncio.to_thread(services.storage().size, key) if deployment else None
    if size is None:
        raise missing
    return _Found(None, key, wanted.sha256, size)


def _sign(services: Services, found: list[_Found], ends: str) -> list[SignedArtifact]:
    store, seconds = services.storage(), services.settings.api_download_seconds
    return [
        SignedArtifact(
            slug=one.slug,
            sha256=one.sha256,
            url=store.download_url(one.key, seconds, public=False),
            size_bytes=one.size_bytes,
            expires_at=ends,
        )
        for one in found
    ]
