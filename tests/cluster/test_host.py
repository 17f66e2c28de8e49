"""The cluster's view of the machine: addresses, control groups, processes, obstacles; and its words on them."""

from __future__ import annotations

import io
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tests.cluster import cgroups, doctor, network, shell
from tests.cluster.layout import Addresses, ClusterError, Layout
from tests.cluster.processes import Process, boot_id, start_time
from tests.cluster.progress import Progress, duration, running_line

BLOCK = IPv4Network("10.201.0.0/16")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (3.14, "3.1 s"), (9.96, "10 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s")],
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_running_step_says_what_it_is_doing() -> None:
    assert running_line("Build etcd", 12, "compiling raft") == "Build etcd (12 s): compiling raft"
    assert running_line("Build etcd", 12, "") == "Build etcd (12 s)"


def test_every_step_ends_with_a_line_even_when_it_fails() -> None:
    screen = io.StringIO()
    progress = Progress(Console(file=screen, width=200))
    with progress.step("First") as step:
        step.done("[fine]")
    with pytest.raises(ValueError, match="broken"), progress.step("Second"):
        raise ValueError("broken")
    assert re.fullmatch(r"✓ First: \[fine\] \(0\.\d s\)\n✗ Second: failed \(0\.\d s\)\n", screen.getvalue())


def test_addresses_lie_in_their_block_and_apart() -> None:
    addresses = Addresses(BLOCK)
    parts = [addresses.pods, addresses.services, IPv4Network(f"{addresses.host_ip}/30", strict=False)]
    assert all(p.subnet_of(BLOCK) for p in parts)
    assert not any(a.overlaps(b) for a in parts for b in parts if a is not b)
    assert IPv4Address(addresses.node_ip) in parts[2]
    assert IPv4Address(addresses.dns_service_ip) in addresses.services


@given(
    taken=st.lists(st.sampled_from(network.CANDIDATES), max_size=len(network.CANDIDATES) - 1),
    prefix=st.integers(16, 32),
)
def test_a_block_never_overlaps_a_route(taken: list[IPv4Network], prefix: int) -> None:
    routes = [IPv4Network((int(n.network_address), prefix)) for n in taken]
    block = network.choose_block(routes, [])
    assert not any(block.overlaps(r) for r in routes)


def test_a_name_server_behind_a_broad_route_stays_reachable() -> None:
    assert network.choose_block([IPv4Network("10.0.0.0/8")], [IPv4Address("10.201.3.3")]) == network.CANDIDATES[1]


def test_no_block_left_says_what_to_do() -> None:
    with pytest.raises(ClusterError, match="make down"):
        network.choose_block(network.CANDIDATES, [])


def test_name_servers_are_read_as_resolvers_read_them() -> None:
    text = "# nameserver 1.1.1.1\nsearch a.example\nnameserver 10.0.0.53\n nameserver  8.8.8.8 \nnameserver ::1\n"
    assert network.nameservers(text) == [IPv4Address("10.0.0.53"), IPv4Address("8.8.8.8")]


CHAINS = """{"nftables": [
 {"metainfo": {"version": "1.0.6"}},
 {"chain": {"family": "ip", "table": "filter", "name": "FORWARD", "hook": "forward", "policy": "drop"}},
 {"chain": {"family": "ip6", "table": "filter", "name": "FORWARD", "hook": "forward", "policy": "drop"}},
 {"chain": {"family": "ip", "table": "filter", "name": "INPUT", "hook": "input", "policy": "drop"}},
 {"chain": {"family": "inet", "table": "mine", "name": "forward", "hook": "forward", "policy": "accept"}},
 {"chain": {"family": "ip", "table": "filter", "name": "DOCKER"}}
]}"""


def test_a_host_that_drops_what_pods_send_is_noticed() -> None:
    assert network.dropping_chains(CHAINS) == ["ip filter FORWARD"]
    [advice] = network.forwarding_advice("dagy-0", Addresses(BLOCK), ["ip filter FORWARD"])
    assert "nft insert rule ip filter FORWARD iifname dagy-0 accept" in advice


def test_two_checkouts_have_two_names_that_links_can_have() -> None:
    one, other = Layout(Path("/srv/one/.cluster")).ident, Layout(Path("/srv/other/.cluster")).ident
    assert one != other
    assert len(one) <= 15
    assert network.is_ident(one)
    assert not network.is_ident("dagy-operator")


