"""Facts for the core's tests: a package, its plan, a Job and the outcomes of its steps. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dagy.core.common.timestamp import timestamp
from dagy.core.outcomes.facts import STEPS, ContainerFact, JobFact, PodFact
from dagy.core.package.observed import Resolution
from dagy.core.package.plan import BuildPlan, plan_of
from dagy.core.package.reuse import Source
from dagy.model.status import JobKind
from dagy_builder.contract import Fault, Step, StepOutcome

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SLUG = "A1B2C3D4"


def package(**spec: Any) -> dict[str, Any]:
    """A DepPackage as the API server would give it."""
    metadata = {"name": "ml", "namespace": "team-a", "uid": "0a1b", "generation": spec.pop("generation", 1)}
    annotations = spec.pop("annotations", {})
    return {
        "metadata": {**metadata, "annotations": annotations},
        "spec": {"pythonVersion": "3.12", "dependencies": ["pandas>=2", "requests"], **spec},
    }


def plan(**spec: Any) -> BuildPlan:
    """The plan of such a package."""
    return plan_of(package(**spec))


def outcome(step: Step, *, reason: str = "", fault: Fault = Fault.USER) -> str:
    """A termination message."""
    if not reason:
        return StepOutcome(step, ok=True).to_text()
    return StepOutcome(step, ok=False, reason=reason, message=f"{reason} happened.", fault=fault).to_text()


def job(
    kind: JobKind,
    input_hash: str,
    *,
    attempt: int = 1,
    done: int = 0,
    failure: str | None = None,
    started: bool = True,
    moment: datetime = START,
) -> JobFact:
    """A Job of which `done` steps ended well, and the next one failed with that termination message, if any."""
    containers = [ContainerFact(step, exit_code=0, message=outcome(step)) for step in STEPS[kind][:done]]
    rest = STEPS[kind][done:]
    if failure is not None:
        containers.append(ContainerFact(rest[0], exit_code=75, message=failure))
    elif rest and started:
        containers.append(ContainerFact(rest[0], running=True))
    ended = failure is not None or not rest
    return JobFact(
        name=f"{kind}-{input_hash}-{attempt}",
        uid=f"uid-{kind}-{input_hash}-{attempt}",
        kind=kind,
        input_hash=input_hash,
        attempt=attempt,
        created_at=timestamp(moment, micro=False),
        ended_at=timestamp(moment, micro=False) if ended else "",
        pod=PodFact(
            f"{kind}-{attempt}-pod", "Failed" if failure is not None else "Running", containers=tuple(containers)
        ),
    )


PLAN = plan()
LOCK = Resolution(PLAN.spec_hash, "1" * 64)
OTHER = Source("other", "B1B2C3D4")
"""A package that has an artifact of that lock."""
INFRA = outcome(Step.RESOLVE, reason="IndexUnreachable", fault=Fault.INFRASTRUCTURE)
USER = outcome(Step.RESOLVE, reason="PackageNotFound")
"""Termination messages of validations: INFRA is tried again, USER is not."""
