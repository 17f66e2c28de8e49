"""The Jobs' manifests: names, restricted pod security, and who sees credentials."""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.utils.quantity import parse_quantity

from dagy.adapters.settings.operator import Settings
from dagy.core.common.resources import amount
from dagy.core.jobs.index_pod import GATEWAY_URL, IndexSettings
from dagy.core.jobs.manifests import (
    JobSettings,
    index_secret,
    input_config_map,
    input_files,
    job_manifest,
    job_name,
)
from dagy.core.package.decide import StartJob
from dagy.core.package.observed import IndexAccess
from dagy.model.status import JobKind
from dagy_builder.packed_lock import LOCK_FILE, unpack
from tests.fakes.facts import SLUG, plan

SETTINGS = Settings(s3_bucket="artifacts", builder_image="builder:1").job_settings()
DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def manifest(kind: JobKind = JobKind.BUILD, **spec: Any) -> dict[str, Any]:
    return job_manifest(plan(**spec), StartJob(kind, SLUG, "0123456789abcdef", 1), SETTINGS)


@given(uid=st.uuids().map(str), kind=st.sampled_from(JobKind), attempt=st.integers(1, 9), other=st.uuids().map(str))
def test_names_are_labels_and_differ_by_uid_and_attempt(uid: str, kind: JobKind, attempt: int, other: str) -> None:
    name = job_name(uid, StartJob(kind, SLUG, "0123456789abcdef", attempt))
    assert DNS_LABEL.fullmatch(name)
    assert name != job_name(uid, StartJob(kind, SLUG, "0123456789abcdef", attempt + 1))
    if other != uid:
        assert name != job_name(other, StartJob(kind, SLUG, "0123456789abcdef", attempt))


def test_only_upload_has_s3_credentials() -> None:
    pod = manifest()["spec"]["template"]["spec"]
    with_secret = [c["name"] for c in pod["containers"] if "secretRef" in str(c)]
    assert with_secret == ["upload"]
    assert [c["name"] for c in pod["containers"] if "s3-credentials" in str(c["volumeMounts"])] == ["upload"]
    assert [v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v] == ["dagy-s3-builds"]
    assert "secret" not in str(manifest(JobKind.VALIDATE)).lower()
    assert pod["automountServiceAccountToken"] is False


@pytest.mark.parametrize(
    ("kind", "skipped"),
    [(JobKind.VALIDATE, ["resolve", "index"]), (JobKind.BUILD, ["install", "package", "index"])],
)
def test_clouds_give_no_identity_to_what_does_not_upload(kind: JobKind, skipped: list[str]) -> None:
    annotations = manifest(kind)["spec"]["template"]["metadata"]["annotations"]
    assert annotations["eks.amazonaws.com/skip-containers"].split(",") == skipped
    assert annotations["azure.workload.identity/skip-containers"].split(";") == skipped


def test_restricted_pod_security() -> None:
    pod = manifest()["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert {kind for volume in pod["volumes"] for kind in volume if kind != "name"} <= {
        "configMap",
        "emptyDir",
        "secret",
    }
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True


def test_only_builds_that_run_no_package_code_share_the_cache() -> None:
    with_cache = Settings(s3_bucket="artifacts", builder_image="builder:1", cache_claim="wheels").job_settings()

    def mounted(kind: JobKind, settings: JobSettings, **spec: Any) -> list[str]:
        job = job_manifest(plan(**spec), StartJob(kind, SLUG, "0123456789abcdef", 1), settings)
        pod = job["spec"]["template"]["spec"]
        assert ("wheels" in str(pod["volumes"])) == ("/cache" in str(pod["containers"]))
        return [c["name"] for c in pod["containers"] if "/cache" in str(c)]

    assert mounted(JobKind.BUILD, with_cache) == ["install", "package"]
    assert "{'name': 'DAGY_SHARED_CACHE', 'value': '/cache'}" in str(
        job_manifest(plan(), StartJob(JobKind.BUILD, SLUG, "0" * 16, 1), with_cache)
    )
    assert mounted(JobKind.BUILD, SETTINGS) == []
    assert mounted(JobKind.VALIDATE, with_cache) == []
    assert mounted(JobKind.BUILD, with_cache, sourceDistributions="Allow") == []
    assert mounted(JobKind.BUILD, with_cache, index=PRIVATE) == []


