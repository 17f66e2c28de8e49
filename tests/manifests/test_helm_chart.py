"""What the real Helm renders from the chart is what kubectl builds from the kustomizations, object by object."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.layout import current_layout
from tests.manifests.monitoring.test_component import monitored
from tests.release import archives, chart, rules, settings
from tests.release.base import NAMESPACE_SELECTOR, Json, documents, identity
from tests.release.test_values import every_setting, sample

pytestmark = pytest.mark.peers

MANIFESTS = Path(__file__).parents[2] / "manifests"
Objects = dict[tuple[str, str, str], Json]
ELSEWHERE = "--namespace=elsewhere"
"""The release's namespace is none of the chart's, so that it renders both of them."""


def run(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    binary = current_layout().bin / program
    if not binary.exists():
        pytest.fail(f"{binary} is missing: run `make test-peers`, which builds it.")
    return subprocess.run([binary, *arguments], capture_output=True, text=True, check=False, timeout=120)


def objects(text: str) -> Objects:
    found = [document for document in yaml.safe_load_all(text) if document]
    by_identity = {identity(document): document for document in found}
    assert len(by_identity) == len(found), "something is there twice"
    return by_identity


def rendered(tmp_path: Path, values: Json, *options: str, of: Path = chart.CHART) -> Objects:
    (tmp_path / "values.yaml").write_text(json.dumps(values))
    done = run("helm", "template", "any-name", of, f"--values={tmp_path / 'values.yaml'}", *(options or (ELSEWHERE,)))
    assert done.returncode == 0, done.stderr
    return objects(done.stdout)


def kustomized(folder: Path) -> Objects:
    done = run("kubectl", "kustomize", folder)
    assert done.returncode == 0, done.stderr
    return objects(done.stdout)


def without_keep(found: Objects) -> Objects:
    """The objects without what is Helm's alone: that definitions stay when the release goes."""
    for (kind, _, _), document in found.items():
        if kind == "CustomResourceDefinition":
            assert document["metadata"].pop("annotations") == {rules.KEEP: "keep"}
    return found


def test_the_default_is_the_base(tmp_path: Path) -> None:
    assert without_keep(rendered(tmp_path, {})) == kustomized(MANIFESTS / "base")


def test_with_certificates_of_cert_manager_it_is_that_overlay(tmp_path: Path) -> None:
    found = without_keep(rendered(tmp_path, {"certManager": {"enabled": True}}))
    for component in ("api", "webhook"):
        # Here a changed setting starts pods anew; with kustomize the changed pod template does.
        assert _taken_pod_annotations(found, component).keys() == {"dagy.io/settings"}
    assert found == kustomized(MANIFESTS / "overlays/cert-manager")


def test_with_an_ingress_it_is_that_overlay(tmp_path: Path) -> None:
    found = without_keep(rendered(tmp_path, {"ingress": {"enabled": True}}))
    assert _taken_pod_annotations(found, "api").keys() == {"dagy.io/settings"}
    assert found == kustomized(MANIFESTS / "overlays/ingress")


def test_with_monitoring_it_is_that_component(tmp_path: Path) -> None:
    found = without_keep(rendered(tmp_path, {"monitoring": {"enabled": True}}))
    assert found == kustomized(monitored(tmp_path))
    labelled = rendered(tmp_path, {"monitoring": {"enabled": True, "labels": {"release": "prometheus"}}})
    for kind in ("PodMonitor", "PrometheusRule"):
        labels = {**found[kind, "dagy-system", "dagy"]["metadata"]["labels"], "release": "prometheus"}
        assert labelled[kind, "dagy-system", "dagy"]["metadata"]["labels"] == labels


def _taken_pod_annotations(found: Objects, component: str) -> dict[str, str]:
    template = found["Deployment", "dagy-system", f"dagy-{component}"]["spec"]["template"]
    annotations: dict[str, str] = template["metadata"].pop("annotations", {})
    return annotations


def test_in_some_namespaces_it_has_the_rights_of_that_component(tmp_path: Path) -> None:
    found = rendered(tmp_path, {"watchNamespaces": ["team-a", "team-b"]})
    everywhere = [name for kind, _, name in found if kind == "ClusterRoleBinding"]
    assert not set(everywhere) & set(rules.COMPONENTS)
    for namespace in ("team-a", "team-b"):
        for (kind, _, name), document in kustomized(MANIFESTS / "namespace").items():
            here = {**document, "metadata": {**document["metadata"], "namespace": namespace}}
            assert found[kind, namespace, name] == here
    assert found["ConfigMap", "dagy-system", "dagy-operator"]["data"]["DAGY_WATCH_NAMESPACES"] == "team-a,team-b"


