"""Images of artifacts in the registry: whose they are, and what is told of them. Pure.

Which image a status or a record names decides what nodes mount, so one that is not in the package's own repository is
none.
"""

from __future__ import annotations

from collections.abc import Iterable

from dagy.core.common.commands import request_build
from dagy.core.common.conditions import Row
from dagy.core.common.keys import PackageHome
from dagy.core.common.reasons import StateReason
from dagy.model.status import ArtifactStatus, Condition, ConditionType, ImageFailure
from dagy_builder.contract import Reason
from dagy_builder.image.repository import Repository

_MEANWHILE = "Pods get the package by the init container meanwhile."


def repository_of(home: PackageHome) -> Repository | None:
    """Return the package's repository; None where the installation has no registry."""
    base = home.location.registry
    return Repository.of(base, home.owned.key.namespace, home.slug) if base else None


def own_digest(artifact: ArtifactStatus, home: PackageHome) -> str | None:
    """Return the digest of the artifact's image; None when it has none in the package's repository."""
    repository = repository_of(home)
    return repository.digest_of(artifact.image) if repository and artifact.image else None


def with_own_image(artifact: ArtifactStatus, home: PackageHome) -> ArtifactStatus:
    """Return the artifact without an image that is not the package's."""
    if artifact.image is None or own_digest(artifact, home):
        return artifact
    return artifact.model_copy(update={"image": None})


def is_pending(artifact: ArtifactStatus, home: PackageHome | None) -> bool:
    """Return True when the artifact should have an image, and nobody has said yet what became of it."""
    return bool(home and home.location.registry) and not (artifact.image or artifact.image_failure)


def never_pushed(artifact: ArtifactStatus) -> ArtifactStatus:
    """Return the artifact as one of which no image will come: nobody is at work on it any more."""
    failure = ImageFailure(
        reason=Reason.IMAGE_NOT_PUSHED,
        message="The artifact has no image: it was built before there was a registry, or the pod that pushed it ended "
        "before it was done. Request a build to get one.",
    )
    return artifact.model_copy(update={"image_failure": failure})


def lost_image(artifact: ArtifactStatus) -> ArtifactStatus:
    """Return the artifact as one whose image the registry does not have any more."""
    failure = ImageFailure(
        reason=StateReason.IMAGE_GONE,
        message=f"The registry no longer has the image {artifact.image}: somebody deleted it there, or a rule did. "
        "Request a build to have it pushed again.",
    )
    return artifact.model_copy(update={"image": None, "image_failure": failure})


def image_news(before: Iterable[Condition], after: Iterable[Condition]) -> Condition | None:
    """Return the condition of a push that has just failed; what never had an image is no news."""
    known = {(one.reason, one.message) for one in before if one.type == ConditionType.IMAGE_PUSHED}
    for one in after:
        failed = one.type == ConditionType.IMAGE_PUSHED and one.status == "False"
        if failed and one.reason != Reason.IMAGE_NOT_PUSHED and (one.reason, one.message) not in known:
            return one
    return None


def image_rows(artifact: ArtifactStatus | None, home: PackageHome | None) -> list[Row]:
    """Return the condition ImagePushed; none where there is no registry, or no artifact."""
    if artifact is None or home is None or not home.location.registry:
        return []
    kind, failure = ConditionType.IMAGE_PUSHED, artifact.image_failure
    if artifact.image:
        return [(kind, True, StateReason.IMAGE_PUSHED, f"The artifact is in the registry as {artifact.image}.")]
    if failure:
        command = request_build(home.owned.key)
        return [(kind, False, failure.reason, f"{failure.message} {_MEANWHILE} A build is requested by `{command}`.")]
    return [(kind, None, StateReason.IMAGE_PUSHING, "The ZIP is complete, and its image is being pushed.")]
