"""A build whose ZIP is gone from S3: the message, and the decision to build it again by itself. Pure.

Once, and not again for a day: a ZIP that is deleted by accident comes back, and something that deletes all the time
does not cause builds all the time.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from dagy.core.common.failure import Failure
from dagy.core.common.reasons import StateReason
from dagy.core.common.timestamp import moment, timestamp
from dagy.core.package.observed import Observed
from dagy.core.package.records import Missing
from dagy.model.status import LostArtifact
from dagy_builder.contract import Fault
from dagy_builder.sizes import human_size

ONCE_IN = timedelta(hours=24)


def lost_of(seen: Observed, now: datetime) -> LostArtifact | None:
    """Return the loss of the present lock's ZIP: as status remembers it, or as it was just found out."""
    known, resolution = seen.lost, seen.resolution
    if known and resolution and known.lock_hash != resolution.lock_hash:
        known = None
    if seen.missing is None or (known and known.rebuilt_at is None):
        return known
    last = moment(known.rebuilt_at) if known and known.rebuilt_at else None
    return _lost(seen.missing, now, rebuild=last is None or now - last >= ONCE_IN)


def open_loss(seen: Observed, now: datetime) -> LostArtifact | None:
    """Return the loss as long as there has been no artifact since."""
    lost = lost_of(seen, now)
    return lost if lost and lost.rebuilt_at is None else None


def is_news(lost: LostArtifact, seen: Observed) -> bool:
    """Return True when status does not tell of the loss yet."""
    return lost != seen.lost


def failure_of_loss(lost: LostArtifact, *, suspended: bool) -> Failure:
    """Return the failure: the package's ZIP is lost; the message tells the next step."""
    if not lost.rebuild:
        then = (
            "It was built again in the 24 hours before and is gone again, so it is not built by itself: find out what "
            "deletes objects in the bucket, then request a build."
        )
    elif suspended:
        then = "It is not built again while spec.suspend is true."
    else:
        then = "It is built again from its lock."
    return Failure(StateReason.ARTIFACT_GONE, f"{_what(lost)} {then}", Fault.INFRASTRUCTURE)


def _what(lost: LostArtifact) -> str:
    size = human_size(lost.size_bytes)
    if lost.found_bytes is None:
        return f"The ZIP {lost.uri} ({size}) is gone from S3: it was deleted there."
    found = f"{lost.size_bytes} bytes were built, {lost.found_bytes} are there"
    return f"The ZIP {lost.uri} is not in S3 as it was built: {found}."


def _lost(missing: Missing, now: datetime, *, rebuild: bool) -> LostArtifact:
    artifact = missing.record.artifact
    return LostArtifact(
        uri=artifact.uri,
        sha256=artifact.sha256,
        lock_hash=artifact.lock_hash,
        size_bytes=artifact.size_bytes,
        found_bytes=missing.found_bytes,
        noticed_at=timestamp(now),
        rebuild=rebuild,
    )