def test_where_labels_choose_namespaces_it_has_that_component(tmp_path: Path) -> None:
    added = rendered(tmp_path, {"settings": {"operator": {"DAGY_WATCH_NAMESPACE_SELECTOR": "dagy.io/shard=a"}}})
    component = documents(NAMESPACE_SELECTOR / "rbac.yaml")
    for one in component:
        assert added[identity(one)] == one
    assert not {identity(one) for one in component} & set(rendered(tmp_path, {}))


def test_every_setting_reaches_its_process(tmp_path: Path) -> None:
    given: dict[str, dict[str, Any]] = {component: {} for component in settings.KINDS}
    for component, name in every_setting():
        given[component][name] = sample(component, name)
    found = rendered(tmp_path, {"settings": given})
    for component, wanted in given.items():
        data = found["ConfigMap", "dagy-system", f"dagy-{component}"]["data"]
        assert set(data) == set(wanted)
        environment = dict(data.items())
        assert all(isinstance(text, str) for text in environment.values())
        for kind in settings.KINDS[component]:
            kind.from_environment(environment)
        for name, value in wanted.items():
            assert environment[name] == value or json.loads(environment[name]) == value


def test_large_numbers_truths_and_texts_arrive_as_they_are(tmp_path: Path) -> None:
    given = {
        "api": {"DAGY_API_UPLOAD_MAX_BYTES": 2147483648, "DAGY_SEARCH": False, "DAGY_LOG_LEVEL": "INFO"},
        "operator": {"DAGY_BUILD_PRIORITY_CLASS": "", "DAGY_MAX_CPU": 16, "DAGY_BUILD_LABELS": {"a.example/b": "<&>"}},
    }
    found = rendered(tmp_path, {"settings": given})
    assert found["ConfigMap", "dagy-system", "dagy-api"]["data"] == {
        "DAGY_API_UPLOAD_MAX_BYTES": "2147483648", "DAGY_SEARCH": "false", "DAGY_LOG_LEVEL": "INFO",
    }  # fmt: skip
    data = found["ConfigMap", "dagy-system", "dagy-operator"]["data"]
    assert (data["DAGY_BUILD_PRIORITY_CLASS"], data["DAGY_MAX_CPU"]) == ("", "16")
    assert json.loads(data["DAGY_BUILD_LABELS"]) == {"a.example/b": "<&>"}


def test_a_port_that_is_a_setting_is_the_containers_too(tmp_path: Path) -> None:
    given = {
        "operator": {"DAGY_HEALTH_PORT": 9090, "DAGY_METRICS_PORT": 9500},
        "api": {"DAGY_API_PORT": "9443"},
        "webhook": {"DAGY_METRICS_PORT": "9600"},
    }
    found = rendered(tmp_path, {"settings": given})
    ports = {}
    for component in settings.KINDS:
        (container,) = found["Deployment", "dagy-system", f"dagy-{component}"]["spec"]["template"]["spec"]["containers"]
        ports[component] = {one["name"]: one["containerPort"] for one in container["ports"]}
    assert ports == {
        "operator": {"health": 9090, "metrics": 9500},
        "api": {"https": 9443, "metrics": 9500},  # it reads the operator's settings, too
        "webhook": {"https": 9443, "health": 8080, "metrics": 9600},
    }


def test_pods_start_anew_for_other_settings_keys_or_authorities_and_for_nothing_else(tmp_path: Path) -> None:
    def marks(values: Json) -> dict[str, str]:
        found = rendered(tmp_path, values)
        return {one: _taken_pod_annotations(found, one).get("dagy.io/settings", "") for one in settings.KINDS}

    usual = marks({})
    assert set(usual.values()) == {""}
    more_builds = marks({"settings": {"operator": {"DAGY_MAX_BUILDS": 8}}})
    assert {one for one in usual if more_builds[one] != usual[one]} == {"operator", "api"}
    clients = marks({"webhook": {"clients": ["10.0.0.0/8"]}})
    assert {one for one in usual if clients[one] != usual[one]} == {"webhook"}
    keys = [marks({"s3": {"DAGY_S3_BUCKET": "b", "AWS_SECRET_ACCESS_KEY": key}}) for key in ("1", "2")]
    assert all(keys[0][one] != keys[1][one] for one in usual)
    assert marks({"api": {"replicas": 3}, "namespaces": {"create": False}}) == usual


POD: Json = {
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "a", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "podLabels": {"azure.workload.identity/use": "true"},
    "podAnnotations": {"sidecar.istio.io/inject": "false"},
    "resources": {"limits": {"memory": "1Gi"}},
}


