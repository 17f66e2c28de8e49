"""Refusals of flows' code, and the choice of uploads to delete; `dagy.core.common.keys` tells the owner. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from dagy.core.attach.refusals import Refusal
from dagy.core.common.keys import FlowUpload
from dagy.core.flows.reasons import FlowReason
from dagy.model.base import NamespacedName


def foreign(uri: str, namespace: str) -> Refusal:
    """Return the refusal of an artifact that this namespace may not use, or that is none."""
    return Refusal(
        FlowReason.FOREIGN_ARTIFACT,
        f"spec.artifact.uri {uri} is not an upload of namespace {namespace}. Upload the flow's code with `dagy deploy` "
        "or the API, which gives the URI.",
    )


def missing(uri: str, expected: int, found: int | None) -> Refusal:
    """Return the refusal of an artifact that is not there, or has another size than in the spec. Sizes in bytes."""
    what = "does not exist" if found is None else f"has {found} bytes and not {expected} (spec.artifact.sizeBytes)"
    return Refusal(FlowReason.ARTIFACT_NOT_FOUND, f"The flow's code {uri} {what}. Upload it again with `dagy deploy`.")


def deletable(
    released: Iterable[FlowUpload], in_use: Iterable[FlowUpload], living: Iterable[str], key: NamespacedName
) -> list[FlowUpload]:
    """Return the released uploads that may go: nobody uses them, and no other living deployment uploaded them.

    `living`: names of the other deployments of the namespace, which see to their own uploads.
    """
    others, used = set(living) - {key.name}, set(in_use)
    return sorted({upload for upload in released if upload not in used and upload.deployment not in others})
