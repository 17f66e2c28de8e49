"""The manifests of a package's Jobs. Pure.

Security: restricted pod security throughout; no service account token; only the container `upload`, which never runs
package code, has credentials of S3 and of the registry (from Secrets that the kubelet resolves, so they are in no
manifest), and only the sidecar `index` has those of package indexes. Each step writes to a volume of its own, which the
next one reads and no other step sees; each runs as a user of its own.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dagy.core.common.resources import bounded_resources, trusted_resources
from dagy.core.jobs import kueue
from dagy.core.jobs.build_pods import (
    BuildPods,
    RegistrySettings,
    S3Settings,
    pod_fields,
    registry_volumes,
    s3_volumes,
    with_registry,
    with_s3,
)
from dagy.core.jobs.index_pod import (
    ENVIRONMENT,
    GATEWAY,
    IndexSettings,
    gateway_containers,
    gateway_volumes,
    needs_gateway,
    secret_data,
    step_environment,
)
from dagy.core.jobs.pod_security import (
    POD_SECURITY,
    RUN_PACKAGE_CODE,
    container_security,
    scratch_mounts,
    scratch_volumes,
    skip_workload_identity,
    work_mounts,
    work_volumes,
)
from dagy.core.outcomes.facts import STEPS
from dagy.core.package.decide import StartJob
from dagy.core.package.observed import IndexAccess
from dagy.core.package.plan import BuildPlan, digest
from dagy.model import constants as names
from dagy.model.spec import SourceDistributions
from dagy.model.status import JobKind
from dagy_builder.contract import (
    CACHED_TREE_VARIABLE,
    INDEX_CA_NAME,
    ISOLATION_REQUIRED,
    ISOLATION_VARIABLE,
    LAST_STEPS,
    NODE_VARIABLE,
    NONCE_VARIABLE,
    SHARED_CACHE_VARIABLE,
    BuildRequest,
    Step,
)
from dagy_builder.packed_lock import LOCK_FILE, pack

Manifest = dict[str, Any]

INPUT, WORK = "/input", "/work"
_CACHE = "/cache"
_CACHED_STEPS = (Step.INSTALL, Step.PACKAGE)
_POD_UID: Mapping[str, Any] = {"fieldRef": {"fieldPath": "metadata.uid"}}
_NODE_IP: Manifest = {"name": NODE_VARIABLE, "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}
CA_FILE = "ca-certificates.crt"
_GRACE_SECONDS = 5


@dataclass(frozen=True)
class JobSettings:
    """The administrator's settings for every Job."""

    namespace: str
    image: str
    pull_policy: str
    service_account: str
    s3: S3Settings
    ca_config_map: str
    work_size: str
    resources: Mapping[str, Any]
    """Kubernetes resources of a container, used where the package asks for none."""
    source_build_limits: Mapping[str, str] = field(default_factory=dict)
    """Limits of containers that run package code, each where neither the package nor `resources` sets one."""
    isolated: bool = True
    """True when package code may run only where NetworkPolicies are enforced."""
    queue_name: str = ""
    """Kueue's queue for these Jobs, when there is one; see `kueue.queue_label`."""
    cache_claim: str = ""
    """PersistentVolumeClaim with the wheel cache that builds share, when there is one."""
    index: IndexSettings = field(default_factory=IndexSettings)
    registry: RegistrySettings = field(default_factory=RegistrySettings)
    pods: BuildPods = field(default_factory=BuildPods)
    start_seconds: float = 300
    """Seconds that a pod may take until its first container runs."""
    maxima: Mapping[str, str] = field(default_factory=dict)
    """The most that a package may ask for, by the resource's name."""


def job_name(uid: str, start: StartJob) -> str:
    """Name of the Job: a function of the package's uid, the input and the attempt; a DNS label (RFC 1123)."""
    return f"dp-{start.slug.lower()}-{start.kind}-{digest([uid, start.input_hash])[:8]}-{start.attempt}"


