"""Interpreters of this machine, of the four versions where they are."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from dagy_builder.platforms import PYTHON_VERSIONS

OWN = "{}.{}".format(*sys.version_info)


def interpreters() -> Mapping[str, Path]:
    """One of each version: pyenv's, or one of those that the cluster's cache has, or the one that runs the tests."""
    roots = [Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"]
    if "DAGY_CLUSTER_DIR" in os.environ:
        roots.append(Path(os.environ["DAGY_CLUSTER_DIR"]) / "cache/interpreters")
    found = {}
    for version in PYTHON_VERSIONS:
        own = [Path(sys.executable)] if version == OWN else []
        there = [path for root in roots for path in sorted(root.glob(f"{version}*/bin/python{version}"))]
        if python := next(iter(there + own), None):
            found[version] = python
    return found
