"""What is counted of packages and their Jobs. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from dagy.core.common.conditions import reason_in
from dagy.core.common.failure import Failure
from dagy.core.common.images import image_news
from dagy.core.common.reasons import CATALOGUE as REASONS
from dagy.core.common.reasons import StateReason
from dagy.core.common.timestamp import moment
from dagy.core.metrics import catalogue as metrics
from dagy.core.metrics.catalogue import JobOutcome, Origin
from dagy.core.metrics.metric import Sample
from dagy.core.outcomes.build_steps import build_steps
from dagy.core.outcomes.diagnosis import standing_of
from dagy.core.outcomes.facts import JobFact
from dagy.model.base import NamespacedName
from dagy.model.status import ConditionType, DepPackageStatus, JobKind, Phase


class Census:
    """Which package is in which phase, as it was last looked at. For one event loop."""

    def __init__(self) -> None:
        self._phases: dict[NamespacedName, Phase] = {}
        self._counts: Counter[Phase] = Counter()

    def saw(self, key: NamespacedName, phase: Phase | None) -> None:
        """The package is in that phase now; in none, it is not counted."""
        self.gone(key)
        if phase:
            self._phases[key] = phase
            self._counts[phase] += 1

    def gone(self, key: NamespacedName) -> None:
        """The package is gone, or goes."""
        before = self._phases.pop(key, None)
        if before:
            self._counts[before] -= 1

    def samples(self) -> Iterator[Sample]:
        """Yield the number of packages in each phase."""
        return (metrics.PACKAGES.sample(self._counts[phase], phase=phase) for phase in Phase)


@dataclass(frozen=True)
class Line:
    """The queue for slots of one kind. `oldest`: RFC 3339 time of the first arrival; empty when none waits."""

    kind: JobKind
    waiting: int
    oldest: str
    used: int
    slots: int


def queue_samples(lines: Iterable[Line], now: datetime) -> Iterator[Sample]:
    """Yield what the queues look like now."""
    for line in lines:
        age = (now - moment(line.oldest)).total_seconds() if line.oldest else 0.0
        yield metrics.QUEUE_LENGTH.sample(line.waiting, kind=line.kind)
        yield metrics.QUEUE_AGE.sample(max(age, 0.0), kind=line.kind)
        yield metrics.SLOTS.sample(line.slots, kind=line.kind)
        yield metrics.SLOTS_USED.sample(line.used, kind=line.kind)


def slot_samples(kind: JobKind, waited_seconds: float) -> Iterator[Sample]:
    """Yield what is counted when a package gets a slot."""
    yield metrics.QUEUE_WAIT.sample(waited_seconds, kind=kind)


def job_samples(job: JobFact, failure: Failure | None, now: datetime) -> Iterator[Sample]:
    """Yield what is counted of a Job that has ended, once: as long as neither its log nor its failure is recorded.

    `failure`: the one that is about to be recorded; of a list that is refused none is, as its log tells it.
    """
    if job.log_uri or job.failure:
        return
    standing = failure or standing_of(job)
    failure = standing if isinstance(standing, Failure) else None
    for step in build_steps(job, (), now):
        if step.seconds is not None:
            yield metrics.STEP_SECONDS.sample(step.seconds, step=step.name)
    cancelled = failure is not None and failure.reason == StateReason.CANCELLED
    outcome = JobOutcome.CANCELLED if cancelled else JobOutcome.FAILED if failure else JobOutcome.SUCCEEDED
    yield metrics.JOBS_ENDED.sample(kind=job.kind, outcome=outcome)
    if failure and not cancelled:
        yield metrics.JOB_FAILURES.sample(kind=job.kind, reason=failure.reason, fault=failure.fault)


def cancelled_samples(job: JobFact) -> Iterator[Sample]:
    """Yield what is counted of a Job that is cancelled while it runs."""
    yield metrics.JOBS_ENDED.sample(kind=job.kind, outcome=JobOutcome.CANCELLED)


def status_samples(before: DepPackageStatus, after: DepPackageStatus, now: datetime) -> Iterator[Sample]:
    """Yield what is counted when a package's status changes."""
    if _stop(after) not in (None, _stop(before)):
        reason = reason_in(after.conditions)
        entry = next((entry for known, entry in REASONS.items() if known == reason), None)
        yield metrics.PACKAGE_FAILURES.sample(reason=reason, fault=entry.fault if entry else None)
    if after.lost and (before.lost is None or before.lost.noticed_at != after.lost.noticed_at):
        yield metrics.ARTIFACTS_LOST.sample()
    yield from _image_samples(before, after)
    artifact = after.artifact
    if artifact is None or (before.artifact and before.artifact.uri == artifact.uri):
        return
    origin = _origin(before, after)
    yield metrics.ARTIFACTS.sample(origin=origin)
    if origin is not Origin.KEPT:
        yield metrics.ARTIFACT_BYTES.sample(artifact.size_bytes)
        if after.build and after.build.queued_at:
            taken = (now - moment(after.build.queued_at)).total_seconds()
            yield metrics.READY_SECONDS.sample(max(taken, 0.0))


def _image_samples(before: DepPackageStatus, after: DepPackageStatus) -> Iterator[Sample]:
    """Yield what has become of an artifact's image; one that there never was one of is not counted."""
    if news := image_news(before.conditions, after.conditions):
        yield metrics.IMAGES.sample(reason=news.reason)
    known = {one.image for one in (before.artifact, *before.history) if one}
    if after.artifact and after.artifact.image and after.artifact.image not in known:
        yield metrics.IMAGES.sample(reason=StateReason.IMAGE_PUSHED)


def _stop(status: DepPackageStatus) -> tuple[str, int, str] | None:
    """Return what the package came to a stop over; None unless it did."""
    stalled = any(c.type == ConditionType.STALLED and c.status == "True" for c in status.conditions)
    return (reason_in(status.conditions), status.observed_generation, status.spec_hash or "") if stalled else None


def _origin(before: DepPackageStatus, after: DepPackageStatus) -> Origin:
    assert after.artifact
    if any(earlier.uri == after.artifact.uri for earlier in before.history):
        return Origin.KEPT
    return Origin.COPIED if after.build and after.build.reused_from else Origin.BUILT
