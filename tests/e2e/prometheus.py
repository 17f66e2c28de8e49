"""The real Prometheus in a pod: it scrapes what the PodMonitor says, and has the alert rules as they are shipped.

There is no Prometheus Operator here: what that would make of the PodMonitor is made of it here.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from tests.cluster import images
from tests.cluster.binaries import required_version
from tests.cluster.image_sources import Image, Say
from tests.cluster.layout import GO_MODULES, REPO, Layout, current_layout
from tests.cluster.progress import Progress
from tests.e2e.kube import SYSTEM, Json, Kube, own_namespace

COMPONENT = REPO / "manifests/components/monitoring"
MAY_SCRAPE = {"dagy.io/may-scrape": "true"}
NAME = "prometheus"
_PORT = 9090
_EVALUATED_EVERY = "5s"


def _release() -> str:
    """Return the release of Prometheus whose module a family is built of: 3.15.1 is v0.315.1."""
    module = required_version((GO_MODULES / NAME / "go.mod").read_text(), "github.com/prometheus/prometheus")
    _, minor, patch = module.split(".")
    return f"v{int(minor) // 100}.{int(minor) % 100}.{patch}"


def _fill(layout: Layout, context: Path, _say: Say) -> None:
    os.link(layout.bin / NAME, context / NAME)
    (context / "Dockerfile").write_text(
        f'FROM scratch\nCOPY {NAME} /bin/{NAME}\nUSER 65534:65534\nENTRYPOINT ["/bin/{NAME}"]\n'
    )


IMAGE = Image(f"docker.io/prom/{NAME}:{_release()}", _fill)


def manifest(file: str) -> Json:
    """An object of the component."""
    found: Json = yaml.safe_load((COMPONENT / file).read_text())
    return found


def scrape_config(monitor: Json) -> Json:
    """What the Prometheus Operator makes of a PodMonitor. Fails over a field that it does not know."""
    spec, namespace = monitor["spec"], monitor["metadata"]["namespace"]
    (endpoint,) = spec["podMetricsEndpoints"]
    assert set(spec) == {"jobLabel", "selector", "podMetricsEndpoints"}
    assert set(spec["selector"]) == {"matchLabels"}
    assert set(endpoint) == {"port", "interval", "scrapeTimeout"}
    name = f"{namespace}/{monitor['metadata']['name']}"
    return {
        "job_name": f"podMonitor/{name}/0",
        "scrape_interval": endpoint["interval"],
        "scrape_timeout": endpoint["scrapeTimeout"],
        "kubernetes_sd_configs": [{"role": "pod", "namespaces": {"names": [namespace]}}],
        "relabel_configs": [
            {"action": "drop", "source_labels": [_meta("phase")], "regex": "Failed|Succeeded"},
            *(_keep(_label(key), value) for key, value in spec["selector"]["matchLabels"].items()),
            _keep(_meta("container_port_name"), endpoint["port"]),
            {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
            {"source_labels": [_meta("container_name")], "target_label": "container"},
            {"source_labels": [_meta("name")], "target_label": "pod"},
            {"target_label": "job", "replacement": name},
            {"source_labels": [_label(spec["jobLabel"])], "target_label": "job", "regex": "(.+)"},
            {"target_label": "endpoint", "replacement": endpoint["port"]},
        ],
    }


def _meta(name: str) -> str:
    return f"__meta_kubernetes_pod_{name}"


def _label(key: str) -> str:
    return _meta("label_" + re.sub(r"\W", "_", key))


def _keep(label: str, value: str) -> Json:
    return {"action": "keep", "source_labels": [label], "regex": re.escape(value)}


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus, asked through the API server."""

    kube: Kube

    def ask(self, path: str, **query: str) -> Any:
        """The data of an answer of its HTTP API. Fails over an error, and over a warning about the question."""
        pod = f"/api/v1/namespaces/{self.kube.namespace}/pods/{NAME}:{_PORT}/proxy"
        answer = json.loads(self.kube("get", "--raw", f"{pod}/api/v1/{path}?{urlencode(query)}"))
        assert (answer["status"], answer.get("warnings")) == ("success", None), answer
        return answer["data"]

    def value(self, expression: str) -> list[Json]:
        """What an expression gives now: labels and value of each series."""
        result: list[Json] = self.ask("query", query=expression)["result"]
        return result

    def targets(self) -> list[Json]:
        """What it scrapes."""
        found: list[Json] = self.ask("targets", state="active")["activeTargets"]
        return found

    def scraped(self) -> bool:
        """Return True when it has tried to scrape each of its targets."""
        targets = self.targets()
        return bool(targets) and all(target["health"] != "unknown" for target in targets)

    def rules(self) -> list[Json]:
        """Its alert rules."""
        return [rule for group in self.ask("rules", type="alert")["groups"] for rule in group["rules"]]


