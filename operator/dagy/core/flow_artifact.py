"""Whose a flow's code is: users write specs, and the operator's credentials can read everybody's objects. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from dagy.core.flow_reasons import FlowReason, FlowRefusal
from dagy.core.keys import flow_prefix, flows_prefix
from dagy.core.plan import Key


def own_key(uri: str, bucket: str, prefix: str, namespace: str) -> str | None:
    """The object's key, when it is an upload for a flow deployment of that namespace; else None."""
    key = uri.removeprefix(f"s3://{bucket}/")
    mine = flows_prefix(prefix, namespace)
    inside = key != uri and key.startswith(mine) and len(key) > len(mine)
    return key if inside and not {"", ".", ".."} & set(key.split("/")) else None


def foreign(uri: str, namespace: str) -> FlowRefusal:
    """An artifact that this namespace may not use, or that is none."""
    return FlowRefusal(
        FlowReason.FOREIGN_ARTIFACT,
        f"spec.artifact.uri {uri} is not an upload of namespace {namespace}. Upload the flow's code with `dagy deploy` "
        "or the API, which gives the URI.",
    )


def missing(uri: str, expected: int, found: int | None) -> FlowRefusal:
    """An artifact that is not there, or another one than the spec speaks of. Sizes in bytes."""
    what = "does not exist" if found is None else f"has {found} bytes and not {expected} (spec.artifact.sizeBytes)"
    return FlowRefusal(
        FlowReason.ARTIFACT_NOT_FOUND, f"The flow's code {uri} {what}. Upload it again with `dagy deploy`."
    )


def deletable(
    released: Iterable[str], in_use: Iterable[str], living: Iterable[str], key: Key, prefix: str
) -> list[str]:
    """Which of the released keys may go: those that nobody uses and that no other living deployment uploaded.

    `living`: names of the other deployments of the namespace, which see to their own uploads.
    """
    theirs = tuple(flow_prefix(prefix, key.namespace, name) for name in living if name != key.name)
    used = set(in_use)
    return sorted({k for k in released if k not in used and not k.startswith(theirs)})
