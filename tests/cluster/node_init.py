"""PID 1 of the node: sets up its namespaces, starts its components, and starts again those that end.

Runs with nothing but the standard library and the machine's own Python, in two roles:

    node_init.py launch SPEC   on the host: joins the node's control groups, then becomes `unshare … node_init.py init`
    node_init.py init SPEC     inside: mounts, waits for a line on standard input, then runs SPEC's components for good

SPEC is the JSON that node.py writes. SIGKILL is how it ends: the kernel then ends every process of the PID namespace,
and with the last of them go mounts, network devices and packet filter rules.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

STATE = Path("/mnt")
"""The mount point of the state folder inside the node, whatever its path on the host."""

RESTART_AFTER = 1.0
"""Seconds between a component's end and its next start."""

KUBELET_WANTS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
"""Settings of the whole machine that the kubelet would change; inside the node it finds them changed already."""


def main() -> None:
    """Act in the role that the first argument names."""
    role, spec_path = sys.argv[1:]
    spec = json.loads(Path(spec_path).read_text())
    if role == "launch":
        launch(spec, spec_path)
    else:
        prepare(spec)
        print("ready", flush=True)
        if sys.stdin.readline():
            finish_cgroup2()
            supervise(spec)


def launch(spec: dict[str, Any], spec_path: str) -> None:
    """Become the node's outer process, in the node's control groups."""
    for group in spec["cgroups"]:
        (Path(group) / "cgroup.procs").write_text(str(os.getpid()))
    host_net = os.open("/proc/self/ns/net", os.O_RDONLY)
    os.set_inheritable(host_net, True)
    os.environ["HOST_NET_FD"] = str(host_net)
    namespaces = ["--mount", "--net", "--pid", "--cgroup", "--ipc", "--uts"]
    init = [sys.executable, "-I", __file__, "init", spec_path]
    os.execvp("unshare", ["unshare", *namespaces, "--fork", "--kill-child", *init])


def prepare(spec: dict[str, Any]) -> None:
    """Mount everything that makes the host's root file system this node's."""
    mount("--bind", spec["state"], str(STATE))
    mount("-t", "proc", "proc", "/proc")
    mount("-t", "sysfs", "sysfs", "/sys")
    mount_cgroups(spec["hierarchies"])
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    for inside, outside in {"/var/lib": "node/lib", "/var/log": "logs", "/tmp": "node/tmp"}.items():
        mount("--bind", str(STATE / outside), inside)
    for name, value in KUBELET_WANTS.items():
        stand_in = Path("/run/sysctl") / name.replace("/", ".")
        stand_in.parent.mkdir(exist_ok=True)
        stand_in.write_text(value + "\n")
        if Path("/proc/sys", name).exists():
            mount("--bind", str(stand_in), f"/proc/sys/{name}")
    mount("--make-rshared", "/")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    subprocess.run(["hostname", spec["name"]], check=True)


def mount(*arguments: str) -> None:
    """mount(8)."""
    subprocess.run(["mount", *arguments], check=True)


def mount_cgroups(hierarchies: list[dict[str, str]]) -> None:
    """Mount the hierarchies anew, so that their roots are the node's groups."""
    root = Path("/sys/fs/cgroup")
    if not hierarchies[0]["controllers"]:
        mount("-t", "cgroup2", "cgroup2", str(root))
        return
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(root))
    for hierarchy in hierarchies:
        where = root / Path(hierarchy["mount"]).name
        where.mkdir()
        mount("-t", "cgroup", "-o", hierarchy["controllers"], "cgroup", str(where))
        for alias in hierarchy["controllers"].split(","):
            if "=" not in alias and alias != where.name:
                (root / alias).symlink_to(where.name)


def finish_cgroup2() -> None:
    """On cgroup v2, leave the node's group, so that it may distribute its controllers to groups below."""
    root = Path("/sys/fs/cgroup")
    if not (root / "cgroup.controllers").exists():
        return
    (root / "init").mkdir(exist_ok=True)
    (root / "init" / "cgroup.procs").write_text("1")
    distribute(root)


def distribute(group: Path) -> None:
    """Let the groups below a cgroup v2 group use its controllers: each that the kernel will give."""
    for controller in (group / "cgroup.controllers").read_text().split():
        # One by one, since one refusal (`cpu`, where a process is scheduled in real time) would take the others along.
        with contextlib.suppress(OSError):
            (group / "cgroup.subtree_control").write_text(f"+{controller}")


def start(component: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Start a component, its output appended to its log."""
    argv, passed = component["argv"], []
    if component["network"] == "host":
        host_net = int(os.environ["HOST_NET_FD"])
        argv, passed = ["nsenter", f"--net=/proc/self/fd/{host_net}", *argv], [host_net]
    with Path("/var/log", component["name"] + ".log").open("ab") as log:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=passed,
            env={"PATH": f"{STATE}/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/var/lib", **component["env"]},
        )


def supervise(spec: dict[str, Any]) -> None:
    """Run the components for good. PID 1 also reaps the processes that its children leave behind."""
    running = {}
    for component in spec["components"]:
        process = start(component)
        running[process.pid] = (process, component)
    while True:
        pid, status = os.wait()
        if pid not in running:
            continue
        process, component = running.pop(pid)
        process.returncode = os.waitstatus_to_exitcode(status)
        print(f"{component['name']} ended ({process.returncode}); starting it again", file=sys.stderr, flush=True)
        time.sleep(RESTART_AFTER)
        process = start(component)
        running[process.pid] = (process, component)


if __name__ == "__main__":
    main()
