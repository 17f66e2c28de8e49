"""Places, names and addresses of a cluster's parts."""

from __future__ import annotations

import hashlib
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
GO_MODULES = Path(__file__).resolve().parent / "go"
NODE_NAME = "dagy"
CONTEXT = "dagy"
S3_NODE_PORT = 30070
API_NODE_PORT = 30443


class ClusterError(Exception):
    """A failure that stops the command; the text is the whole message for the user."""


@dataclass(frozen=True)
class Layout:
    """One cluster's state folder. Nothing outside of it is written to, but kernel state named after `ident`."""

    root: Path

    @property
    def ident(self) -> str:
        """The name of the cluster's link, packet filter table and cgroup: at most 15 bytes, a link's limit."""
        return "dagy-" + hashlib.sha256(str(self.root).encode()).hexdigest()[:8]

    @property
    def bin(self) -> Path:
        """Binaries built from Go modules; survives `make down`."""
        return self.root / "bin"

    @property
    def cache(self) -> Path:
        """Image archives and stamps; survives `make down`."""
        return self.root / "cache"

    @property
    def node(self) -> Path:
        """The node's /var/lib and configuration; removed by `make down`."""
        return self.root / "node"

    @property
    def pki(self) -> Path:
        """Keys, certificates and the components' kubeconfigs; removed by `make down`."""
        return self.root / "pki"

    @property
    def volumes(self) -> Path:
        """One folder for each persistent volume; removed by `make down`."""
        return self.root / "volumes"

    @property
    def logs(self) -> Path:
        """Logs of the components, pods (`pods/`) and of the API server's audit; kept until the next start."""
        return self.root / "logs"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig, context `dagy`."""
        return self.root / "kubeconfig"

    @property
    def s3_env(self) -> Path:
        """Shell assignments that reach the cluster's S3 from the host."""
        return self.root / "s3.env"

    @property
    def lock(self) -> Path:
        """The lock that a command holds while it changes the cluster."""
        return self.root / "lock"

    @property
    def state(self) -> Path:
        """The running node's process and addresses, as JSON."""
        return self.root / "node.json"


def current_layout() -> Layout:
    """The state folder in use: DAGY_CLUSTER_DIR, or .cluster in the checkout."""
    return Layout(Path(os.environ.get("DAGY_CLUSTER_DIR") or REPO / ".cluster").resolve())


@dataclass(frozen=True)
class Addresses:
    """A cluster's addresses, all of them inside one /16."""

    block: ipaddress.IPv4Network

    @property
    def pods(self) -> ipaddress.IPv4Network:
        """Pod addresses."""
        return ipaddress.IPv4Network((int(self.block.network_address), 18))

    @property
    def services(self) -> ipaddress.IPv4Network:
        """ClusterIPs."""
        return ipaddress.IPv4Network((int(self.block.network_address) + (128 << 8), 20))

    @property
    def host_ip(self) -> str:
        """The host's end of the link to the node."""
        return str(self.block.network_address + (255 << 8) + 1)

    @property
    def node_ip(self) -> str:
        """The node's end of the link, its InternalIP, where the API server and node ports are reached."""
        return str(self.block.network_address + (255 << 8) + 2)

    @property
    def api_server(self) -> tuple[str, ...]:
        """Networks from which pods see the API server's requests: the node's address, or its end of a pod's link."""
        return f"{self.node_ip}/32", f"{self.pods.network_address + 1}/32"

    @property
    def api_service_ip(self) -> str:
        """The ClusterIP of the Service `kubernetes`, by Kubernetes' rule the first one."""
        return str(self.services.network_address + 1)

    @property
    def dns_service_ip(self) -> str:
        """The ClusterIP of the Service `kube-dns`."""
        return str(self.services.network_address + 10)

    @property
    def api_url(self) -> str:
        """The API server as the host and the node see it."""
        return f"https://{self.node_ip}:6443"
