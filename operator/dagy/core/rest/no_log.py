"""Why there is no log of a step, or of one attempt at it. Pure."""

from __future__ import annotations

from dagy.core.outcomes.logs import kept_log
from dagy.core.package.decide import ATTEMPTS_KEPT
from dagy.model.status import DepPackageStatus, JobKind

_GONE = (
    "It was kept in S3 and is there no more: the logs of earlier ZIPs go with them (spec.revisionHistoryLimit), and "
    "the bucket may have a rule of its own."
)
_POD_WAS_GONE = "The pod was gone before its log could be read."
_FORGOTTEN = f"The logs of the last {ATTEMPTS_KEPT} attempts that failed are kept, and this one was before them."


def why_none(status: DepPackageStatus, kind: JobKind, attempt: int | None = None) -> str:
    """Return the sentence that says why a step, or an attempt at it, has no log: it never ran, or what took it."""
    build = status.build
    failed = [one for one in (build.attempts if build else ()) if one.job == kind]
    if attempt is not None and (found := next((one for one in reversed(failed) if one.number == attempt), None)):
        return _GONE if found.log_uri else _POD_WAS_GONE
    if attempt is not None and failed and attempt < min(one.number for one in failed):
        return _FORGOTTEN
    if build and build.reused_from and kind is JobKind.BUILD:
        origin = build.reused_from
        return (
            f"Nothing was installed for it: its ZIP is a copy of that of {origin.namespace}/{origin.name}, which has "
            "the log."
        )
    if attempt is not None:
        return "There was no such attempt at the present list."
    return _GONE if kept_log(status, kind) else "It has not run for the present list."
