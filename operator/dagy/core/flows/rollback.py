"""A rollback: the spec of an earlier revision, written back by whoever asks for it. Pure.

The operator never writes a spec: API and CLI send this patch with the caller's rights, and it is deployed as a new
revision. The packages are named with their artifacts, so that it brings back what ran then, not what was built since.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dagy.core.attach.refusals import Refusal
from dagy.core.flows.reasons import FlowReason
from dagy.model.flowdeployment import FlowSource
from dagy.model.flowstatus import Revision


def rollback_patch(deployment: Mapping[str, Any], revision: Revision) -> dict[str, Any]:
    """The merge patch (RFC 7396) that brings back a revision, with the resourceVersion that was looked at.

    Schedule, limits and policies are no part of a revision and stay as they are.
    """
    absent = dict.fromkeys(field.alias or name for name, field in FlowSource.model_fields.items())
    spec = {**absent, **{name: value for name, value in revision.spec.to_json().items() if value != []}}
    spec["depPackageSlugs"] = [f"{package.slug}@{package.sha256}" for package in revision.packages]
    return {"metadata": {"resourceVersion": deployment["metadata"]["resourceVersion"]}, "spec": spec}


def unknown_revision(deployment: Mapping[str, Any], number: int, kept: Iterable[int]) -> Refusal:
    """Why there is no way back to revision `number`. `kept`: the numbers of those that there are, newest first."""
    name = f"{deployment['metadata']['namespace']}/{deployment['metadata']['name']}"
    there_are = ", ".join(map(str, kept)) or "none"
    return Refusal(
        FlowReason.UNKNOWN_REVISION,
        f"Flow deployment {name} keeps no revision {number}; kept are: {there_are}.",
    )
