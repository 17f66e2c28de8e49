"""How far the steps of a Job are, and how long each took. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from dagy.core.common.timestamp import timestamp
from dagy.core.outcomes.facts import STEPS, ContainerFact, JobFact
from dagy.core.outcomes.step_outcomes import parse_outcome
from dagy.model.status import BuildStep


def build_steps(job: JobFact, before: Iterable[BuildStep], now: datetime) -> list[BuildStep]:
    """The steps that have begun. `before`: what was told of this Job.

    What has ended stays as it was told first: the kubelet tells it again, a second later, and then the pod is gone.
    All containers start together and wait for one another, so a step begins when the one before it has ended.
    """
    ended = {step.name: step for step in before if step.exit_code is not None}
    steps: list[BuildStep] = []
    since = ""
    for step in STEPS[job.kind]:
        container = job.pod.container(step) if job.pod else None
        found = ended.get(step) or (_step(container, since, now) if container else None)
        if found is None:
            break
        steps.append(found)
        if found.exit_code is None:
            break
        since = found.ended_at or ""
    return steps


def _step(container: ContainerFact, since: str, now: datetime) -> BuildStep | None:
    if not container.running and container.exit_code is None:
        return None
    over = container.exit_code is not None
    outcome = container.outcome or parse_outcome(container.message)
    return BuildStep(
        name=container.step,
        started_at=max(since, container.started_at) or None,
        ended_at=(container.ended_at or timestamp(now, micro=False)) if over else None,
        seconds=outcome.seconds if over and outcome and outcome.step == container.step else None,
        exit_code=container.exit_code,
    )
