"""The index that the console's tests search."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.fakes.index import Index, Release, serve

_VERSIONS = {
    "pandas": ("2.3.1", "2.3.0", "2.2.3", "2.2.0", "1.5.3"),
    "numpy": ("2.2.0", "1.26.4", "1.26.0", "1.25.2"),
    "scikit-learn": ("1.5.0", "1.4.0"),
    "requests": ("2.32.3", "2.31.0"),
    "idna": ("3.10.0", "3.7.0", "2.10.0"),
}
_RELEASES = (
    *(Release(name, version) for name, versions in _VERSIONS.items() for version in versions),
    Release("pandas", "3.0.0", requires_python=">=3.13"),
    Release("requests", "2.33.0rc1"),
    *(Release(name, "1.0.0", tag="cp312-cp312-manylinux_2_28_x86_64") for name in ("distutils-user", "imp-user")),
)


@contextmanager
def searched() -> Iterator[Index]:
    """Serve it while the block runs."""
    with serve(*_RELEASES) as running:
        running.names = ["pandas-stubs", "strands-agents", "torch"]
        running.speaks_json = True
        yield running