@pytest.mark.parametrize("component", settings.KINDS)
def test_what_pods_are_given_arrives(tmp_path: Path, component: str) -> None:
    image = {"repository": "r.example.com/o", "tag": "9", "pullPolicy": "Always"}
    values = {component: POD, "imagePullSecrets": ["registry"], "images": {"operator": image}}
    template = rendered(tmp_path, values)["Deployment", "dagy-system", f"dagy-{component}"]["spec"]["template"]
    spec = template["spec"]
    assert template["metadata"]["labels"].items() >= POD["podLabels"].items()
    assert template["metadata"]["annotations"].items() >= POD["podAnnotations"].items()
    assert {name: spec[name] for name in ("nodeSelector", "tolerations", "affinity")}.items() <= POD.items()
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    (container,) = spec["containers"]
    assert (container["image"], container["imagePullPolicy"]) == ("r.example.com/o:9", "Always")
    assert container["resources"]["limits"]["memory"] == "1Gi"
    assert container["resources"]["limits"]["cpu"] == "2", "what is not given stays"


def test_every_other_value_arrives(tmp_path: Path) -> None:
    role = {"eks.amazonaws.com/role-arn": "arn"}
    found = rendered(
        tmp_path,
        {
            "api": {"replicas": 3, "service": {"type": "NodePort", "nodePort": 30443, "annotations": {"a": "b"}}},
            "serviceAccounts": {"builder": {"annotations": role}},
            "webhook": {"clients": ["10.1.0.0/16", "fd00::/8"]},
            "s3": {"DAGY_S3_BUCKET": "b"},
            "caBundle": "PEM",
        },
    )
    assert found["Deployment", "dagy-system", "dagy-api"]["spec"]["replicas"] == 3
    service = found["Service", "dagy-system", "dagy-api"]
    assert (service["spec"]["type"], service["spec"]["ports"][0]["nodePort"]) == ("NodePort", 30443)
    assert service["metadata"]["annotations"] == {"a": "b"}
    assert found["ServiceAccount", "dagy-builds", "dagy-builder"]["metadata"]["annotations"] == role
    (rule,) = found["NetworkPolicy", "dagy-system", "dagy-webhook"]["spec"]["ingress"]
    assert rule["from"] == [{"ipBlock": {"cidr": "10.1.0.0/16"}}, {"ipBlock": {"cidr": "fd00::/8"}}]
    data = found["ConfigMap", "dagy-system", "dagy-webhook"]["data"]
    assert data["DAGY_WEBHOOK_CLIENTS"] == "10.1.0.0/16,fd00::/8"
    for namespace in ("dagy-system", "dagy-builds"):
        assert found["Secret", namespace, "dagy-s3"]["stringData"] == {"DAGY_S3_BUCKET": "b"}
        assert found["ConfigMap", namespace, "dagy-ca-bundle"]["data"] == {"ca-certificates.crt": "PEM"}


def test_the_namespace_of_the_release_is_helms_own(tmp_path: Path) -> None:
    everything = rendered(tmp_path, {})
    here = rendered(tmp_path, {}, "--namespace=dagy-system")
    assert set(everything) - set(here) == {("Namespace", "", "dagy-system")}
    assert not [1 for kind, _, _ in rendered(tmp_path, {"namespaces": {"create": False}}) if kind == "Namespace"]
    assert not [
        1 for kind, *_ in rendered(tmp_path, {"crds": {"install": False}}) if kind == "CustomResourceDefinition"
    ]


def test_a_value_that_is_none_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("settings: {operator: {DAGY_MAX_BUILD: 8}}")
    done = run("helm", "template", "any-name", chart.CHART, f"--values={tmp_path / 'values.yaml'}")
    assert done.returncode
    assert "DAGY_MAX_BUILD" in done.stderr


def test_helm_finds_nothing_wrong_with_it() -> None:
    done = run("helm", "lint", "--strict", chart.CHART)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout


def test_the_archive_of_a_release_is_a_chart(tmp_path: Path) -> None:
    members = {f"dagy/{name}": text.encode() for name, text in chart.files().items()}
    archives.tar_gz(tmp_path / "dagy-0.1.0.tgz", members, 1_700_000_000)
    shown = run("helm", "show", "chart", tmp_path / "dagy-0.1.0.tgz")
    assert shown.returncode == 0, shown.stderr
    assert yaml.safe_load(shown.stdout) == yaml.safe_load((chart.CHART / "Chart.yaml").read_text())
    assert rendered(tmp_path, {}, of=tmp_path / "dagy-0.1.0.tgz") == rendered(tmp_path, {})