HYBRID_MOUNTS = """\
tmpfs /sys/fs/cgroup tmpfs rw,relatime,mode=755 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0
cgroup /sys/fs/cgroup/systemd cgroup rw,relatime,xattr,name=systemd 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0
"""
HYBRID_OWN = "4:memory:/ci/job 7\n2:cpu,cpuacct:/\n1:name=systemd:/\n0::/\n"


def test_groups_lie_below_the_one_that_started_the_cluster() -> None:
    found = cgroups.hierarchies(HYBRID_MOUNTS)
    assert [h.controllers for h in found] == ["cpu,cpuacct", "memory", "name=systemd"]
    assert cgroups.group_paths(HYBRID_OWN, found, "dagy-0") == [
        "/sys/fs/cgroup/cpu,cpuacct/dagy-0",
        "/sys/fs/cgroup/memory/ci/job 7/dagy-0",
        "/sys/fs/cgroup/systemd/dagy-0",
    ]


def test_on_cgroup_v2_the_group_lies_at_the_root() -> None:
    found = cgroups.hierarchies("cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nsdelegate 0 0\n")
    assert cgroups.group_paths("0::/user.slice/session-1.scope\n", found, "dagy-0") == ["/sys/fs/cgroup/dagy-0"]


def test_a_number_that_was_given_anew_is_another_process() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        process = Process.of(child.pid)
        assert process.is_alive()
        assert not Process(child.pid, process.start - 1, boot_id()).is_alive()
        assert not Process(child.pid, process.start, "an earlier boot").is_alive()
        Process(child.pid, process.start - 1, boot_id()).kill()
        assert process.is_alive()
        process.kill()
        assert not process.is_alive()
    assert start_time(child.pid) is None


TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:041D 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0 100 0 0 10 0
   1: 0100007F:041D 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 222 1 0 100 0 0 10 0
   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1 0 100 0 0 10 0
   3: 00000000:041D 0200A8C0:D431 01 00000000:00000000 00:00000000 00000000     0        0 444 1 0 100 0 0 10 0
"""


def test_only_who_holds_the_port_on_all_addresses_is_in_the_way() -> None:
    assert doctor.wildcard_listeners("tcp", TCP, 1053) == [doctor.Listener("tcp", 111)]


def test_a_busy_port_names_port_and_process() -> None:
    with subprocess.Popen(
        [
            "python3",
            "-c",
            "import socket,time; s=socket.create_server(('', 0)); print(s.getsockname()[1], flush=True); time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        port = int(holder.stdout.readline())
        found = doctor.wildcard_listeners("tcp", Path("/proc/net/tcp").read_text(), port)
        assert [doctor.busy_sentence(port, entry, doctor.owner(entry.inode)) for entry in found] == [
            f"Port {port}/TCP is held by process {holder.pid} (python3), and the cluster's DNS needs it: end that process."
        ]
        holder.kill()


def test_too_little_disk_says_how_much_and_where() -> None:
    assert doctor.disk_sentence(Path("/srv"), 5 << 30, 3 << 30) == []
    [sentence] = doctor.disk_sentence(Path("/srv"), 5 << 29, 16 << 30)
    assert sentence.startswith("/srv has 2.5 GiB free, and 16 GiB are needed")


def test_a_folder_without_overlays_is_told(tmp_path: Path) -> None:
    with_colon = tmp_path / "a:b"  # overlayfs takes it for two folders
    with_colon.mkdir()
    [sentence] = doctor.overlay_problems(Layout(with_colon))
    assert "DAGY_CLUSTER_DIR" in sentence
    assert list(with_colon.iterdir()) == []


def test_a_failing_program_is_told_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"exit code 3\. Its last words:\n  no luck"):
        shell.run(["sh", "-c", "echo no luck >&2; exit 3"])
    with pytest.raises(ClusterError, match=r"(?s)exit code 4.*All of its output: .*out\.log"):
        shell.follow(["sh", "-c", "echo working; exit 4"], log=tmp_path / "out.log", say=lambda _: None)


def test_groups_that_vanish_while_they_are_looked_at_are_no_error(tmp_path: Path) -> None:
    def churn(rounds: int) -> None:
        for n in range(rounds):
            group = tmp_path / "dagy-0" / f"pod{n % 7}" / "container"
            group.mkdir(parents=True)
            (group / "cgroup.procs").write_text("1\n")
            (group / "cgroup.procs").unlink()
            group.rmdir()
            group.parent.rmdir()

    with ThreadPoolExecutor() as pool:
        churning = pool.submit(churn, 3000)
        while not churning.done():
            assert set(cgroups.members(tmp_path)) <= {1}
        churning.result()
