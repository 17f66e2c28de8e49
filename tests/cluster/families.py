"""What is built from the Go modules in go/: one family for each folder."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Family:
    """Programs that share a dependency graph, with the particular settings of their build."""

    name: str
    tags: str = ""
    cgo: bool = False
    versions: tuple[str, ...] = ()
    """Go variables that hold a version for people, to be set to that of `version_of`."""
    version_of: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)
    of_the_node: bool = True
    """Whether the node runs on it; else it is built when it is asked for by name."""


FAMILIES = (
    Family(
        "kubernetes",
        version_of="k8s.io/kubernetes",
        versions=("k8s.io/component-base/version.gitVersion", "k8s.io/client-go/pkg/version.gitVersion"),
    ),
    # Go names a program after the last element of its path that is not a major version.
    Family("etcd", renamed={"server": "etcd"}),
    # libseccomp is C, and without seccomp the kubelet's default profile fails every pod.
    Family("runc", tags="seccomp", cgo=True),
    Family("cni"),
    Family("containerd", tags="no_btrfs,no_devmapper,no_zfs"),
    Family("versitygw"),
    Family("coredns"),
    # Enforces NetworkPolicies, and nothing else here.
    Family("kube-router"),
    # Signs people in before the web console, in a test of its own.
    Family("oauth2-proxy", of_the_node=False),
    # A registry for images beside ZIPs (CNCF Distribution); its program is called `registry`.
    Family("distribution", of_the_node=False),
    # What people have around their clusters, in tests of their own.
    Family("helm", of_the_node=False),
    Family("manifest-linters", of_the_node=False),
    # Scrapes the cluster; promtool tries out the alert rules, and reads the dashboard's expressions.
    # Of what a Prometheus looks for, only Kubernetes' pods: the clouds' clients take five minutes to compile.
    # Not v0.316, which wants Go 1.26.7: PyPI, from where the bootstrap gets a Go, has no such release.
    Family("prometheus", tags="remove_all_sd,enable_kubernetes_sd", of_the_node=False),
    # Queues Jobs.
    Family("kueue", of_the_node=False),
    # Keeps certificates. Its own programs are no modules; `main.go` starts what they are made of.
    Family("cert-manager", of_the_node=False),
    # Applies what is in a bucket or in Git. Its helm-controller is not published as a module.
    Family("flux", of_the_node=False),
    # Applies and compares as Argo CD does. Its servers are left out; `main.go` calls what they are made of.
    Family("argocd", renamed={"argocd": "argocd-compare"}, of_the_node=False),
)


def chosen(names: Collection[str] | None = None) -> list[Family]:
    """The families of these names; those that the node needs, where none are given."""
    return [family for family in FAMILIES if (family.of_the_node if names is None else family.name in names)]
