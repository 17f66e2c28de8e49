"""The registry: what is recorded comes out in Prometheus' text, and nothing fails because something can't be told."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dagy.adapters.metrics.registry import Metrics
from dagy.core.metrics.catalogue import ControllerName, PassResult, Review, metrics_of
from dagy.core.metrics.engine import pass_samples
from dagy.core.metrics.metric import Kind, Process, Sample
from dagy.core.metrics.packages import Census
from dagy.core.metrics.requests import request_samples, review_samples, storage_samples
from dagy.model.base import NamespacedName
from dagy.model.status import Phase


def values(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Each series by its name and its label values, in the order of the labels' names."""
    text = metrics.exposition()[0].decode()
    families = text_string_to_metric_families(text)
    return {(s.name, *(s.labels[k] for k in sorted(s.labels))): s.value for family in families for s in family.samples}


@pytest.mark.parametrize("process", Process)
def test_every_metric_of_a_process_is_declared_with_its_kind(process: Process) -> None:
    metrics = Metrics(process, "1.2.3")
    kinds = {family.name: family.type for family in text_string_to_metric_families(metrics.exposition()[0].decode())}
    for metric in metrics_of(process):
        if metric.kind is Kind.GAUGE or metric.looked_at:
            continue  # told when somebody is there to be asked
        assert kinds[metric.name.removesuffix("_total")] == metric.kind, metric.name
    assert values(metrics)["dagy_build_info", *sorted_labels(process)] == 1


def sorted_labels(process: Process) -> tuple[str, str]:
    return str(process), "1.2.3"


def test_counters_and_histograms_add_up_from_all_threads() -> None:
    metrics = Metrics(Process.OPERATOR, "1")

    def work() -> None:
        for _ in range(500):
            metrics.record(pass_samples(ControllerName.PACKAGES, PassResult.DONE, 0.004))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = values(metrics)
    assert found["dagy_reconciles_total", "packages", "Done"] == 2000
    assert found["dagy_reconcile_duration_seconds_count", "packages"] == 2000
    assert found["dagy_reconcile_duration_seconds_bucket", "packages", "0.005"] == 2000
    assert found["dagy_reconcile_duration_seconds_bucket", "packages", "0.0025"] == 0


def test_a_counter_with_few_labels_is_0_before_anything_was_counted() -> None:
    found = values(Metrics(Process.WEBHOOK, "1"))
    assert found["dagy_s3_errors_total", "StorageUnreachable"] == 0
    assert found["dagy_webhook_reviews_total", "Unavailable", "pods"] == 0


def test_what_another_process_counts_is_left_out() -> None:
    metrics = Metrics(Process.WEBHOOK, "1")
    metrics.record(request_samples("/dep-packages", "GET", 200, 0.1))
    metrics.record(review_samples(Review.PODS, {"allowed": True}, 0.1))
    found = values(metrics)
    assert not any(name.startswith("dagy_http") for name, *_ in found)
    assert found["dagy_webhook_reviews_total", "NotAsked", "pods"] == 1


def test_what_stands_is_asked_at_each_scrape_and_a_fault_there_hides_nothing_else() -> None:
    metrics, census = Metrics(Process.OPERATOR, "1"), Census()

    def broken() -> Iterator[Sample]:
        raise RuntimeError("no way to tell")

    metrics.watch(broken)
    metrics.watch(census.samples)
    census.saw(NamespacedName("team-a", "ml"), Phase.COMPLETED)
    metrics.record(storage_samples("BucketNotFound"))
    assert values(metrics)["dagy_packages", "COMPLETED"] == 1
    census.gone(NamespacedName("team-a", "ml"))
    found = values(metrics)
    assert found["dagy_packages", "COMPLETED"] == 0
    assert found["dagy_s3_errors_total", "BucketNotFound"] == 1


def test_no_name_of_an_object_comes_out() -> None:
    metrics, census = Metrics(Process.OPERATOR, "1"), Census()
    metrics.watch(census.samples)
    for number in range(100):
        census.saw(NamespacedName("tenant-secret", f"package-{number}"), Phase.FAILED)
    assert b"tenant-secret" not in metrics.exposition()[0]
    assert b"package-" not in metrics.exposition()[0]