def labels_of(plan: BuildPlan, start: StartJob) -> dict[str, str]:
    """Labels of the Job, its pod and its ConfigMap."""
    return {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_PACKAGE_UID: plan.uid,
        names.LABEL_SLUG: start.slug,
        names.LABEL_JOB_KIND: start.kind,
        names.LABEL_INPUT_HASH: start.input_hash,
        names.LABEL_ATTEMPT: str(start.attempt),
    }


def job_manifest(plan: BuildPlan, start: StartJob, settings: JobSettings) -> Manifest:
    """Return the Job. One pod, one try: attempts are the operator's business (`backoffLimit: 0`)."""
    labels = {**settings.pods.labels, **labels_of(plan, start)}
    annotations = {**settings.pods.annotations, names.ANNOTATION_PACKAGE: str(plan.key)}
    unidentified = [*(step for step in STEPS[start.kind] if step is not Step.UPLOAD), GATEWAY]
    queue = {} if start.cancelled else kueue.queue_label(settings.queue_name, plan.key.namespace)
    obeyed = {names.ANNOTATION_AFTER_CANCEL: plan.requested.cancel} if plan.requested.cancel else {}
    cancel = {names.REQUEST_CANCEL: "true"} if start.cancelled else obeyed
    # Whoever ends the suspension of a tombstone, a queue for example, gets no pod either.
    never = {"suspend": True, "parallelism": 0} if start.cancelled else {}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_name(plan.uid, start),
            "namespace": settings.namespace,
            "labels": {**labels, **queue},
            "annotations": {**annotations, **cancel},
        },
        "spec": {
            "backoffLimit": 0,
            **never,
            "template": {
                "metadata": {"labels": labels, "annotations": {**annotations, **skip_workload_identity(unidentified)}},
                "spec": _pod_spec(plan, start, settings),
            },
        },
    }


def input_config_map(
    plan: BuildPlan, start: StartJob, job_uid: str, settings: JobSettings, files: Mapping[str, str | bytes]
) -> Manifest:
    """Return the ConfigMap that the Job mounts at /input. It belongs to the Job, so it goes when the Job goes."""
    metadata = _metadata_beside_job(plan, start, job_uid, settings)
    text = {name: content for name, content in files.items() if isinstance(content, str)}
    binary = {name: b64encode(content).decode() for name, content in files.items() if isinstance(content, bytes)}
    content = {"data": text, "binaryData": binary, "immutable": True}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **content}


