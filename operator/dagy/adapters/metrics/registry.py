"""The metrics of one process, held by Prometheus' client."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

import prometheus_client
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector
from typing_extensions import override

from dagy.core.metrics.catalogue import metrics_of
from dagy.core.metrics.metric import Kind, Metric, Process, Sample

log = logging.getLogger(__name__)

_SHOWN_FROM_THE_START = 64
"""Series of a counter that exist before anything was counted: the first increase of one that didn't is seen by no rate.
Where there are more, most would stay at 0 for ever."""

Look = Callable[[], Iterable[Sample]]
"""Tells how something stands, when it is asked; in the event loop of the process."""


class Metrics:
    """Counts what happens (`record`, safe for threads), and asks those who were given to `watch` at each scrape."""

    def __init__(self, process: Process, version: str) -> None:
        """`version`: DAGY's own, for dagy_build_info."""
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each one, which nobody asks for
        self._registry = prometheus_client.CollectorRegistry()
        prometheus_client.ProcessCollector(registry=self._registry)
        prometheus_client.PlatformCollector(registry=self._registry)
        prometheus_client.GCCollector(registry=self._registry)
        about = {"version": version, "process": str(process)}
        prometheus_client.Info("dagy_build", "Version of DAGY.", registry=self._registry).info(about)
        self._counters: dict[Metric, prometheus_client.Counter] = {}
        self._histograms: dict[Metric, prometheus_client.Histogram] = {}
        for metric in metrics_of(process):
            self._add(metric)
        self._looks = _Looks()
        self._registry.register(self._looks)

    def record(self, samples: Iterable[Sample]) -> None:
        """Count these. Those of metrics that the process does not have are left out."""
        for sample in samples:
            if counter := self._counters.get(sample.metric):
                (counter.labels(*sample.labels) if sample.labels else counter).inc(sample.value)
            elif histogram := self._histograms.get(sample.metric):
                (histogram.labels(*sample.labels) if sample.labels else histogram).observe(sample.value)

    def watch(self, look: Look) -> None:
        """Ask `look` at each scrape. A counter among its samples is the whole count."""
        self._looks.add(look)

    def exposition(self) -> tuple[bytes, str]:
        """Return all metrics in Prometheus' text format, and its content type."""
        return prometheus_client.generate_latest(self._registry), prometheus_client.exposition.CONTENT_TYPE_PLAIN_0_0_4

    def _add(self, metric: Metric) -> None:
        about, names = (metric.name, metric.help), tuple(metric.labels)
        if metric.kind is Kind.COUNTER and not metric.looked_at:
            counter = prometheus_client.Counter(*about, names, registry=self._registry)
            self._counters[metric] = counter
            if names and metric.series_at_most <= _SHOWN_FROM_THE_START:
                for labels in metric.series():
                    counter.labels(*labels)
        elif metric.kind is Kind.HISTOGRAM:
            self._histograms[metric] = prometheus_client.Histogram(
                *about, names, buckets=metric.buckets, registry=self._registry
            )


class _Looks(Collector):
    """What is asked at each scrape; one that fails leaves a gap and not the others' values."""

    def __init__(self) -> None:
        self._looks: list[Look] = []

    def add(self, look: Look) -> None:
        self._looks.append(look)

    @override
    def collect(self) -> Iterator[Family]:
        found: dict[Metric, list[Sample]] = defaultdict(list)
        for look in self._looks:
            try:
                for sample in look():
                    found[sample.metric].append(sample)
            except Exception:
                log.exception("A metric can't be told")
        for metric, samples in found.items():
            family = _family(metric)
            for sample in samples:
                family.add_metric(sample.labels, sample.value)
            yield family


def _family(metric: Metric) -> CounterMetricFamily | GaugeMetricFamily:
    if metric.kind is Kind.COUNTER:
        return CounterMetricFamily(metric.name, metric.help, labels=tuple(metric.labels))
    return GaugeMetricFamily(metric.name, metric.help, labels=tuple(metric.labels))
