"""The attempts at one input: the newest, its verdict, the number of like failures, the time of the next one. Pure."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from dagy.core.common.failure import Failure
from dagy.core.outcomes.diagnosis import standing_of
from dagy.core.outcomes.facts import JobFact
from dagy.core.package.observed import Observed
from dagy.model.status import JobKind
from dagy_builder.contract import Fault


def latest(jobs: tuple[JobFact, ...], kind: JobKind, input_hash: str) -> JobFact | None:
    """Return the last attempt at that input."""
    mine = [job for job in jobs if job.kind is kind and job.input_hash == input_hash]
    return max(mine, key=lambda job: job.attempt, default=None)


def has_failed(seen: Observed, kind: JobKind, input_hash: str) -> bool:
    """Return True when the last attempt at that input failed: the state stays so until something else is asked for."""
    job = latest(seen.jobs, kind, input_hash)
    return job is not None and not job.deleting and isinstance(standing_of(job), Failure)


def verdict_of(job: JobFact, seen: Observed) -> Failure | None:
    """Return status's verdict on this very validation: it comes from the log; the termination message holds less.

    An attempt that met anything but the requirements' fault says nothing about them; a pod may be gone since.
    """
    if job.failure or job.cancelled or not job.log_uri or job.log_uri != seen.rejected_log:
        return None
    failure = standing_of(job)
    judged = isinstance(failure, Failure) and (failure.fault is Fault.USER or job.pod is None)
    return seen.rejected if judged else None


def in_a_row(jobs: tuple[JobFact, ...], last: JobFact, fault: Fault) -> int:
    """Count the attempts in a row, up to `last`, that failed through that fault; those that are gone count as well."""
    mine = [job for job in jobs if (job.kind, job.input_hash) == (last.kind, last.input_hash)]
    others = [job.attempt for job in mine if job.attempt < last.attempt and _fault_of(job) is not fault]
    return last.attempt - max(others, default=0)


def _fault_of(job: JobFact) -> Fault | None:
    failure = standing_of(job)
    return failure.fault if isinstance(failure, Failure) else None


FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(minutes=5)


def retry_delay(attempt: int, seed: str) -> timedelta:
    """Delay after failed attempt number `attempt` (from 1): doubling, capped, with jitter that depends on `seed` only.

    The jitter (up to a quarter) spreads many packages that failed for one common reason; being a function of the seed,
    it gives the same time in each pass and in each operator.
    """
    base = min(LONGEST_DELAY, FIRST_DELAY * float(2 ** min(attempt - 1, 10)))
    digest = hashlib.sha256(f"{seed}/{attempt}".encode()).digest()
    return base * (1 + digest[0] / 1020)


def retry_at(failed_at: datetime, attempt: int, limit: int | None, seed: str) -> datetime | None:
    """Return the time at which attempt `attempt` + 1 may start; None when `limit` (if any) repetitions are used up."""
    if limit is not None and attempt > limit:
        return None
    return failed_at + retry_delay(attempt, seed)
