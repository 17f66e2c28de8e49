"""Starting and stopping the node."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import IO

from . import cgroups, network, pki
from .components import components, config_files
from .kube import kubectl
from .layout import CONTEXT, NODE_NAME, Addresses, ClusterError, Layout
from .processes import Process, children
from .progress import Progress, Step
from .shell import LAST_LINES, run

READY_WITHIN = 120.0
"""Seconds that the API server and the node get to be ready; 3 to 12 are usual."""

FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
FORWARDING_BEFORE = Path("/run/dagy-ip_forward")
"""The host's ip_forward from before the first cluster; in /run, so that it goes with a reboot, as the setting does."""


@dataclass(frozen=True)
class Node:
    """A node that was started: the facts that are needed to use and to stop it."""

    outer: Process
    init: Process
    addresses: Addresses
    cgroups: list[str]

    def is_alive(self) -> bool:
        """True when the node's PID 1 still runs."""
        return self.init.is_alive()

    def to_json(self) -> str:
        """Return it as `load` reads it."""
        found = {"outer": asdict(self.outer), "init": asdict(self.init), "cgroups": self.cgroups}
        return json.dumps({**found, "block": str(self.addresses.block)}, indent=2)


def load(layout: Layout) -> Node | None:
    """The node that was started last in this state folder, alive or not; None when there was none since `make down`."""
    try:
        found = json.loads(layout.state.read_text())
        addresses = Addresses(IPv4Network(found["block"]))
        return Node(Process(**found["outer"]), Process(**found["init"]), addresses, found["cgroups"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        # Cut short by a full disk or a crash: what it named is found by the cluster's name.
        return None


def start(layout: Layout, progress: Progress) -> Node:
    """Return a running node, new or the present one, whose API server answers. Raises ClusterError without one."""
    node = load(layout)
    if node is not None and node.is_alive():
        progress.note(f"The node runs already (process {node.init.pid}).")
    else:
        with _machine():
            with progress.step("Clear what an earlier cluster left behind") as step:
                step.done(", ".join(_clear(layout)) or "nothing")
            with progress.step("Start the node") as step:
                node = _start(layout)
                step.done(f"process {node.init.pid}, address {node.addresses.node_ip}")
        chains = network.dropping_chains(run(["nft", "-j", "list", "chains"]))
        for advice in network.forwarding_advice(layout.ident, node.addresses, chains):
            progress.note(advice)
    with progress.step("API server") as step:
        _await_api_server(layout, node, step)
        step.done(node.addresses.api_url)
    return node


def _start(layout: Layout) -> Node:
    addresses = Addresses(network.free_block())
    for folder in (layout.node / "lib", layout.node / "tmp", layout.logs, layout.volumes, layout.node / "etc" / "cni"):
        folder.mkdir(parents=True, exist_ok=True)
    (layout.node / "tmp").chmod(0o1777)
    authority = pki.write_control_plane(layout.pki, [addresses.node_ip, addresses.api_service_ip])
    pki.write_components(layout.pki, addresses.api_url, authority, NODE_NAME, addresses.node_ip)
    pki.write_admin(layout.kubeconfig, addresses.api_url, authority, CONTEXT)
    for name, text in config_files(addresses, Path("/etc/resolv.conf").read_text()).items():
        (layout.node / "etc" / name).write_text(text)
    groups = cgroups.create(layout.ident)
    spec = layout.node / "spec.json"
    hierarchies = cgroups.hierarchies(Path("/proc/self/mounts").read_text())
    spec.write_text(
        json.dumps(
            {
                "name": NODE_NAME,
                "state": str(layout.root),
                "cgroups": groups,
                "hierarchies": [asdict(h) for h in hierarchies],
                "components": [c.to_json() for c in components(addresses)],
            }
        )
    )
    return _launch(layout, spec, addresses, groups)


def _launch(layout: Layout, spec: Path, addresses: Addresses, groups: list[str]) -> Node:
    log = layout.logs / "node.log"
    with log.open("wb") as errors:
        outer = subprocess.Popen(
            [_system_python(), "-I", str(Path(__file__).with_name("node_init.py")), "launch", str(spec)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            cwd="/",
        )
    assert outer.stdin is not None
    assert outer.stdout is not None
    if outer.stdout.readline() != b"ready\n":
        outer.kill()
        outer.wait()
        raise ClusterError(f"The node did not start:\n{tail(log)}")
    node = Node(Process.of(outer.pid), Process.of(children(outer.pid)[0]), addresses, groups)
    layout.state.write_text(node.to_json())
    network.connect(layout.ident, addresses, node.init.pid)
    _forward()
    _leave_group(groups, outer.pid)
    outer.stdin.write(b"start\n")
    outer.stdin.close()
    _detach(outer, outer.stdout)
    return node


def _system_python() -> str:
    # The node outlives this checkout's virtual environment, and its own mounts may hide it.
    return shutil.which("python3", path="/usr/bin:/usr/local/bin") or "python3"


def _leave_group(groups: list[str], pid: int) -> None:
    """On cgroup v2, move the outer process out of the group whose controllers are about to be distributed."""
    for group in map(Path, groups):
        if (group / "cgroup.controllers").exists():
            (group / "outer").mkdir(exist_ok=True)
            (group / "outer" / "cgroup.procs").write_text(str(pid))


def _detach(outer: subprocess.Popen[bytes], stdout: IO[bytes]) -> None:
    """Leave the node running: it is no longer ours to wait for."""
    stdout.close()
    outer.returncode = 0


def _forward() -> None:
    before = FORWARDING.read_text()
    if before.strip() == "0":
        FORWARDING_BEFORE.write_text(before)
        FORWARDING.write_text("1")


def _await_api_server(layout: Layout, node: Node, step: Step) -> None:
    context = ssl.create_default_context(cafile=str(layout.pki / "ca.crt"))
    deadline = time.monotonic() + READY_WITHIN
    while True:
        try:
            with urllib.request.urlopen(f"{node.addresses.api_url}/readyz", context=context, timeout=5):
                return
        except urllib.error.HTTPError as e:
            step.say(f"answers {e.code}")
        except OSError as e:
            step.say(str(e))
        if not node.is_alive():
            raise ClusterError(f"The node ended while its API server started:\n{tail(layout.logs / 'node.log')}")
        if time.monotonic() > deadline:
            log = layout.logs / "kube-apiserver.log"
            raise ClusterError(f"The API server is not ready after {READY_WITHIN:.0f} s. {log} ends with:\n{tail(log)}")
        time.sleep(0.1)  # between two polls: a server that is not there yet can't be waited on


def await_ready(layout: Layout, progress: Progress) -> None:
    """Wait until the node takes pods. Raises ClusterError when it doesn't."""
    with progress.step("Node ready") as step:
        wait = ["wait", f"--timeout={READY_WITHIN:.0f}s"]
        try:
            kubectl(layout, *wait, "--for=create", f"node/{NODE_NAME}")
            kubectl(layout, *wait, "--for=condition=Ready", f"node/{NODE_NAME}")
            # The controller manager makes it a moment later, and no pod is let in before.
            kubectl(layout, *wait, "--for=create", "serviceaccount/default", "--namespace=default")
        except ClusterError as e:
            raise ClusterError(f"{e}\n{layout.logs}/kubelet.log ends with:\n{tail(layout.logs / 'kubelet.log')}") from e
        step.done(NODE_NAME)


def tail(path: Path) -> str:
    """The last lines of a log, indented."""
    try:
        lines = path.read_text(errors="replace").splitlines()[-LAST_LINES:]
    except FileNotFoundError:
        lines = [f"({path} is not there)"]
    return "\n".join("  " + line for line in lines)


def clear(layout: Layout) -> list[str]:
    """Remove all that a cluster in this folder has left, running or dead; return the parts that were there.

    Parts of other folders' clusters go as well when nothing runs in them any more.
    """
    with _machine():
        return _clear(layout)


@contextmanager
def _machine() -> Iterator[None]:
    """Be the only one on this machine that looks for free addresses and for leftovers of dead clusters."""
    everyone = os.open("/run", os.O_RDONLY)
    try:
        fcntl.flock(everyone, fcntl.LOCK_EX)
        yield
    finally:
        os.close(everyone)


def _clear(layout: Layout) -> list[str]:
    found = []
    node = load(layout)
    if node is not None and (node.init.is_alive() or node.outer.is_alive()):
        node.init.kill()
        node.outer.kill()
        found.append("the running node")
    found += _clear_kernel(layout.ident, node)
    layout.state.unlink(missing_ok=True)
    for folder in (layout.node, layout.pki, layout.volumes):
        if folder.exists():
            shutil.rmtree(folder)
            found.append(f"{folder.name}/")
    layout.kubeconfig.unlink(missing_ok=True)
    layout.s3_env.unlink(missing_ok=True)
    return found


def _clear_kernel(ident: str, node: Node | None) -> list[str]:
    recorded = {Path(g) for g in node.cgroups} if node else set()
    groups = [g for g in {*recorded, *cgroups.leftovers(network.IDENT)} if g.exists()]
    dead = [g for g in groups if g.name == ident or not cgroups.members(g)]
    for group in dead:
        for pid in cgroups.members(group):
            with suppress(ProcessLookupError):
                Process.of(pid).kill()
    cgroups.remove(dead)
    alive = {g.name for g in groups} - {g.name for g in dead}
    gone = (network.links() | network.tables()) - alive
    for name in gone:
        network.disconnect(name)
    if not network.links() and FORWARDING_BEFORE.exists():
        FORWARDING.write_text(FORWARDING_BEFORE.read_text())
        FORWARDING_BEFORE.unlink()
    return [f"kernel state of {name}" for name in sorted(gone | {g.name for g in dead})]
