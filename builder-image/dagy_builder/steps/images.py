"""The image of an artifact: made by step `package` after its ZIP, pushed by step `upload` after its record.

The ZIP waits for neither. What goes wrong here is told in the record and in status, and never fails a build: pods get
the package by the init container then (docs/decisions/2026-11-26-images.md).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dagy_builder import keys
from dagy_builder.archive.summary import ARTIFACT, read_summary
from dagy_builder.contract import CONFIG_VARIABLE, Artifact, BuildRequest, Reason, Step, StepOutcome
from dagy_builder.failure import StepError
from dagy_builder.redact import redact
from dagy_builder.steps.handover import packed_in
from dagy_builder.uv.runner import Log

if TYPE_CHECKING:
    from dagy_builder.storage.store import ObjectStore

IMAGE = "image"
"""The folder with the image, beside the ZIP: an OCI image layout."""
_MOST_CONFLICTS = 5
_IDLE_SECONDS = 60.0
_AGAIN = "Request a build to try again."


def make_image(request: BuildRequest, work: Path, log: Log) -> StepOutcome:
    """Make the image of the ZIP that lies in `packed_in(work)`: result {digest, sha256}, of image and ZIP.

    It always comes back.
    """
    from dagy_builder.image.layering import NotAnImageError
    from dagy_builder.image.layers import write_image
    from dagy_builder.image.manifest import facts_of

    out, started = packed_in(work), time.monotonic()
    try:
        sha256 = read_summary(out).sha256
        facts = facts_of(request.slug, sha256, request.lock_hash)
        digest = write_image(out / ARTIFACT, out / IMAGE, request.architecture, facts)
    except NotAnImageError as error:
        return _not_made(f"{error}.", started)
    except Exception as error:  # whatever it is, the ZIP is complete
        return _not_made(f"{type(error).__name__}: {error}. {_AGAIN}", started)
    seconds = time.monotonic() - started
    log(f"{Step.PACKAGE}: the image {digest} took {seconds:.1f} s")
    return StepOutcome(Step.PACKAGE, ok=True, seconds=round(seconds, 3), result={"digest": digest, "sha256": sha256})


def is_own(request: BuildRequest, image: str | None) -> bool:
    """Return True for an image in the package's own repository."""
    return bool(image) and str(image).startswith(f"{request.image_repository}@sha256:")


def push_image(
    request: BuildRequest,
    artifact: Artifact,
    work: Path,
    made: Callable[[], StepOutcome | None],
    *,
    store: Callable[[], ObjectStore],
    log: Log,
    idle_seconds: float = _IDLE_SECONDS,
) -> Artifact:
    """Push the image and write into the build's record that it is there, or why not; the artifact with the same facts.

    `made` waits for the outcome of `make_image`. A registry that does nothing for `idle_seconds` is given up. It raises
    nothing.
    """
    from dagy_builder.storage.errors import StorageError

    try:
        told = replace(
            artifact,
            image=_pushed(request, artifact, work, made, log=log, idle_seconds=idle_seconds),
            image_failure=None,
        )
    except StepError as failure:
        log(f"{Step.UPLOAD}: {failure.reason}: {failure.message}")
        told = replace(artifact, image_failure={"reason": failure.reason, "message": failure.message})
    try:
        _record(store(), request, told)
    except (StorageError, ValueError) as error:  # S3 is away, or somebody has spoiled the record
        log(f"{Step.UPLOAD}: the record does not tell of the image: {error}")
    return told


def _pushed(
    request: BuildRequest,
    artifact: Artifact,
    work: Path,
    made: Callable[[], StepOutcome | None],
    *,
    log: Log,
    idle_seconds: float,
) -> str:
    from dagy_builder.image.repository import Repository
    from dagy_builder.registry.auth import read_login
    from dagy_builder.registry.client import Patience, RegistryClient
    from dagy_builder.registry.errors import RegistryError
    from dagy_builder.registry.push import push

    outcome = made()
    if outcome is None or not outcome.ok:
        why = (outcome.message if outcome else None) or f"The step that makes the image was ended. {_AGAIN}"
        raise StepError(Reason.IMAGE_NOT_PUSHED, why)
    if (outcome.result or {}).get("sha256") != artifact.sha256:  # an earlier attempt's, of code that builds otherwise
        why = f"The ZIP of an earlier attempt was kept, and this one made another. {_AGAIN}"
        raise StepError(Reason.IMAGE_NOT_PUSHED, why)
    try:
        repository = Repository.parse(request.image_repository)
        config = Path(os.environ.get(CONFIG_VARIABLE) or "/nonexistent")
        try:
            login, patience = read_login(config, repository.host), Patience(idle_seconds)
        except ValueError as error:
            config_at = "The docker config in the Secret that DAGY_OCI_SECRET names"
            why = f"{config_at} can't be read: {error}. Correct it. {_AGAIN}"
            raise StepError(Reason.REGISTRY_ACCESS_DENIED, why) from None
        clients = [
            RegistryClient(one, login, patience, plain_http=request.image_plain_http)
            for one in (repository, repository.shared)
        ]
        return push(clients[0], clients[1], packed_in(work) / IMAGE, lambda line: log(f"{Step.UPLOAD}: {line}"))
    except RegistryError as error:
        raise StepError(error.reason, error.message) from error
    except StepError:
        raise
    except Exception as error:  # whatever it is, the ZIP is complete
        why = f"The image could not be pushed: {type(error).__name__}: {error}. {_AGAIN}"
        raise StepError(Reason.IMAGE_NOT_PUSHED, redact(why)[:1000]) from error


def _record(store: ObjectStore, request: BuildRequest, told: Artifact) -> None:
    """Add what became of the image to the record, if it still is that build's: others may write to it meanwhile."""
    name = keys.BuildKeys.of(request.key_prefix, replace(request, lock_hash=told.lock_hash)).record
    for _ in range(_MOST_CONFLICTS):
        found = store.get_tagged(name)
        fields = json.loads(found[0]) if found else {}
        if found is None or fields.get("uri") != told.uri:
            return
        fields |= {"image": told.image, "imageFailure": told.image_failure}
        data = json.dumps({key: value for key, value in fields.items() if value is not None}, indent=1).encode()
        if store.replace(name, data, "application/json", found[1]):
            return


def _not_made(why: str, started: float) -> StepOutcome:
    message = redact(f"The image could not be made: {why}")[:1000]
    seconds = round(time.monotonic() - started, 3)
    return StepOutcome(Step.PACKAGE, ok=False, seconds=seconds, reason=Reason.IMAGE_NOT_PUSHED, message=message)
