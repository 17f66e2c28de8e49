"""What an administrator adds to the pods of Jobs: the settings as text, and what becomes of them in the manifest."""

from __future__ import annotations

import json
from typing import Any

import pydantic
import pytest

from dagy.adapters.settings.environment import wrong_settings
from dagy.adapters.settings.operator import Settings
from dagy.core.jobs.manifests import job_manifest
from dagy.core.package.decide import StartJob
from dagy.model.status import JobKind
from tests.fakes.facts import SLUG, plan

REQUIRED = {"DAGY_S3_BUCKET": "artifacts", "DAGY_BUILDER_IMAGE": "builder:1"}
TOLERATION = {"key": "builds", "operator": "Equal", "value": "yes", "effect": "NoExecute", "tolerationSeconds": 60}
SETTINGS = {
    "NODE_SELECTOR": '{"kubernetes.io/hostname": "node-7"}',
    "TOLERATIONS": json.dumps([TOLERATION, {"operator": "Exists"}]),
    "IMAGE_PULL_SECRETS": "registry, mirror",
    "LABELS": '{"team": "platform", "azure.workload.identity/use": "true"}',
    "ANNOTATIONS": '{"k8s.v1.cni.cncf.io/networks": "[{\\"name\\": \\"builds\\"}]"}',
    "PRIORITY_CLASS": "dagy-builds",
    "RUNTIME_CLASS": "gvisor",
    "USER_NAMESPACE": "true",
}


def job(**variables: str) -> dict[str, Any]:
    environ = {**REQUIRED, **{f"DAGY_BUILD_{name}": value for name, value in variables.items()}}
    settings = Settings.from_environment(environ).job_settings()
    return job_manifest(plan(), StartJob(JobKind.BUILD, SLUG, "0123456789abcdef", 1), settings)


def test_each_setting_has_its_place_in_the_manifest() -> None:
    made = job(**SETTINGS)
    pod, metadata = made["spec"]["template"]["spec"], made["spec"]["template"]["metadata"]
    assert pod["nodeSelector"] == {"kubernetes.io/hostname": "node-7", "kubernetes.io/os": "linux"}
    assert pod["tolerations"] == [TOLERATION, {"operator": "Exists"}]
    assert pod["imagePullSecrets"] == [{"name": "registry"}, {"name": "mirror"}]
    assert (pod["priorityClassName"], pod["runtimeClassName"], pod["hostUsers"]) == ("dagy-builds", "gvisor", False)
    for carrier in (metadata, made["metadata"]):
        assert carrier["labels"].items() >= json.loads(SETTINGS["LABELS"]).items()
        assert carrier["annotations"].items() >= json.loads(SETTINGS["ANNOTATIONS"]).items()


def test_without_settings_the_manifest_says_nothing_of_them() -> None:
    plain, pod = job(), job()["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"kubernetes.io/os": "linux"}
    assert not {"tolerations", "imagePullSecrets", "priorityClassName", "runtimeClassName", "hostUsers"} & pod.keys()
    added = {**job(LABELS='{"team": "a"}')["metadata"]["labels"]}
    assert added.pop("team") == "a"
    assert added == plain["metadata"]["labels"]


def test_the_registrys_login_is_seen_by_upload_alone() -> None:
    environ = {**REQUIRED, "DAGY_OCI_REPOSITORY": "registry.example/dagy"}
    settings = Settings.from_environment(environ).job_settings()
    for kind, expected in ((JobKind.BUILD, ["upload"]), (JobKind.VALIDATE, [])):
        made = job_manifest(plan(), StartJob(kind, SLUG, "0123456789abcdef", 1), settings)
        pod = made["spec"]["template"]["spec"]
        seen = [c for c in [*pod["initContainers"], *pod["containers"]] if "dagy-oci" in json.dumps(pod["volumes"])]
        mounted = [c["name"] for c in seen if any(m["name"] == "oci-credentials" for m in c["volumeMounts"])]
        told = [c["name"] for c in seen if any(e["name"] == "DAGY_OCI_CONFIG" for e in c["env"])]
        assert mounted == told == expected
    assert "oci" not in json.dumps(job()), "nothing of it without a registry"


WRONG = [
    ("NODE_SELECTOR", "disk=ssd", "this is not JSON"),
    ("NODE_SELECTOR", '{"disk": 1}', "Input should be a valid string"),
    ("NODE_SELECTOR", '["disk"]', "Input should be a valid dictionary"),
    ("NODE_SELECTOR", '{"a b": "c"}', "'a b' is no name of a label"),
    ("LABELS", '{"team": "a b"}', "'a b' is no value of a label of Kubernetes (that of team)"),
    ("LABELS", '{"dagy.io/slug": "A1B2C3D4"}', "dagy.io/slug is set by the operator"),
    ("LABELS", '{"uses.dagy.io/A1B2C3D4": ""}', "uses.dagy.io/A1B2C3D4 is set by the operator"),
    ("LABELS", '{"app.kubernetes.io/managed-by": "me"}', "is set by the operator or by Kubernetes"),
    ("LABELS", '{"batch.kubernetes.io/job-name": "me"}', "is set by the operator or by Kubernetes"),
    ("ANNOTATIONS", '{"dagy.io/package": "a/b"}', "dagy.io/package is set by the operator"),
    ("ANNOTATIONS", '{"eks.amazonaws.com/skip-containers": ""}', "is set by the operator"),
    ("TOLERATIONS", '[{"key": "a", "op": "Exists"}]', "DAGY_BUILD_TOLERATIONS 0 op: Extra inputs are not permitted"),
    ("TOLERATIONS", '[{"key": "a", "operator": "Exists", "value": "b"}]', "with the operator Exists has no value"),
    ("TOLERATIONS", '[{"value": "b"}]', "without a key needs the operator Exists"),
    ("TOLERATIONS", '[{"key": "a", "effect": "NoSchedule", "tolerationSeconds": 1}]', "needs the effect NoExecute"),
    ("TOLERATIONS", '[{"key": "a", "effect": "Never"}]', "Input should be 'NoSchedule'"),
    ("IMAGE_PULL_SECRETS", "registry,Mirror", "'Mirror' is no name of an object"),
    ("PRIORITY_CLASS", "very high", "'very high' is no name of an object"),
    ("RUNTIME_CLASS", "gVisor", "'gVisor' is no name of an object"),
    ("USER_NAMESPACE", "perhaps", "Input should be a valid boolean"),
]


@pytest.mark.parametrize(("name", "value", "words"), WRONG, ids=[f"{n}-{v}" for n, v, _ in WRONG])
def test_a_wrong_setting_is_told_at_the_start(name: str, value: str, words: str) -> None:
    with pytest.raises(pydantic.ValidationError) as refused:
        job(**{name: value})
    (line,) = wrong_settings(Settings, refused.value)
    assert line.startswith(f"DAGY_BUILD_{name}")
    assert words in line
    assert line.endswith(Settings.model_fields[f"build_{name.lower()}"].description or "-")
