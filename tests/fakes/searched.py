"""The package index that the tests' API searches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.fakes.index import Index, Release, serve

RELEASES = (
    Release("pandas", "1.5.3", tag="cp311-cp311-manylinux_2_17_x86_64"),
    Release("pandas", "2.0.0", uploaded="2023-04-03T10:00:00Z"),
    Release("pandas", "2.1.0", yanked="broken\x1b[31m"),
    Release("pandas", "2.1.1", requires_python=">=3.13"),
    Release("pandas", "3.0.0rc1"),
)


@contextmanager
def searched() -> Iterator[Index]:
    """Serve it while the block runs."""
    with serve(*RELEASES) as running:
        running.names = ["numpy", "pandas-stubs", "geopandas", "scikit-learn"]
        running.speaks_json = True
        yield running
