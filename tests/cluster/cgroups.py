"""The node's control groups: one for each hierarchy of the host, below the group that started the cluster.

They limit nothing; they are there so that everything the cluster runs can be found, and is accounted for where the
command that started it is.
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .layout import ClusterError
from .node_init import distribute

EMPTY_WITHIN = 10.0
"""Seconds that killed processes get to leave their groups."""


V1_CONTROLLERS = {
    *("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids"),
    *("net_cls", "net_prio", "perf_event", "hugetlb", "rdma", "misc"),
}


@dataclass(frozen=True)
class Hierarchy:
    """A mounted cgroup hierarchy; `controllers` is empty for cgroup v2."""

    mount: str
    controllers: str
    """As in /proc/self/cgroup: `cpu`, `cpu,cpuacct`, `name=systemd`."""


def hierarchies(mounts: str) -> list[Hierarchy]:
    """The hierarchies in the text of /proc/self/mounts: those of v1 if any, otherwise the one of v2.

    On a hybrid host the v2 hierarchy has no controllers, so it is left out.
    """
    v1, v2 = [], []
    for line in mounts.splitlines():
        _, where, kind, options, *_ = line.split()
        if kind == "cgroup":
            words = [w for w in options.split(",") if w.startswith("name=") or w in V1_CONTROLLERS]
            v1.append(Hierarchy(where, ",".join(words)))
        elif kind == "cgroup2":
            v2.append(Hierarchy(where, ""))
    return v1 or v2


def group_paths(own: str, found: Iterable[Hierarchy], ident: str) -> list[str]:
    """Return the paths for the node's groups, given the text of /proc/self/cgroup.

    cgroup v2 lets only the root distribute controllers while it has processes itself, so there it is the root.
    """
    where = {line.split(":", 2)[1]: line.split(":", 2)[2] for line in own.splitlines()}
    paths = []
    for h in found:
        parent = where.get(h.controllers, "/").rstrip("/") if h.controllers else ""
        paths.append(f"{h.mount}{parent}/{ident}")
    return paths


def create(ident: str) -> list[str]:
    """Make the node's groups and return their paths. Raises ClusterError when the kernel refuses."""
    found = hierarchies(Path("/proc/self/mounts").read_text())
    paths = group_paths(Path("/proc/self/cgroup").read_text(), found, ident)
    for path in map(Path, paths):
        try:
            if (path.parent / "cgroup.subtree_control").exists():
                distribute(path.parent)
            path.mkdir(exist_ok=True)
            for setting in ("cpuset.cpus", "cpuset.mems"):
                # A v1 cpuset starts empty, and no process can join it until it has CPUs and memory nodes.
                if (path / "cgroup.procs").exists() and (path / setting).exists() and "cpuset" in str(path.parent):
                    (path / setting).write_text((path.parent / setting).read_text())
        except OSError as e:
            raise ClusterError(
                f"The control group {path} can't be made ({e.strerror}): containers need one. Run `make up` as root on"
                " a machine, or in a container that may write to /sys/fs/cgroup."
            ) from e
    return paths


def members(path: Path) -> list[int]:
    """The processes in a group and in those below; groups that vanish meanwhile have none."""
    found: list[int] = []
    for group in _below(path):
        # The kernel says "no such device" where a group went after its file was opened.
        with suppress(OSError):
            found += map(int, (group / "cgroup.procs").read_text().split())
    return found


def _below(path: Path) -> Iterator[Path]:
    """A group and those below it, parents first. Other clusters' pods come and go, and os.walk skips what has gone."""
    return (Path(folder) for folder, _, _ in os.walk(path))


def remove(paths: Iterable[Path]) -> None:
    """Remove groups whose processes have been killed, once the last has left. Raises ClusterError if one stays."""
    deadline = time.monotonic() + EMPTY_WITHIN
    for path in paths:
        while path.exists():
            try:
                for group in sorted(_below(path), reverse=True):
                    group.rmdir()
            except OSError as e:
                if e.errno not in {errno.EBUSY, errno.ENOENT} or time.monotonic() > deadline:
                    raise ClusterError(
                        f"The control group {path} still has the processes {members(path)}: end them, then try again."
                    ) from e
                time.sleep(0.05)  # the kernel has no event for the end of a v1 group's last process


def leftovers(ident: re.Pattern[str]) -> list[Path]:
    """Groups below /sys/fs/cgroup whose name matches."""
    return [p for p in _below(Path("/sys/fs/cgroup")) if ident.fullmatch(p.name)]
