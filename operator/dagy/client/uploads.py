"""Uploading flow artifacts in parts, in parallel, from where an earlier attempt was cut: `Client.uploads`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dagy.client import upload_operations as operations
from dagy.client.files.artifacts import LocalArtifact
from dagy.client.files.parts import Meter, PartSender, slices
from dagy.client.files.upload_state import Hint, Hints
from dagy.client.files.verified import Progress
from dagy.client.http.errors import ConflictError, InvalidError, NotFoundError
from dagy.client.http.session import Session
from dagy.model.rest.deployments import CompleteUploadRequest, DeploymentResponse
from dagy.model.rest.uploads import CompletedPart, PartUrlsRequest, UploadStart

_URLS_AT_ONCE = 500


@dataclass(frozen=True)
class UploadedArtifact:
    """What the body of the completion says of an upload."""

    upload_id: str
    artifact_key: str
    parts: tuple[CompletedPart, ...]


class Uploads:
    """All methods raise `DagyError`."""

    def __init__(self, session: Session, hints: Hints) -> None:
        self._session, self._hints = session, hints

    def upload(
        self, artifact: LocalArtifact, deployment_name: str, namespace: str, *, progress: Progress | None = None
    ) -> UploadedArtifact:
        """Send what the store lacks of an artifact. `progress` gets bytes done and bytes in all, from any thread."""
        what = self._what(artifact, deployment_name, namespace)
        hint, etags = self._under_way(artifact, what) or self._started(artifact, deployment_name, namespace, what)
        cut = slices(artifact.size_bytes, hint.part_size)
        missing = [part for part in cut if part.number not in etags]
        sent = sum(part.size for part in cut if part.number in etags)
        meter = Meter(artifact.size_bytes, sent, progress)
        sender = PartSender(
            self._session.store, artifact.path, lambda number: self._urls(hint, artifact, [number])[number], meter.add
        )
        for start in range(0, len(missing), _URLS_AT_ONCE):
            batch = missing[start : start + _URLS_AT_ONCE]
            etags |= sender.send(batch, self._urls(hint, artifact, [part.number for part in batch]))
        parts = tuple((part.number, etags[part.number]) for part in cut)
        self._hints.keep(Hint(hint.upload_id, hint.artifact_key, hint.part_size, parts), *what)
        listed = tuple(CompletedPart(part_number=number, etag=etag) for number, etag in parts)
        return UploadedArtifact(hint.upload_id, hint.artifact_key, listed)

    def complete(self, namespace: str, request: CompleteUploadRequest) -> DeploymentResponse:
        """Deploy what was uploaded; repeated, it changes nothing."""
        if self._session.is_divided:
            return self._session.run(operations.assemble_and_deploy(namespace, request))
        return self._session.send(operations.complete(namespace, request))

    def abort(self, upload_id: str, artifact_key: str) -> None:
        """Give an upload up; the parts that were sent are deleted."""
        self._session.send(operations.abort(upload_id, artifact_key))

    def forget(self, artifact: LocalArtifact, deployment_name: str, namespace: str) -> None:
        """Let the next upload of this file begin anew."""
        self._hints.forget(*self._what(artifact, deployment_name, namespace))

    def _what(self, artifact: LocalArtifact, deployment_name: str, namespace: str) -> tuple[str, ...]:
        return artifact.sha256, str(self._session.central.base_url), namespace, deployment_name

    def _under_way(self, artifact: LocalArtifact, what: Sequence[str]) -> tuple[Hint, dict[int, str]] | None:
        """An earlier upload of this file and the ETags of what the store has of it; None when there is none."""
        hint = self._hints.find(*what)
        if hint is None:
            return None
        try:
            found = self._session.send(operations.uploaded(hint.upload_id, hint.artifact_key))
        except (NotFoundError, InvalidError, ConflictError):  # the store or the server has forgotten it
            self._hints.forget(*what)
            return None
        sizes = {part.number: part.size for part in slices(artifact.size_bytes, hint.part_size)}
        if found.completed:
            return (hint, dict(hint.parts)) if len(hint.parts) == len(sizes) else None
        return hint, {part.part_number: part.etag for part in found.parts if sizes.get(part.part_number) == part.size}

    def _started(
        self, artifact: LocalArtifact, deployment_name: str, namespace: str, what: Sequence[str]
    ) -> tuple[Hint, dict[int, str]]:
        upload = UploadStart(
            namespace=namespace,
            deployment_name=deployment_name,
            filename=artifact.path.name,
            size_bytes=artifact.size_bytes,
            sha256=artifact.sha256,
        )
        started = self._session.send(operations.start(upload))
        hint = Hint(started.upload_id, started.artifact_key, started.part_size)
        self._hints.keep(hint, *what)
        return hint, {}

    def _urls(self, hint: Hint, artifact: LocalArtifact, numbers: Sequence[int]) -> dict[int, str]:
        wanted = PartUrlsRequest(
            artifact_key=hint.artifact_key,
            size_bytes=artifact.size_bytes,
            part_size=hint.part_size,
            part_numbers=list(numbers),
        )
        found = self._session.send(operations.part_urls(hint.upload_id, wanted))
        return {part.part_number: part.url for part in found.parts}
