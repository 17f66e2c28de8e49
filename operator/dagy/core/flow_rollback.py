"""A rollback: the spec of an earlier revision, written back by whoever asks for it. Pure.

The operator never writes a spec: API and CLI send this patch with the caller's rights, and it is deployed as a new
revision. The packages are named with their artifacts, so that it brings back what ran then, not what was built since.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagy.core.flow_plan import flow_status_in
from dagy.core.flow_reasons import FlowReason, FlowRefusal
from dagy.model.flowdeployment import FlowSource


def rollback_patch(deployment: Mapping[str, Any], number: int) -> dict[str, Any] | FlowRefusal:
    """The merge patch (RFC 7396) that brings back revision `number`, with the resourceVersion that was looked at.

    Schedule, limits and policies are no part of a revision and stay as they are.
    """
    metadata = deployment["metadata"]
    history = flow_status_in(deployment).history
    found = next((revision for revision in history if revision.revision == number), None)
    if found is None:
        kept = ", ".join(str(revision.revision) for revision in history) or "none"
        return FlowRefusal(
            FlowReason.UNKNOWN_REVISION,
            f"Flow deployment {metadata['namespace']}/{metadata['name']} keeps no revision {number}; kept are: {kept}.",
        )
    absent = dict.fromkeys(field.alias or name for name, field in FlowSource.model_fields.items())
    spec = {**absent, **{name: value for name, value in found.spec.to_json().items() if value != []}}
    spec["depPackageSlugs"] = [f"{package.slug}@{package.sha256}" for package in found.packages]
    return {"metadata": {"resourceVersion": metadata["resourceVersion"]}, "spec": spec}
