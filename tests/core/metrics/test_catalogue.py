"""The catalogue: names after Prometheus' conventions, and few series, whatever happens."""

from __future__ import annotations

import re

import pytest

from dagy.core.metrics.catalogue import CATALOGUE, PACKAGES, REQUESTS, metrics_of
from dagy.core.metrics.metric import OTHER, Kind, Metric, Process

MOST_SERIES = 2500
"""Of one process: what Prometheus calls cheap."""
UNITS = ("seconds", "bytes")
TARGET_LABELS = {"job", "instance", "namespace", "pod", "container", "endpoint"}
"""Those that Prometheus and its operator give to each series; ours would be renamed."""


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_a_name_says_what_and_in_which_unit(metric: Metric) -> None:
    assert re.fullmatch(r"dagy_[a-z0-9]+(_[a-z0-9]+)*", metric.name)
    assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
    if metric.kind is Kind.HISTOGRAM:
        assert metric.name.endswith(UNITS)
        assert list(metric.buckets) == sorted(set(metric.buckets))
    assert metric.help.endswith(".")
    assert not TARGET_LABELS & set(metric.labels)


def test_no_name_is_given_twice() -> None:
    assert len({metric.name for metric in CATALOGUE}) == len(CATALOGUE)


@pytest.mark.parametrize("process", Process)
def test_a_process_has_few_series_whatever_happens(process: Process) -> None:
    assert sum(metric.series_at_most for metric in metrics_of(process)) < MOST_SERIES


def test_a_value_that_nobody_knows_makes_no_series() -> None:
    assert PACKAGES.sample(3, phase="COMPLETED").labels == ("COMPLETED",)
    assert PACKAGES.sample(3, phase="team-a/secret").labels == (OTHER,)
    assert REQUESTS.sample(resource=None, method="BREW", code="418").labels == (OTHER, OTHER, OTHER)


def test_a_sample_without_a_label_of_its_metric_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        PACKAGES.sample(1)