def test_the_users_text_is_in_no_argument_and_no_environment() -> None:
    job = manifest(dependencies=["marker-of-the-user"], description="marker-of-the-user")
    assert "marker-of-the-user" not in str(job)


def test_the_input_belongs_to_the_job() -> None:
    which = StartJob(JobKind.BUILD, SLUG, "0123456789abcdef", 1)
    files = input_files(plan().request(), "lock-version = '1.0'")
    config_map = input_config_map(plan(), which, "uid-of-the-job", SETTINGS, files)
    assert config_map["metadata"]["ownerReferences"][0]["uid"] == "uid-of-the-job"
    assert config_map["metadata"]["name"] == job_name(plan().uid, which)
    assert (set(config_map["data"]), set(config_map["binaryData"])) == ({"request.json"}, {LOCK_FILE})
    assert unpack(b64decode(config_map["binaryData"][LOCK_FILE])) == "lock-version = '1.0'"
    assert set(input_files(plan().request(), None)) == {"request.json"}


def test_resources_come_from_the_package_or_else_from_the_settings() -> None:
    assert manifest()["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"] == {"memory": "2Gi"}
    asked = {"resources": {"limits": {"memory": "4Gi", "ephemeral-storage": "1Gi"}}}
    container = manifest(build=asked)["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"] == {"requests": {"cpu": "100m", "memory": "128Mi"}, **asked["resources"]}


PRIVATE = {"url": "https://pkg.example/simple/", "secretNames": ["team", "files"]}
INDEX = replace(
    SETTINGS,
    index=IndexSettings(
        secrets=("mirror",), proxies={"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": ""}, proxy_secret="proxy"
    ),
)


def pod(settings: JobSettings, kind: JobKind = JobKind.BUILD, **spec: Any) -> dict[str, Any]:
    made = job_manifest(plan(**spec), StartJob(kind, SLUG, "0123456789abcdef", 1), settings)
    found: dict[str, Any] = made["spec"]["template"]["spec"]
    return found


@pytest.mark.parametrize("sources", ["Forbid", "Allow"])
@pytest.mark.parametrize("kind", JobKind)
def test_only_the_gateway_has_index_credentials(kind: JobKind, sources: str) -> None:
    spec = pod(INDEX, kind, index=PRIVATE, sourceDistributions=sources)
    [gateway] = spec["initContainers"]
    assert gateway["restartPolicy"] == "Always"
    assert "index-credentials" in str(gateway["volumeMounts"])
    assert gateway["envFrom"] == [{"secretRef": {"name": "proxy"}}]
    users = [container["securityContext"].pop("runAsUser") for container in (gateway, *spec["containers"])]
    assert len(set(users)) == len(users)
    assert gateway["securityContext"] == spec["containers"][0]["securityContext"]
    for container in spec["containers"]:
        assert "index-credentials" not in str(container)
        assert "proxy" not in str(container["env"]).lower()
    env = {c["name"]: {e["name"]: e.get("value") for e in c["env"]} for c in spec["containers"]}
    for name, variables in env.items():
        assert variables.get("DAGY_INDEX_GATEWAY") == (GATEWAY_URL if name in ("resolve", "install") else None)


def test_the_packages_credentials_come_before_the_operators() -> None:
    volumes = {v["name"]: v for v in pod(INDEX, index=PRIVATE)["volumes"]}
    own, mirror = volumes["index-credentials"]["projected"]["sources"]
    assert [item["path"] for item in own["secret"]["items"] if item["key"].endswith("url")] == [
        "10_team/url",
        "11_files/url",
    ]
    assert own["secret"]["name"] == job_name(plan().uid, StartJob(JobKind.BUILD, SLUG, "0123456789abcdef", 1))
    assert "optional" not in own["secret"]
    assert (mirror["secret"]["name"], mirror["secret"]["optional"]) == ("mirror", True)
    assert {item["path"] for item in mirror["secret"]["items"]} >= {"50_mirror/url", "50_mirror/token"}


