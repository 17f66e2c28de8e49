"""What is counted of packages: each change once, whatever passes come between."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dagy.core.common.failure import Failure
from dagy.core.common.reasons import StateReason
from dagy.core.metrics import catalogue as metrics
from dagy.core.metrics.metric import OTHER, Metric, Sample
from dagy.core.metrics.packages import Census, Line, cancelled_samples, job_samples, queue_samples, status_samples
from dagy.model.base import NamespacedName
from dagy.model.status import Condition, DepPackageStatus, JobKind, Phase
from dagy_builder.contract import Fault, Reason, Step, StepOutcome
from tests.fakes.built import artifact
from tests.fakes.facts import START, job, outcome

KEYS = [NamespacedName("team-a", f"p{number}") for number in range(5)]
ARTIFACT = artifact("1" * 64)
QUEUED, DONE = "2026-11-21T12:00:00.000000Z", START + timedelta(seconds=40)


def counted(samples: Any, metric: Metric) -> list[tuple[tuple[str, ...], float]]:
    return [(sample.labels, sample.value) for sample in samples if sample.metric is metric]


@given(st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from([*Phase, None]))))
def test_the_census_counts_each_package_once_in_its_last_phase(seen: list[tuple[NamespacedName, Phase | None]]) -> None:
    census, last = Census(), dict[NamespacedName, Phase]()
    for key, phase in seen:
        census.saw(key, phase)
        last.pop(key, None)
        if phase:
            last[key] = phase
    expected = Counter(str(phase) for phase in last.values())
    assert {sample.labels[0]: sample.value for sample in census.samples()} == {str(p): expected[p] for p in Phase}


def test_an_empty_queue_has_no_age_and_a_full_one_that_of_its_first() -> None:
    lines = [Line(JobKind.VALIDATE, 0, "", 0, 4), Line(JobKind.BUILD, 7, QUEUED, 4, 4)]
    found = list(queue_samples(lines, DONE))
    assert counted(found, metrics.QUEUE_AGE) == [(("validate",), 0.0), (("build",), 40.0)]
    assert counted(found, metrics.QUEUE_LENGTH) == [(("validate",), 0), (("build",), 7)]
    assert counted(found, metrics.SLOTS_USED) == [(("validate",), 0), (("build",), 4)]


def test_a_job_that_ends_is_counted_once() -> None:
    failure = Failure(Reason.OUT_OF_MEMORY, "Too much.", Fault.USER)
    ended = job(JobKind.BUILD, "h", failure=outcome(Step.INSTALL, reason=Reason.OUT_OF_MEMORY))
    found = list(job_samples(ended, failure, START))
    assert counted(found, metrics.JOBS_ENDED) == [(("build", "Failed"), 1)]
    assert counted(found, metrics.JOB_FAILURES) == [(("build", "OutOfMemory", "User"), 1)]
    assert not list(job_samples(replace(ended, log_uri="s3://b/log"), failure, START))
    assert not list(job_samples(replace(ended, failure=failure), failure, START))


def test_a_job_that_ended_well_tells_how_long_its_steps_took() -> None:
    ended = job(JobKind.VALIDATE, "h", done=1)
    assert ended.pod
    told = StepOutcome(Step.RESOLVE, ok=True, seconds=2.5).to_text()
    containers = tuple(replace(c, message=told) for c in ended.pod.containers)
    ended = replace(ended, pod=replace(ended.pod, containers=containers))
    found = list(job_samples(ended, None, START))
    assert counted(found, metrics.STEP_SECONDS) == [(("resolve",), 2.5)]
    assert counted(found, metrics.JOBS_ENDED) == [(("validate", "Succeeded"), 1)]


def test_a_cancelled_job_is_no_failure() -> None:
    running = job(JobKind.BUILD, "h")
    assert counted(cancelled_samples(running), metrics.JOBS_ENDED) == [(("build", "Cancelled"), 1)]
    found = list(job_samples(running, Failure(StateReason.CANCELLED, "By hand.", Fault.USER), START))
    assert counted(found, metrics.JOBS_ENDED) == [(("build", "Cancelled"), 1)]
    assert not counted(found, metrics.JOB_FAILURES)


def status(**fields: Any) -> DepPackageStatus:
    return DepPackageStatus.model_validate({"build": {"queuedAt": QUEUED}, **fields})


def stopped(reason: str, generation: int = 1) -> DepPackageStatus:
    times = {"lastTransitionTime": QUEUED, "observedGeneration": generation}
    both = [
        {"type": kind, "status": "True" if kind == "Stalled" else "False", "reason": reason, **times}
        for kind in ("Ready", "Stalled")
    ]
    return status(conditions=both, observedGeneration=generation)


def test_a_new_artifact_is_counted_with_its_size_and_the_time_that_it_took() -> None:
    built = status(artifact=ARTIFACT.to_json(), phase="COMPLETED")
    found = list(status_samples(status(phase="UPLOADING"), built, DONE))
    assert counted(found, metrics.ARTIFACTS) == [(("Built",), 1)]
    assert counted(found, metrics.ARTIFACT_BYTES) == [((), ARTIFACT.size_bytes)]
    assert counted(found, metrics.READY_SECONDS) == [((), 40.0)]
    assert not list(status_samples(built, built, DONE))


def test_an_earlier_artifact_that_fits_again_took_no_time() -> None:
    here = status(artifact=ARTIFACT.to_json())
    found = list(status_samples(status(history=[ARTIFACT.to_json()]), here, DONE))
    assert [sample.metric for sample in found] == [metrics.ARTIFACTS]
    assert found[0].labels == ("Kept",)


def image(name: str | None = None, told: Condition | None = None) -> DepPackageStatus:
    """A completed package whose artifact has that image, or a condition that says why it has none."""
    done = status(artifact=ARTIFACT.model_copy(update={"image": name}).to_json())
    return done.model_copy(update={"conditions": [told] if told else []})


def not_pushed(reason: str, message: str = "The registry has no room.") -> Condition:
    return Condition(type="ImagePushed", status="False", reason=reason, message=message, last_transition_time=QUEUED)


def test_what_becomes_of_an_image_is_counted_once() -> None:
    pending, there = image(), image("registry/a@sha256:00")
    refused = image(told=not_pushed("RegistryRefused"))

    def between(before: DepPackageStatus, after: DepPackageStatus) -> list[tuple[tuple[str, ...], float]]:
        return counted(status_samples(before, after, DONE), metrics.IMAGES)

    assert between(pending, there) == [(("ImagePushed",), 1)]
    assert between(pending, refused) == [(("RegistryRefused",), 1)]
    assert between(there, image(told=not_pushed("ImageGone"))) == [(("ImageGone",), 1)]
    assert between(there, there) == between(refused, refused) == []


def test_an_image_that_never_was_or_that_fits_again_is_not_counted() -> None:
    never, there = image(told=not_pushed("ImageNotPushed")), image("registry/a@sha256:00")
    assert there.artifact
    earlier = status(history=[there.artifact.to_json()])
    for before, after in ((image(), never), (earlier, there)):
        assert counted(status_samples(before, after, DONE), metrics.IMAGES) == []


def test_a_package_that_comes_to_a_stop_is_counted_with_the_fault() -> None:
    found = list(status_samples(status(), stopped("PackageNotFound"), DONE))
    assert counted(found, metrics.PACKAGE_FAILURES) == [(("PackageNotFound", "User"), 1)]
    assert not list(status_samples(stopped("PackageNotFound"), stopped("PackageNotFound"), DONE))
    again = status_samples(stopped("PackageNotFound"), stopped("PackageNotFound", 2), DONE)
    assert counted(again, metrics.PACKAGE_FAILURES) == [(("PackageNotFound", "User"), 1)]


def test_a_reason_of_a_later_release_is_counted_as_other() -> None:
    found: list[Sample] = list(status_samples(status(), stopped("SomethingNew"), DONE))
    assert counted(found, metrics.PACKAGE_FAILURES) == [((OTHER, OTHER), 1)]


def test_a_list_that_is_refused_is_counted_by_what_its_step_told() -> None:
    refused = job(JobKind.VALIDATE, "h", failure=outcome(Step.RESOLVE, reason=Reason.PACKAGE_NOT_FOUND))
    found = list(job_samples(refused, None, START))
    assert counted(found, metrics.JOBS_ENDED) == [(("validate", "Failed"), 1)]
    assert counted(found, metrics.JOB_FAILURES) == [(("validate", "PackageNotFound", "User"), 1)]
