"""Uploading flow artifacts in parts, in parallel, from where an earlier attempt was cut: `Client.uploads`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dagy.client.files.artifacts import LocalArtifact
from dagy.client.files.parts import Meter, PartSender, slices
from dagy.client.files.upload_state import UploadState, UploadStates
from dagy.client.files.verified import Progress
from dagy.client.http.errors import ConflictError, InvalidError, NotFoundError
from dagy.client.http.requests import Call, answer, nothing, path, query
from dagy.client.http.session import Session
from dagy.model.rest.deployments import CompleteUploadRequest, DeploymentOptions, DeploymentResponse, RestFlowArtifact
from dagy.model.rest.uploads import CompletedPart, PartUrls, PartUrlsRequest, UploadedParts, UploadResponse, UploadStart

ROOT = "uploads"
_URLS_AT_ONCE = 500


@dataclass(frozen=True)
class UploadedArtifact:
    """Upload as the body of its completion describes it."""

    upload_id: str
    artifact_key: str
    parts: tuple[CompletedPart, ...]


class Uploads:
    """All methods raise `DagyError`."""

    def __init__(self, session: Session, states: UploadStates) -> None:
        self._session, self._states = session, states

    def upload(
        self, artifact: LocalArtifact, deployment_name: str, namespace: str, *, progress: Progress | None = None
    ) -> UploadedArtifact:
        """Send what the store lacks of an artifact. `progress` gets bytes done and bytes in all, from any thread."""
        what = self._what(artifact, deployment_name, namespace)
        state, etags = self._under_way(artifact, what) or self._started(artifact, deployment_name, namespace, what)
        cut = slices(artifact.size_bytes, state.part_size)
        missing = [part for part in cut if part.number not in etags]
        sent = sum(part.size for part in cut if part.number in etags)
        meter = Meter(artifact.size_bytes, sent, progress)
        sender = PartSender(
            self._session.store, artifact.path, lambda number: self._urls(state, artifact, [number])[number], meter.add
        )
        for start in range(0, len(missing), _URLS_AT_ONCE):
            batch = missing[start : start + _URLS_AT_ONCE]
            etags |= sender.send(batch, self._urls(state, artifact, [part.number for part in batch]))
        parts = tuple((part.number, etags[part.number]) for part in cut)
        self._states.keep(UploadState(state.upload_id, state.artifact_key, state.part_size, parts), *what)
        listed = tuple(CompletedPart(part_number=number, etag=etag) for number, etag in parts)
        return UploadedArtifact(state.upload_id, state.artifact_key, listed)

    def complete(self, namespace: str, request: CompleteUploadRequest) -> DeploymentResponse:
        """Deploy what was uploaded; repeated, it changes nothing."""
        body, where = request.model_dump(mode="json", exclude_unset=True), query(namespace=namespace)
        if not self._session.is_divided:
            call = Call("POST", path(ROOT, "complete"), answer(DeploymentResponse), where, body=body, central=True)
            return self._session.send(call)
        # In two steps: the API that has the store assembles, and the caller's own rights deploy.
        assemble = Call("POST", path(ROOT, "assemble"), answer(RestFlowArtifact), where, body=body, central=True)
        assembled = self._session.send(assemble)
        options = request.model_dump(mode="json", exclude_unset=True, include=set(DeploymentOptions.model_fields))
        wish = {**options, "flow_artifact": assembled.model_dump(mode="json"), "upload_id": request.upload_id}
        deployment = path("deployments", namespace, request.deployment_name)
        return self._session.send(Call("PUT", deployment, answer(DeploymentResponse), body=wish))

    def abort(self, upload_id: str, artifact_key: str) -> None:
        """Give an upload up; the parts that were sent are deleted."""
        where = query(artifact_key=artifact_key)
        self._session.send(Call("DELETE", path(ROOT, upload_id), nothing, where, central=True))

    def forget(self, artifact: LocalArtifact, deployment_name: str, namespace: str) -> None:
        """Let the next upload of this file begin anew."""
        self._states.forget(*self._what(artifact, deployment_name, namespace))

    def _what(self, artifact: LocalArtifact, deployment_name: str, namespace: str) -> tuple[str, ...]:
        return artifact.sha256, str(self._session.central.base_url), namespace, deployment_name

    def _under_way(self, artifact: LocalArtifact, what: Sequence[str]) -> tuple[UploadState, dict[int, str]] | None:
        """An earlier upload of this file and the ETags of what the store has of it; None when there is none."""
        state = self._states.find(*what)
        if state is None:
            return None
        try:
            where = query(artifact_key=state.artifact_key)
            call = Call("GET", path(ROOT, state.upload_id), answer(UploadedParts), where, central=True)
            found = self._session.send(call)
        except (NotFoundError, InvalidError, ConflictError):  # the store or the server has forgotten it
            self._states.forget(*what)
            return None
        sizes = {part.number: part.size for part in slices(artifact.size_bytes, state.part_size)}
        if found.completed:
            return (state, dict(state.parts)) if len(state.parts) == len(sizes) else None
        return state, {part.part_number: part.etag for part in found.parts if sizes.get(part.part_number) == part.size}

    def _started(
        self, artifact: LocalArtifact, deployment_name: str, namespace: str, what: Sequence[str]
    ) -> tuple[UploadState, dict[int, str]]:
        upload = UploadStart(
            namespace=namespace,
            deployment_name=deployment_name,
            filename=artifact.path.name,
            size_bytes=artifact.size_bytes,
            sha256=artifact.sha256,
        )
        # Repeated, it leaves one behind that nobody completes, which the store's lifecycle rule removes.
        body = upload.model_dump(exclude_none=True)
        started = self._session.send(Call("POST", path(ROOT), answer(UploadResponse), body=body, central=True))
        state = UploadState(started.upload_id, started.artifact_key, started.part_size)
        self._states.keep(state, *what)
        return state, {}

    def _urls(self, state: UploadState, artifact: LocalArtifact, numbers: Sequence[int]) -> dict[int, str]:
        wanted = PartUrlsRequest(
            artifact_key=state.artifact_key,
            size_bytes=artifact.size_bytes,
            part_size=state.part_size,
            part_numbers=list(numbers),
        )
        parts = path(ROOT, state.upload_id, "parts")
        found = self._session.send(Call("POST", parts, answer(PartUrls), body=wanted.model_dump(), central=True))
        return {part.part_number: part.url for part in found.parts}
