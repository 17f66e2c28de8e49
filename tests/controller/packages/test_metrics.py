"""What a package's life is counted as, on a real API server and S3: each thing once, however often it is looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest

from dagy.core.metrics.metric import Kind, Sample
from dagy_builder.contract import Fault, Reason, Step, StepOutcome
from dagy_builder.storage.store import ObjectStore
from tests.fakes.controller import Rig, create, run

pytestmark = pytest.mark.apiserver

INVALID = StepOutcome(
    Step.RESOLVE, ok=False, seconds=1.5, reason=Reason.PACKAGE_NOT_FOUND, message="No panadas.", fault=Fault.USER
)


class Counted:
    """Counters, and how often a histogram has observed something."""

    def __init__(self) -> None:
        self.found: Counter[tuple[str, ...]] = Counter()

    def __call__(self, samples: Iterable[Sample]) -> None:
        for sample in samples:
            self.found[sample.metric.name, *sample.labels] += int(
                sample.value if sample.metric.kind is Kind.COUNTER else 1
            )


def test_a_package_that_is_built_is_counted_once(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        counted = Counted()
        key, operator = await create(rig), rig.reconciler(record=counted)
        done = await rig.settle(key, operator.reconcile)
        assert done["status"]["phase"] == "COMPLETED"
        expected = {
            ("dagy_jobs_ended_total", "validate", "Succeeded"): 1,
            ("dagy_jobs_ended_total", "build", "Succeeded"): 1,
            ("dagy_queue_wait_seconds", "validate"): 1,
            ("dagy_queue_wait_seconds", "build"): 1,
            ("dagy_artifacts_total", "Built"): 1,
            ("dagy_artifact_size_bytes",): 1,
            ("dagy_package_ready_seconds",): 1,
            **{("dagy_step_duration_seconds", str(step)): 1 for step in Step},
        }
        assert counted.found == expected
        # Neither a further look nor another process counts anything again.
        await operator.reconcile(key)
        await rig.reconciler(record=counted).reconcile(key)
        assert counted.found == expected

    run(kubeconfig, objects, test)


def test_what_becomes_of_a_package_is_in_the_log_once(
    kubeconfig: str, objects: ObjectStore, caplog: pytest.LogCaptureFixture
) -> None:
    """An Event is gone after an hour; a line of the log is what an administrator finds later."""

    async def test(rig: Rig) -> None:
        key, operator = await create(rig), rig.reconciler()
        await rig.settle(key, operator.reconcile)
        await operator.reconcile(key)
        said = [line.split(": ")[1] for line in caplog.messages if line.startswith(f"{key}: ")]
        assert said[0] == "Validating"
        assert said[-1] == "ArtifactReady"
        assert len(said) == len(set(said)), said

    with caplog.at_level("INFO", "dagy.controller"):
        run(kubeconfig, objects, test)


def test_a_package_that_is_refused_is_counted_with_reason_and_fault(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        counted = Counted()
        key, operator = await create(rig), rig.reconciler(record=counted)
        await operator.reconcile(key)
        while await rig.kubelet.step(INVALID):
            await operator.reconcile(key)
        await operator.reconcile(key)
        await operator.reconcile(key)
        assert counted.found == {
            ("dagy_queue_wait_seconds", "validate"): 1,
            ("dagy_step_duration_seconds", "resolve"): 1,
            ("dagy_jobs_ended_total", "validate", "Failed"): 1,
            ("dagy_job_failures_total", "validate", "PackageNotFound", "User"): 1,
            ("dagy_package_failures_total", "PackageNotFound", "User"): 1,
        }

    run(kubeconfig, objects, test)


def test_the_census_forgets_what_is_deleted(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        from dagy.adapters.kube.api import deppackage_path

        operator = rig.reconciler()
        key = await create(rig)
        await operator.reconcile(key)
        census = operator._reconciler.census  # type: ignore[attr-defined]
        assert sum(sample.value for sample in census.samples()) == 1
        await rig.admin.delete(deppackage_path(key.namespace, key.name))
        await operator.reconcile(key)
        assert sum(sample.value for sample in census.samples()) == 0

    run(kubeconfig, objects, test)
