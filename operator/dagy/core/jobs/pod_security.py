"""Isolation of a build's containers: users, volumes and workload identity. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from dagy.model.status import JobKind
from dagy_builder.contract import Step, step_folder

Manifest = dict[str, Any]

RUN_PACKAGE_CODE = frozenset({Step.RESOLVE, Step.INSTALL})
"""Steps that run package code where the package allows source distributions."""

_GROUP = 65532
_SHARED_MEMORY = "64Mi"  # as much as container runtimes give
_USERS: Mapping[Step, int] = {Step.RESOLVE: 65532, Step.INSTALL: 65532, Step.PACKAGE: 65531, Step.UPLOAD: 65530}
_WRITES: Mapping[JobKind, tuple[Step, ...]] = {JobKind.VALIDATE: (), JobKind.BUILD: (Step.INSTALL, Step.PACKAGE)}
_READS: Mapping[Step, Step] = {Step.PACKAGE: Step.INSTALL, Step.UPLOAD: Step.PACKAGE}
"""The step whose volume a step reads."""

POD_SECURITY: Manifest = {
    "runAsNonRoot": True,
    # The sandbox's; each container has its own.
    "runAsUser": _GROUP,
    "runAsGroup": _GROUP,
    "fsGroup": _GROUP,
    "fsGroupChangePolicy": "OnRootMismatch",
    "seccompProfile": {"type": "RuntimeDefault"},
}


def container_security(step: Step) -> Manifest:
    """Return the securityContext of a step's container."""
    return {
        "runAsUser": _USERS[step],
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def skip_workload_identity(containers: Iterable[str]) -> dict[str, str]:
    """Annotations of a pod: the clouds' webhooks give no token of the workload identity to these containers."""
    names = list(containers)
    return {
        "eks.amazonaws.com/skip-containers": ",".join(names),
        "azure.workload.identity/skip-containers": ";".join(names),
    }


def scratch_volumes(container: str, size: str) -> list[Manifest]:
    """Return further volumes that a container writes to and no other one sees: its /tmp, and its shared memory.

    Without a volume, containers of a pod have one /dev/shm, where package code could leave something for later steps.
    """
    shared_memory = {"medium": "Memory", "sizeLimit": _SHARED_MEMORY}
    return [
        {"name": f"tmp-{container}", "emptyDir": {"sizeLimit": size}},
        {"name": f"shm-{container}", "emptyDir": shared_memory},
    ]


def scratch_mounts(container: str) -> list[Manifest]:
    """Return the container's mounts of `scratch_volumes`."""
    return [
        {"name": f"tmp-{container}", "mountPath": "/tmp"},  # noqa: S108
        {"name": f"shm-{container}", "mountPath": "/dev/shm"},  # noqa: S108
    ]


def work_volumes(kind: JobKind) -> list[str]:
    """Names of the volumes that the steps of a Job write to."""
    return [_volume(step) for step in _WRITES[kind]]


def work_mounts(step: Step, kind: JobKind, work: str) -> list[Manifest]:
    """A step's mounts below the folder `work`: its own volume, and to read that of the step before it."""
    mounts: list[Manifest] = (
        [{"name": _volume(step), "mountPath": _folder(work, step)}] if step in _WRITES[kind] else []
    )
    if before := _READS.get(step):
        mounts.append({"name": _volume(before), "mountPath": _folder(work, before), "readOnly": True})
    return mounts


def _volume(step: Step) -> str:
    return f"work-{step}"


def _folder(work: str, step: Step) -> str:
    return str(step_folder(PurePosixPath(work), step))
