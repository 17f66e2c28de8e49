"""The Job of a run and the CronJob of a schedule, from a revision. Pure; operator, API and CLI make runs with it alike.

The pod template names the packages and the flow's code by their SHA-256, so that every pod of a run, retries included,
gets the same bytes whatever is built or deployed meanwhile. It satisfies restricted pod security.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dagy.core.attach.refusals import Refusal
from dagy.core.flows.plan import FlowPlan, FlowSettings, flow_status_in
from dagy.core.flows.reasons import FlowReason
from dagy.core.flows.revisions import flow_labels, owner_reference
from dagy.core.package.plan import digest
from dagy.model import constants as names
from dagy.model.flowdeployment import EnvVar
from dagy.model.flowstatus import Revision

DEFAULT_USER = 65532
Manifest = dict[str, Any]


def run_name(deployment: str, uid: str, token: str) -> str:
    """Name of the Job of a run that was asked for: the same token never runs twice."""
    return f"{deployment}-{digest([uid, token])[:10]}"


def nothing_to_run(deployment: Mapping[str, Any]) -> Refusal:
    """Return the refusal to run a deployment without a revision."""
    metadata, message = deployment["metadata"], flow_status_in(deployment).message
    why = f": {message}" if message else "."
    return Refusal(
        FlowReason.NOT_DEPLOYED,
        f"Flow deployment {metadata['namespace']}/{metadata['name']} has nothing to run yet{why}",
    )


def run_of(deployment: Mapping[str, Any], revision: Revision, token: str, requests: Mapping[str, str]) -> Manifest:
    """The Job of a run of that revision. `token` identifies the run, `requests` serves where the spec has none."""
    metadata = deployment["metadata"]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": run_name(metadata["name"], metadata["uid"], token),
            "namespace": metadata["namespace"],
            "labels": labels_of(metadata["name"], revision),
            "annotations": {names.ANNOTATION_RUN: token},
            "ownerReferences": [owner_reference(deployment)],
        },
        "spec": _job_spec(metadata["name"], revision, requests),
    }


def cron_job(deployment: Mapping[str, Any], plan: FlowPlan, revision: Revision, settings: FlowSettings) -> Manifest:
    """Return the CronJob of the schedule, as server-side apply takes it."""
    spec, name = plan.spec, plan.key.name
    assert spec.schedule
    zone = {"timeZone": spec.time_zone} if spec.time_zone else {}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {
            "name": name,
            "namespace": plan.key.namespace,
            "labels": labels_of(name, revision),
            "ownerReferences": [owner_reference(deployment)],
        },
        "spec": {
            "schedule": spec.schedule,
            **zone,
            "suspend": spec.suspend,
            "concurrencyPolicy": str(spec.concurrency_policy),
            "successfulJobsHistoryLimit": spec.run_history_limit,
            "failedJobsHistoryLimit": spec.run_history_limit,
            "jobTemplate": {
                "metadata": {"labels": labels_of(name, revision)},
                "spec": _job_spec(name, revision, settings.requests),
            },
        },
    }


def labels_of(deployment: str, revision: Revision) -> dict[str, str]:
    """Labels of a run, its pods and the CronJob."""
    return {**flow_labels(deployment), names.LABEL_REVISION: str(revision.revision)}


def attach_annotations(deployment: str, revision: Revision) -> dict[str, str]:
    """Return the annotations for the admission webhook: everything by SHA-256."""
    artifact = revision.spec.artifact
    flow = {"deployment": deployment, "sha256": artifact.sha256, "sizeBytes": artifact.size_bytes}
    packages = ",".join(f"{p.slug}@{p.sha256}" for p in revision.packages)
    python = {names.ATTACH_PYTHON_VERSION: revision.python_version} if revision.python_version else {}
    attached = {names.ATTACH_PACKAGES: packages} if packages else {}
    return {names.ATTACH_FLOW: json.dumps(flow), **attached, **python}


def _job_spec(deployment: str, revision: Revision, requests: Mapping[str, str]) -> Manifest:
    source = revision.spec
    return {
        "backoffLimit": source.retries,
        "template": {
            "metadata": {
                "labels": labels_of(deployment, revision),
                "annotations": attach_annotations(deployment, revision),
            },
            "spec": _pod_spec(deployment, revision, requests),
        },
    }


def _pod_spec(deployment: str, revision: Revision, requests: Mapping[str, str]) -> Manifest:
    source = revision.spec
    user = source.run_as_user or DEFAULT_USER
    # A flow that talks to the API server says under which identity; no other gets a token.
    account: Manifest = (
        {"serviceAccountName": source.service_account_name}
        if source.service_account_name
        else {"automountServiceAccountToken": False}
    )
    secrets = [{"name": name} for name in source.image_pull_secrets]
    # On the pod and not on the Job: the Job controller deletes the pod of a Job past its deadline, log and all.
    deadline = {"activeDeadlineSeconds": source.timeout_seconds} if source.timeout_seconds else {}
    return {
        "restartPolicy": "Never",
        **deadline,
        **account,
        **({"imagePullSecrets": secrets} if secrets else {}),
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": user,
            "runAsGroup": user,
            "fsGroup": user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumes": [{"name": "tmp", "emptyDir": {}}],
        "containers": [_container(deployment, revision, requests)],
    }


def _container(deployment: str, revision: Revision, requests: Mapping[str, str]) -> Manifest:
    source = revision.spec
    command = source.command if source.command is not None else ["python", "-m", source.flow_name]
    resources = source.resources.to_json() if source.resources else {"requests": dict(requests)} if requests else None
    told = {
        "DAGY_DEPLOYMENT": deployment,
        "DAGY_FLOW_NAME": source.flow_name,
        "DAGY_FLOW_VERSION": source.flow_version,
        "DAGY_REVISION": str(revision.revision),
        "HOME": "/tmp",  # noqa: S108 an emptyDir of its own; the image's file system is read-only
        "PYTHONUNBUFFERED": "1",
    }
    mine = {variable.name for variable in source.env}
    env = [{"name": name, "value": value} for name, value in told.items() if name not in mine]
    return {
        "name": names.FLOW_CONTAINER,
        "image": revision.image,
        "command": command,
        **({"args": source.args} if source.args is not None else {}),
        "env": [*env, *(_variable(variable) for variable in source.env)],
        **({"resources": resources} if resources else {}),
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _variable(variable: EnvVar) -> Manifest:
    if variable.value_from is None:
        return {"name": variable.name, "value": variable.value or ""}
    return {"name": variable.name, "valueFrom": variable.value_from.to_json()}
