"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import tempfile
from datetime import UTC, datetime
from pathlib import Path


def description() -> str:
    """CPU, cores, memory, system and how busy the machine is, in one line."""
    cpu = next((v for k, v in _fields("/proc/cpuinfo") if k == "model name"), platform.processor())
    memory = next((int(v.split()[0]) for k, v in _fields("/proc/meminfo") if k == "MemTotal"), 0)
    system = next((v.strip('"') for k, v in _fields("/etc/os-release", "=") if k == "PRETTY_NAME"), platform.system())
    cores = len(os.sched_getaffinity(0))
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {cpu}, {cores} cores, {memory / 2**20:.0f} GiB, {system}, "
        f"Linux {platform.release()}, {_file_system(tempfile.gettempdir())}, load average {os.getloadavg()[0]:.1f} at the start"
    )


def _file_system(folder: str) -> str:
    """The kind that a folder is on; of ext4, whether it has a journal, because that decides how it creates files."""
    device = Path(folder).stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    kind = next((fields[fields.index("-") + 1] for fields in mounts if fields[2] == number), "unknown file system")
    journal = Path("/sys/fs/ext4") / Path(f"/sys/dev/block/{number}").resolve().name / "journal_task"
    bare = kind == "ext4" and journal.exists() and journal.read_text().strip() == "<none>"
    return f"{kind} without a journal" if bare else kind


def _fields(path: str, separator: str = ":") -> list[tuple[str, str]]:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return []
    pairs = (line.partition(separator) for line in lines if separator in line)
    return [(key.strip(), value.strip()) for key, _, value in pairs]
