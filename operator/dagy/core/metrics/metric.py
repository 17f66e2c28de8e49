"""A metric, and a value of one. Pure.

Names and units: https://prometheus.io/docs/practices/naming.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import product
from types import MappingProxyType

OTHER = "Other"
"""Stands for each value of a label that the catalogue does not know, so that nobody can make new series."""


class Kind(StrEnum):
    """The types of Prometheus that are used here."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Process(StrEnum):
    """The processes that answer /metrics, each with its own metrics."""

    OPERATOR = "operator"
    API = "api"
    WEBHOOK = "webhook"


@dataclass(frozen=True, eq=False)
class Metric:
    """One metric, with every value that its labels can have: a finite set, and never a name of a user's object."""

    name: str
    kind: Kind
    help: str
    processes: tuple[Process, ...]
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    buckets: tuple[float, ...] = ()
    """Upper bounds of a histogram's buckets, in the metric's unit."""
    looked_at: bool = False
    """True for a counter that somebody else counts, and that is asked for at each scrape, as gauges are."""

    def sample(self, value: float = 1.0, **labels: str | None) -> Sample:
        """Return a value: what to add to a counter, what a gauge is, what a histogram observes.

        `labels` has each of the metric's; what is in none of their sets is counted as OTHER.
        """
        given = (labels[name] or OTHER for name in self.labels)
        known = zip(given, self.labels.values(), strict=True)
        return Sample(self, tuple(str(text) if text in values else OTHER for text, values in known), value)

    def series(self) -> Iterator[tuple[str, ...]]:
        """Yield each combination of label values, OTHER left out."""
        return product(*self.labels.values())

    @property
    def series_at_most(self) -> int:
        """The number of time series that one process can have of it."""
        count = 1
        for values in self.labels.values():
            count *= len(values) + 1
        return count * (len(self.buckets) + 3 if self.kind is Kind.HISTOGRAM else 1)


@dataclass(frozen=True)
class Sample:
    """A value of a metric. `labels`: the values, in the order of the metric's labels."""

    metric: Metric
    labels: tuple[str, ...]
    value: float


Recorder = Callable[[Iterable[Sample]], None]
"""Takes what has happened; safe for threads, and never fails."""


def unrecorded(_: Iterable[Sample]) -> None:
    """Take no notice: for processes that answer no /metrics, such as commands."""