@contextmanager
def running(admin: Kube, labels: Sequence[dict[str, str]]) -> Iterator[list[Prometheus]]:
    """A Prometheus in a namespace with each of these labels, while the block runs, and our policy for metrics."""
    images.provide(current_layout(), Progress(), [IMAGE])
    system = replace(admin, namespace=SYSTEM)
    with ExitStack() as held:
        system.apply(manifest("network-policy.yaml"))
        held.callback(system, "delete", "networkpolicy", "dagy-metrics")
        servers = [held.enter_context(_in_a_namespace(admin, one)) for one in labels]
        for server in servers:
            server.kube("wait", "--for=condition=Ready", f"pod/{NAME}", "--timeout=120s")
        yield servers


@contextmanager
def _in_a_namespace(admin: Kube, labels: dict[str, str]) -> Iterator[Prometheus]:
    with own_namespace(admin) as kube, ExitStack() as held:
        for key, value in labels.items():
            kube("label", "namespace", kube.namespace, f"{key}={value}")
        system, rights = replace(admin, namespace=SYSTEM), _rights(kube.namespace)
        system.apply(*rights)
        for one in rights:
            held.callback(system, "delete", one["kind"], one["metadata"]["name"])
        kube.apply(_configuration(), _pod())
        yield Prometheus(kube)


def _rights(namespace: str) -> tuple[Json, Json]:
    """The right to see the pods that are scraped, as kube-prometheus has it for each namespace."""
    group, name = "rbac.authorization.k8s.io", f"{NAME}-{namespace}"
    metadata = {"name": name, "namespace": SYSTEM}
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
    role = {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata, "rules": [rule]}
    reference = {"apiGroup": group, "kind": "Role", "name": name}
    subjects = [{"kind": "ServiceAccount", "name": "default", "namespace": namespace}]
    binding = {"apiVersion": f"{group}/v1", "kind": "RoleBinding", "metadata": metadata}
    return role, {**binding, "roleRef": reference, "subjects": subjects}


def _configuration() -> Json:
    settings = {
        "global": {"evaluation_interval": _EVALUATED_EVERY},
        "rule_files": ["/config/rules.yaml"],
        "scrape_configs": [scrape_config(manifest("pod-monitor.yaml"))],
    }
    data = {"prometheus.yaml": yaml.safe_dump(settings), "rules.yaml": yaml.safe_dump(manifest("rules.yaml")["spec"])}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NAME}, "data": data}


def _pod() -> Json:
    container = {
        "name": NAME,
        "image": IMAGE.name,
        "args": ["--config.file=/config/prometheus.yaml", "--storage.tsdb.path=/data"],
        "readinessProbe": {"httpGet": {"path": "/-/ready", "port": _PORT}, "periodSeconds": 1},
        "volumeMounts": [{"name": "config", "mountPath": "/config"}, {"name": "data", "mountPath": "/data"}],
    }
    volumes = [{"name": "config", "configMap": {"name": NAME}}, {"name": "data", "emptyDir": {}}]
    spec = {
        "containers": [container],
        "volumes": volumes,
        "securityContext": {"fsGroup": 65534},
        "terminationGracePeriodSeconds": 1,
    }
    metadata = {"name": NAME, "labels": {"app.kubernetes.io/name": NAME}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