def test_without_credentials_there_is_no_gateway_and_proxies_are_the_steps_own() -> None:
    settings = replace(SETTINGS, index=IndexSettings(proxies={"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": ""}))
    spec = pod(settings)
    assert spec["initContainers"] == []
    with_proxy = [
        c["name"] for c in spec["containers"] if {"name": "HTTPS_PROXY", "value": "http://proxy:3128"} in c["env"]
    ]
    assert with_proxy == ["install"]
    assert "NO_PROXY" not in str(spec)


def test_the_jobs_secret_belongs_to_the_job() -> None:
    access = IndexAccess((("team", {"url": "https://pkg.example/", "token": "t"}),))
    made = index_secret(
        plan(index=PRIVATE), StartJob(JobKind.BUILD, SLUG, "0123456789abcdef", 1), "uid", SETTINGS, access
    )
    assert made["metadata"]["ownerReferences"][0]["uid"] == "uid"
    assert made["stringData"]["0.token"] == "t"
    files = input_files(plan().request(), None, "certificates")
    assert files["index-ca.crt"] == "certificates"


def test_what_runs_package_code_has_a_limit_for_everything() -> None:
    def limits(asked: dict[str, Any] | None) -> dict[str, dict[str, dict[str, str]]]:
        build = {"build": {"resources": asked}} if asked else {}
        kinds = [manifest(kind, sourceDistributions="Allow", **build) for kind in JobKind]
        containers = [c for job in kinds for c in job["spec"]["template"]["spec"]["containers"]]
        return {c["name"]: c["resources"] for c in containers}

    unasked = limits(None)
    bounded = {"cpu": "2", "memory": "2Gi", "ephemeral-storage": "20Gi"}
    assert unasked["install"]["limits"] == unasked["resolve"]["limits"] == bounded
    assert unasked["install"]["requests"] == {"cpu": "100m", "memory": "128Mi", "ephemeral-storage": "0"}
    assert unasked["package"]["limits"] == unasked["upload"]["limits"] == {"memory": "2Gi"}
    asked = limits({"requests": {"memory": "3Gi"}, "limits": {"cpu": "4"}})
    assert asked["install"]["limits"] == {"cpu": "4", "memory": "3Gi", "ephemeral-storage": "20Gi"}
    assert asked["install"]["requests"] == {"cpu": "100m", "memory": "3Gi", "ephemeral-storage": "0"}


def test_each_step_writes_where_no_other_does_and_later_ones_read() -> None:
    pod = manifest()["spec"]["template"]["spec"]
    mounts = {c["name"]: {m["name"]: m for m in c["volumeMounts"]} for c in pod["containers"]}
    writers: dict[str, list[str]] = {}
    for step, mounted in mounts.items():
        for name, mount in mounted.items():
            if not mount.get("readOnly"):
                writers.setdefault(name, []).append(step)
    assert writers == {
        "work-install": ["install"],
        "work-package": ["package"],
        **{f"tmp-{step}": [step] for step in mounts},
        **{f"shm-{step}": [step] for step in mounts},
    }
    assert {mounts[step][f"shm-{step}"]["mountPath"] for step in mounts} == {"/dev/shm"}
    assert mounts["package"]["work-install"]["readOnly"] is True
    assert mounts["upload"]["work-package"]["readOnly"] is True
    assert "work-install" not in mounts["upload"]
    assert "work-package" not in mounts["install"]
    users = [c["securityContext"]["runAsUser"] for c in pod["containers"]]
    assert len(set(users)) == len(users)
    assert 0 not in users


def test_isolation_is_asked_for_where_package_code_may_run() -> None:
    def asked(settings: JobSettings) -> list[str]:
        jobs = [job_manifest(plan(), StartJob(kind, SLUG, "0123456789abcdef", 1), settings) for kind in JobKind]
        containers = [c for job in jobs for c in job["spec"]["template"]["spec"]["containers"]]
        return [c["name"] for c in containers if "DAGY_ISOLATION" in str(c["env"])]

    assert asked(SETTINGS) == ["resolve", "install"]
    assert asked(replace(SETTINGS, isolated=False)) == []


@given(st.decimals(0, 10**6, places=2), st.sampled_from(["", "m", "k", "Ki", "M", "Mi", "G", "Gi", "T", "Ti"]))
def test_amounts_compare_as_kubernetes_compares_them(number: Decimal, unit: str) -> None:
    assert amount(f"{number:f}{unit}") == parse_quantity(f"{number:f}{unit}")
