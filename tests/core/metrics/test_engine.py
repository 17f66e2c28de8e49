"""What is counted of the operator's own work."""

from __future__ import annotations

from dagy.core.metrics.catalogue import ControllerName, PassResult, WatchName
from dagy.core.metrics.engine import Watch, Work, pass_samples, watch_samples, work_samples


def test_each_value_has_its_metric() -> None:
    samples = [
        *pass_samples(ControllerName.FLOWS, PassResult.NETWORK, 0.25),
        *work_samples(Work(ControllerName.PACKAGES, 3, 2, 1, 1_764_000_000.0)),
        *watch_samples(Watch(WatchName.JOBS, up=False, last_event=0.0, starts=4)),
    ]
    assert {(sample.metric.name, *sample.labels): sample.value for sample in samples} == {
        ("dagy_reconciles_total", "flows", "NetworkError"): 1,
        ("dagy_reconcile_duration_seconds", "flows"): 0.25,
        ("dagy_workqueue_depth", "packages"): 3,
        ("dagy_workqueue_active", "packages"): 2,
        ("dagy_workqueue_retrying", "packages"): 1,
        ("dagy_last_resync_timestamp_seconds", "packages"): 1_764_000_000.0,
        ("dagy_watch_up", "jobs"): 0,
        ("dagy_watch_last_event_timestamp_seconds", "jobs"): 0,
        ("dagy_watch_starts_total", "jobs"): 4,
    }