def index_secret(
    plan: BuildPlan, start: StartJob, job_uid: str, settings: JobSettings, access: IndexAccess
) -> Manifest:
    """Return the Job's own copy of the package's index credentials; it goes when the Job goes, or before."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": names.INDEX_CREDENTIALS_TYPE,
        "metadata": _metadata_beside_job(plan, start, job_uid, settings),
        "immutable": True,
        "stringData": secret_data(access),
    }


def _metadata_beside_job(plan: BuildPlan, start: StartJob, job_uid: str, settings: JobSettings) -> Manifest:
    name = job_name(plan.uid, start)
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": job_uid, "controller": True}
    return {
        "name": name,
        "namespace": settings.namespace,
        "labels": labels_of(plan, start),
        "ownerReferences": [owner],
    }


def input_files(request: BuildRequest, lock: str | None, certificates: str = "") -> dict[str, str | bytes]:
    """Return the files of /input. Raises LockSizeError for a lock that no validation hands out."""
    files: dict[str, str | bytes] = {"request.json": json.dumps(request.to_json(), indent=1)}
    if lock is not None:
        files[LOCK_FILE] = pack(lock)
    if certificates:
        files[INDEX_CA_NAME] = certificates
    return files


def _pod_spec(plan: BuildPlan, start: StartJob, settings: JobSettings) -> Manifest:
    name = job_name(plan.uid, start)
    containers = [_container(step, start.kind, plan, settings) for step in STEPS[start.kind]]
    return {
        "restartPolicy": "Never",
        # On the pod and not on the Job: the Job controller deletes the pod of a Job past its deadline, log and all.
        "activeDeadlineSeconds": plan.options.timeout_seconds,
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "serviceAccountName": settings.service_account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        **pod_fields(settings.pods),
        "securityContext": POD_SECURITY,
        "volumes": [
            *_volumes(name, start, settings),
            *_cache_volumes(plan, start, settings),
            *gateway_volumes(plan, settings.index, name),
        ],
        "initContainers": gateway_containers(plan, settings.index, containers[0]),
        "containers": [_with_cache(container, plan, start, settings) for container in containers],
    }


def _shares_cache(plan: BuildPlan, start: StartJob, settings: JobSettings) -> bool:
    """Return True when the build may share the cache: no package code runs, which could spoil it for others, and no
    credentials are used, whose packages others would find there.
    """
    forbidden = plan.spec.source_distributions is SourceDistributions.FORBID
    public = not needs_gateway(plan, settings.index)
    return bool(settings.cache_claim) and start.kind is JobKind.BUILD and forbidden and public


def _cache_volumes(plan: BuildPlan, start: StartJob, settings: JobSettings) -> list[Manifest]:
    if not _shares_cache(plan, start, settings):
        return []
    return [{"name": "cache", "persistentVolumeClaim": {"claimName": settings.cache_claim}}]


def _with_cache(container: Manifest, plan: BuildPlan, start: StartJob, settings: JobSettings) -> Manifest:
    """Return the container with the cache and the tree in it: uv links only within one mount, and copying is slow."""
    if container["name"] not in _CACHED_STEPS or not _shares_cache(plan, start, settings):
        return container
    env = [
        {"name": "DAGY_POD_UID", "valueFrom": _POD_UID},
        {"name": CACHED_TREE_VARIABLE, "value": f"{_CACHE}/trees/$(DAGY_POD_UID)"},
        {"name": "UV_CACHE_DIR", "value": f"{_CACHE}/uv"},
        {"name": SHARED_CACHE_VARIABLE, "value": _CACHE},
    ]
    mount = {"name": "cache", "mountPath": _CACHE}
    return {**container, "env": [*container["env"], *env], "volumeMounts": [*container["volumeMounts"], mount]}


def _volumes(input_name: str, start: StartJob, settings: JobSettings) -> list[Manifest]:
    return [
        {"name": "input", "configMap": {"name": input_name}},
        # Absent where the nodes' networks need no authority of their own.
        {"name": "ca", "configMap": {"name": settings.ca_config_map, "optional": True}},
        *({"name": name, "emptyDir": {"sizeLimit": settings.work_size}} for name in work_volumes(start.kind)),
        *(volume for step in STEPS[start.kind] for volume in scratch_volumes(step, settings.work_size)),
        *s3_volumes(start.kind, settings.s3),
        *registry_volumes(start.kind, settings.registry),
    ]


def _container(step: Step, kind: JobKind, plan: BuildPlan, settings: JobSettings) -> Manifest:
    container: Manifest = {
        "name": str(step),
        "image": settings.image,
        "imagePullPolicy": settings.pull_policy,
        "args": [str(step), "--input", INPUT, "--work", WORK],
        "env": [
            *ENVIRONMENT,
            {"name": "DAGY_BUILDER_IMAGE", "value": settings.image},
            *step_environment(step, plan, settings.index),
        ],
        "volumeMounts": [
            {"name": "input", "mountPath": INPUT, "readOnly": True},
            {"name": "ca", "mountPath": "/ca", "readOnly": True},
            *scratch_mounts(step),
            *work_mounts(step, kind, WORK),
        ],
        "resources": _resources(step, plan, settings),
        "terminationMessagePolicy": "File",
        "securityContext": container_security(step),
    }
    if step in RUN_PACKAGE_CODE and settings.isolated:
        container["env"] += [{"name": ISOLATION_VARIABLE, "value": ISOLATION_REQUIRED}, _NODE_IP]
    if step in LAST_STEPS:
        container["env"].append({"name": NONCE_VARIABLE, "valueFrom": _POD_UID})
    return with_registry(with_s3(container, settings.s3), settings.registry)


def _resources(step: Step, plan: BuildPlan, settings: JobSettings) -> Manifest:
    asked = plan.options.resources
    if step in RUN_PACKAGE_CODE and plan.spec.source_distributions is SourceDistributions.ALLOW:
        return bounded_resources(asked, settings.resources, settings.source_build_limits)
    return trusted_resources(asked, settings.resources)
