"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
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
        f"Linux {platform.release()}, load average {os.getloadavg()[0]:.1f} at the start"
    )


def _fields(path: str, separator: str = ":") -> list[tuple[str, str]]:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return []
    pairs = (line.partition(separator) for line in lines if separator in line)
    return [(key.strip(), value.strip()) for key, _, value in pairs]
