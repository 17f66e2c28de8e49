"""The link between the host and the node: one veth pair, one /16 behind it, one masquerading table on the host.

The node's own rules (kube-proxy, port mappings) live in its network namespace and vanish with it. On the host there
are only the parts made here, each named after the cluster, so that leftovers of a dead cluster are recognizable.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable
from pathlib import Path

from .layout import Addresses, ClusterError
from .shell import run

CANDIDATES = tuple(ipaddress.IPv4Network(f"10.{n}.0.0/16") for n in range(201, 251))
"""Blocks a cluster may take: private (RFC 1918), away from what clouds, Docker and Kubernetes take by default."""


IDENT = re.compile(r"dagy-[0-9a-f]{8}")


def choose_block(
    taken: Iterable[ipaddress.IPv4Network], reserved: Iterable[ipaddress.IPv4Address]
) -> ipaddress.IPv4Network:
    """The first /16 that no route or address is part of; broader routes (10.0.0.0/8) do not count, ours is narrower.

    `reserved` are single addresses that must stay reachable, such as name servers behind such a broad route.
    Raises ClusterError when all candidates are taken.
    """
    routes = [n for n in taken if n.prefixlen > 8]
    kept = list(reserved)
    for block in CANDIDATES:
        if not any(n.overlaps(block) for n in routes) and not any(a in block for a in kept):
            return block
    raise ClusterError(
        f"All addresses from {CANDIDATES[0]} to {CANDIDATES[-1]} are routed already (`ip route`), so none is left for"
        " the cluster: stop another cluster (`make down` in its checkout) or remove a route."
    )


def free_block() -> ipaddress.IPv4Network:
    """The block for a new cluster on this machine as it is now."""
    routes = [r["dst"] for r in json.loads(run(["ip", "-json", "-4", "route", "show", "table", "all"]))]
    networks = [ipaddress.IPv4Network(r, strict=False) for r in routes if r != "default"]
    return choose_block(networks, nameservers(Path("/etc/resolv.conf").read_text()))


def nameservers(resolv_conf: str) -> list[ipaddress.IPv4Address]:
    """The IPv4 name servers of a resolv.conf(5)."""
    found = re.findall(r"^\s*nameserver\s+(\d+\.\d+\.\d+\.\d+)\s*$", resolv_conf, re.MULTILINE)
    return [ipaddress.IPv4Address(a) for a in found]


def masquerade_rules(ident: str, addresses: Addresses) -> str:
    """The host's table (nft(8)): the cluster's packets to elsewhere leave under the host's address."""
    return f"""\
table ip {ident} {{
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr {addresses.block} oifname != "{ident}" masquerade
  }}
  chain forward {{
    type filter hook forward priority mangle; policy accept;
    tcp flags syn tcp option maxseg size set rt mtu
  }}
}}
"""


def connect(ident: str, addresses: Addresses, node_pid: int) -> None:
    """Make the link, the routes on both sides, and the table. Raises ClusterError when the kernel refuses."""
    run(["ip", "link", "add", ident, "type", "veth", "peer", "name", "eth0", "netns", str(node_pid)])
    run(["ip", "address", "add", f"{addresses.host_ip}/30", "dev", ident])
    run(["ip", "link", "set", ident, "up"])
    inside = ["nsenter", f"--net=/proc/{node_pid}/ns/net", "ip"]
    run([*inside, "link", "set", "lo", "up"])
    run([*inside, "address", "add", f"{addresses.node_ip}/30", "dev", "eth0"])
    run([*inside, "link", "set", "eth0", "up"])
    run([*inside, "route", "add", "default", "via", addresses.host_ip])
    run(["ip", "route", "add", str(addresses.block), "via", addresses.node_ip])
    run(["nft", "-f", "-"], stdin=masquerade_rules(ident, addresses))


def links() -> set[str]:
    """Names of the host's links to clusters, ours and others'."""
    return {link["ifname"] for link in json.loads(run(["ip", "-json", "link"])) if is_ident(link["ifname"])}


def tables() -> set[str]:
    """Names of the clusters' tables in the host's packet filter."""
    listed = json.loads(run(["nft", "-j", "list", "tables"]))["nftables"]
    return {t["table"]["name"] for t in listed if "table" in t and is_ident(t["table"]["name"])}


def dropping_chains(listing: str) -> list[str]:
    """Return the chains in `nft -j list chains` that drop forwarded packets unless a rule lets them pass: Docker, ufw."""
    chains = [entry["chain"] for entry in json.loads(listing)["nftables"] if "chain" in entry]
    return [
        f"{c['family']} {c['table']} {c['name']}"
        for c in chains
        if c.get("hook") == "forward" and c.get("policy") == "drop" and c["family"] in {"ip", "inet"}
    ]


def forwarding_advice(ident: str, addresses: Addresses, chains: Iterable[str]) -> list[str]:
    """Return advice for each chain of the host that drops the pods' packets; its owner's rules are not ours."""
    return [
        f"Note: the host's packet filter drops forwarded packets (chain {chain}), so pods may not reach the package"
        f" index. Let them through: nft insert rule {chain} iifname {ident} accept; nft insert rule {chain} ip daddr"
        f" {addresses.block} accept"
        for chain in chains
    ]


def is_ident(name: str) -> bool:
    """Return True when a name is one that `Layout.ident` gives."""
    return IDENT.fullmatch(name) is not None


def disconnect(ident: str) -> None:
    """Remove the link and the table, if they are there."""
    if ident in links():
        run(["ip", "link", "delete", ident])
    if ident in tables():
        run(["nft", "delete", "table", "ip", ident])
