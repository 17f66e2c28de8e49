"""Obstacles on this machine to running the cluster: each one a sentence, and all of them at once."""

from __future__ import annotations

import os
import platform
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from .components import DNS_PORT
from .layout import ClusterError, Layout
from .shell import run

TOOLS = {
    "ip": "iproute2",
    "nft": "nftables",
    "iptables-restore": "iptables",
    "ipset": "ipset",
    "buildah": "buildah",
    "mmdebstrap": "mmdebstrap",
    "gcc": "gcc",
    "pkg-config": "pkg-config",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "mount": "mount",
    "hostname": "hostname",
}
"""Programs, and the Debian package of each."""

ARCHITECTURES = ("x86_64", "aarch64")
GIB = 1 << 30
FIRST_START_BYTES = 16 * GIB
"""Bytes that a first start takes: Go's caches (8 GiB), binaries, images, and room to work."""

LATER_START_BYTES = 3 * GIB


@dataclass(frozen=True)
class Listener:
    """A socket that listens to a port on all of the host's addresses."""

    protocol: str
    inode: int


def problems(layout: Layout, *, running: bool) -> list[str]:
    """Return the obstacles to `make up` here; none when `running` says that the node is up already."""
    found = []
    if os.geteuid() != 0:
        found.append("The cluster needs root, for namespaces, mounts and packet filter rules: run it with sudo.")
    if platform.machine() not in ARCHITECTURES:
        found.append(f"This machine is {platform.machine()}; the cluster runs on {' and '.join(ARCHITECTURES)}.")
    for tool, package in TOOLS.items():
        if shutil.which(tool) is None:
            found.append(f"{tool} is missing: install Debian's package {package} (`apt-get install {package}`).")
    if not Path("/sys/fs/cgroup").is_mount():
        found.append("No control groups are mounted at /sys/fs/cgroup, and containers need them: mount them.")
    found += disk_problems(layout)
    if not running and not found:
        found += port_problems() + overlay_problems(layout)
    return found


def overlay_problems(layout: Layout) -> list[str]:
    """A sentence when containers can't get their file systems here: overlays in a mount namespace of their own."""
    trial = layout.root / "overlay-trial"
    lower, upper, work, merged = (trial / n for n in ("lower", "upper", "work", "merged"))
    try:
        for folder in (lower, upper, work, merged):
            folder.mkdir(parents=True, exist_ok=True)
        options = f"lowerdir={lower},upperdir={upper},workdir={work}"
        run(["unshare", "--mount", "mount", "-t", "overlay", "overlay", "-o", options, merged])
    except (ClusterError, OSError) as e:
        return [
            f"Containers need overlay mounts, and {layout.root} can't have them: set DAGY_CLUSTER_DIR to a folder on"
            f" ext4 or XFS whose path has no colon or comma, and in a container, let it be privileged. {e}"
        ]
    finally:
        shutil.rmtree(trial, ignore_errors=True)
    return []


def disk_problems(layout: Layout) -> list[str]:
    """A sentence when there is too little room in the state folder."""
    needed = LATER_START_BYTES if layout.bin.exists() else FIRST_START_BYTES
    folder = next(p for p in (layout.root, *layout.root.parents) if p.exists())
    return disk_sentence(folder, shutil.disk_usage(folder).free, needed)


def disk_sentence(folder: Path, free: int, needed: int) -> list[str]:
    """Return the sentence on `free` bytes where `needed` are wanted; none, if they are enough."""
    if free >= needed:
        return []
    return [
        f"{folder} has {free / GIB:.1f} GiB free, and {needed / GIB:.0f} GiB are needed: free some, or set"
        " DAGY_CLUSTER_DIR to a folder on a larger disk."
    ]


def port_problems() -> list[str]:
    """A sentence for each process that holds CoreDNS's port on all addresses of the host.

    It is the only port that the cluster takes on the host: all others are in the node's own network namespace.
    """
    listeners = []
    for protocol in ("tcp", "tcp6", "udp", "udp6"):
        table = Path("/proc/net", protocol)
        if table.exists():
            listeners += wildcard_listeners(protocol, table.read_text(), DNS_PORT)
    return [busy_sentence(DNS_PORT, listener, owner(listener.inode)) for listener in listeners]


def wildcard_listeners(protocol: str, table: str, port: int) -> list[Listener]:
    """Return the listeners to `port` on all addresses, from the text of /proc/net/PROTOCOL."""
    found = []
    for line in table.splitlines()[1:]:
        _, local, remote, state, _, _, _, _, _, inode, *_ = line.split()
        address, _, hexadecimal = local.partition(":")
        open_for_all = set(address) == {"0"} and remote.endswith(":0000")
        # 0A is TCP_LISTEN; an unconnected UDP socket is in state 07, TCP_CLOSE.
        if open_for_all and int(hexadecimal, 16) == port and state in {"0A", "07"}:
            found.append(Listener(protocol, int(inode)))
    return found


def owner(inode: int) -> str:
    """The process that has a socket open, for people."""
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(entry.readlink()) == f"socket:[{inode}]":
                process = entry.parent.parent
                return f"process {process.name} ({(process / 'comm').read_text().strip()})"
        except OSError:
            continue  # it ended meanwhile
    return "a process that can't be seen from here"


def busy_sentence(port: int, listener: Listener, holder: str) -> str:
    """Return the sentence on a port that is taken."""
    protocol = listener.protocol.removesuffix("6").upper()
    return f"Port {port}/{protocol} is held by {holder}, and the cluster's DNS needs it: end that process."


def free_port() -> int:
    """A TCP port of the loopback address that nothing listens to now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
