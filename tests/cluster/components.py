"""The node's components: their arguments and configuration files, as data."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import yaml

from .layout import NODE_NAME, Addresses
from .node_init import STATE

PAUSE_IMAGE = "docker.io/dagy/pause:1"
DNS_PORT = 1053
"""CoreDNS's port on the host's end of the link: not 53, which a resolver of the host may hold on all addresses."""

ETC = STATE / "node" / "etc"
PKI = STATE / "pki"


@dataclass(frozen=True)
class Component:
    """A program that the node keeps running."""

    name: str
    argv: list[str]
    network: str = "node"
    """The network namespace that it runs in: `node` or `host`."""
    env: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Return it as node_init.py reads it."""
        return asdict(self)


def etcd(data: Path, client_url: str, peer_url: str) -> list[str]:
    """etcd's command line. Nothing here outlives the machine, so it need not wait for the disk."""
    return [
        f"--data-dir={data}",
        f"--listen-client-urls={client_url}",
        f"--advertise-client-urls={client_url}",
        f"--listen-peer-urls={peer_url}",
        f"--initial-advertise-peer-urls={peer_url}",
        f"--initial-cluster=default={peer_url}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def api_server(pki: Path, etcd_url: str, address: str, port: int, services: str) -> list[str]:
    """kube-apiserver's command line without audit and kubelets."""
    return [
        f"--etcd-servers={etcd_url}",
        f"--advertise-address={address}",
        f"--secure-port={port}",
        f"--service-cluster-ip-range={services}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--client-ca-file={pki}/ca.crt",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={pki}/sa.key",
        f"--service-account-signing-key-file={pki}/sa.key",
        f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        f"--proxy-client-cert-file={pki}/front-proxy-client.crt",
        f"--proxy-client-key-file={pki}/front-proxy-client.key",
    ]


def components(addresses: Addresses) -> list[Component]:
    """Everything that runs on the node, in the order in which it starts."""
    return [
        Component("containerd", ["containerd", "--config", f"{ETC}/containerd.toml"]),
        Component("etcd", ["etcd", *etcd(Path("/var/lib/etcd"), "http://127.0.0.1:2379", "http://127.0.0.1:2380")]),
        Component("kube-apiserver", ["kube-apiserver", *_node_api_server(addresses)]),
        Component("kube-controller-manager", ["kube-controller-manager", *_controller_manager(addresses)]),
        Component("kube-scheduler", ["kube-scheduler", *_client("scheduler"), "--leader-elect=false"]),
        Component("kubelet", ["kubelet", *_kubelet(addresses)]),
        Component("kube-proxy", ["kube-proxy", *_kube_proxy(addresses)]),
        Component("kube-router", ["kube-router", *_kube_router(addresses)]),
        # On the host's network, so that it asks the host's resolvers even where those listen on loopback only.
        Component("coredns", ["coredns", "-conf", f"{ETC}/Corefile"], network="host"),
    ]


def _node_api_server(addresses: Addresses) -> list[str]:
    return [
        *api_server(PKI, "http://127.0.0.1:2379", addresses.node_ip, 6443, str(addresses.services)),
        "--allow-privileged=true",
        f"--kubelet-certificate-authority={PKI}/ca.crt",
        f"--kubelet-client-certificate={PKI}/apiserver-kubelet-client.crt",
        f"--kubelet-client-key={PKI}/apiserver-kubelet-client.key",
        "--kubelet-preferred-address-types=InternalIP",
        f"--audit-policy-file={ETC}/audit.yaml",
        "--audit-log-path=/var/log/audit.log",
        "--audit-log-maxsize=200",
        "--audit-log-maxbackup=2",
    ]


def _client(name: str) -> list[str]:
    config = f"{PKI}/{name}.kubeconfig"
    return [
        f"--kubeconfig={config}",
        f"--authentication-kubeconfig={config}",
        f"--authorization-kubeconfig={config}",
        "--bind-address=127.0.0.1",
    ]


def _controller_manager(addresses: Addresses) -> list[str]:
    return [
        *_client("controller-manager"),
        "--leader-elect=false",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={PKI}/sa.key",
        f"--root-ca-file={PKI}/ca.crt",
        f"--cluster-signing-cert-file={PKI}/ca.crt",
        f"--cluster-signing-key-file={PKI}/ca.key",
        f"--service-cluster-ip-range={addresses.services}",
    ]


def _kubelet(addresses: Addresses) -> list[str]:
    return [
        f"--config={ETC}/kubelet.yaml",
        f"--kubeconfig={PKI}/kubelet.kubeconfig",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={addresses.node_ip}",
    ]


def _kube_proxy(addresses: Addresses) -> list[str]:
    return [
        f"--kubeconfig={PKI}/proxy.kubeconfig",
        f"--hostname-override={NODE_NAME}",
        "--proxy-mode=nftables",
        f"--cluster-cidr={addresses.pods}",
        # The connection table belongs to the whole machine.
        "--conntrack-max-per-core=0",
        "--conntrack-tcp-timeout-established=0",
        "--conntrack-tcp-timeout-close-wait=0",
        "--oom-score-adj=0",
    ]


def _kube_router(addresses: Addresses) -> list[str]:
    """Only its firewall, which enforces NetworkPolicies; routes and Services are others' business."""
    return [
        "--run-router=false",
        "--run-service-proxy=false",
        "--run-firewall=true",
        f"--kubeconfig={PKI}/kube-router.kubeconfig",
        f"--hostname-override={NODE_NAME}",
        f"--service-cluster-ip-range={addresses.services}",
        "--health-port=0",
    ]


def config_files(addresses: Addresses, resolv_conf: str) -> dict[str, str]:
    """The files below node/etc, by name. `resolv_conf` is the host's."""
    return {
        "containerd.toml": _CONTAINERD,
        "cni/10-dagy.conflist": json.dumps(_cni(addresses), indent=2),
        "kubelet.yaml": yaml.safe_dump(_kubelet_configuration(addresses)),
        "audit.yaml": yaml.safe_dump(_AUDIT),
        "Corefile": _COREFILE.format(host_ip=addresses.host_ip, port=DNS_PORT, pki=PKI, etc=ETC),
        "resolv.host.conf": resolv_conf,
        "resolv.conf": f"nameserver {addresses.dns_service_ip}\n",
    }


_CONTAINERD = f"""\
version = 3
root = '/var/lib/containerd'
state = '/run/containerd'

[grpc]
  address = '/run/containerd/containerd.sock'

[plugins.'io.containerd.internal.v1.opt']
  path = '/var/lib/containerd/opt'

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = '{PAUSE_IMAGE}'

[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = '{ETC}/certs.d'

[plugins.'io.containerd.cri.v1.runtime']
  # Root without CAP_SYS_RESOURCE, as in many containers and CI machines, can't lower oom_score_adj.
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ['{STATE}/bin']
    conf_dir = '{ETC}/cni'
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = 'io.containerd.runc.v2'
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      BinaryName = '{STATE}/bin/runc'
      SystemdCgroup = false
"""


def _cni(addresses: Addresses) -> dict[str, object]:
    # ptp, not bridge: every packet is routed, so Services work without br_netfilter.
    ipam = {
        "type": "host-local",
        "ranges": [[{"subnet": str(addresses.pods)}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": "/run/cni",
    }
    return {
        "cniVersion": "1.0.0",
        "name": "dagy",
        "plugins": [
            {"type": "ptp", "ipam": ipam},
            {"type": "portmap", "capabilities": {"portMappings": True}, "backend": "nftables"},
        ],
    }


def _kubelet_configuration(addresses: Addresses) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{PKI}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{PKI}/kubelet.crt",
        "tlsPrivateKeyFile": f"{PKI}/kubelet.key",
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "clusterDomain": "cluster.local",
        "clusterDNS": [addresses.dns_service_ip],
        "resolvConf": f"{ETC}/resolv.conf",
        "volumePluginDir": "/var/lib/kubelet/volumeplugins",
        "maxPods": 110,
        # Processes of one pod: what a fork bomb gets.
        "podPidsLimit": 1024,
        "serializeImagePulls": False,
        "makeIPTablesUtilChains": False,
        "oomScoreAdj": 0,
        # Images come by import and can't be pulled again.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
    }


_AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        # What the node's own components do all the time would bury what tests look for.
        {"level": "None", "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}]},
        {"level": "None", "nonResourceURLs": ["/healthz*", "/readyz*", "/livez*"]},
        {"level": "Metadata"},
    ],
}

_COREFILE = """\
.:{port} {{
    bind {host_ip}
    errors
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {pki}/coredns.kubeconfig
        fallthrough in-addr.arpa
    }}
    forward . {etc}/resolv.host.conf
    cache 30
}}
"""
