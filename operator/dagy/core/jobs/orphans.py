"""Jobs of packages that are gone: an operator that was stopped during a pass may create one afterwards. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dagy.core.common.owner import package_of
from dagy.model import constants as names
from dagy.model.base import NamespacedName


@dataclass(frozen=True)
class OwnedJob:
    """A Job, and the package that it says it is for."""

    name: str
    uid: str
    package: NamespacedName
    package_uid: str
    """Empty when its label was taken away."""


def owned_job(metadata: Mapping[str, Any]) -> OwnedJob | None:
    """Read a Job's metadata; None when it names no package, and is nobody's."""
    package = package_of(metadata)
    if package is None:
        return None
    package_uid = str((metadata.get("labels") or {}).get(names.LABEL_PACKAGE_UID, ""))
    return OwnedJob(str(metadata["name"]), str(metadata["uid"]), package, package_uid)


def is_orphan(job: OwnedJob, uid: str | None) -> bool:
    """Return True when its package is gone. `uid`: that of the package of its name now; None when there is none."""
    return uid is None or job.package_uid not in ("", uid)


def orphans(jobs: Iterable[OwnedJob], present: Mapping[NamespacedName, str], served: Container[str]) -> list[OwnedJob]:
    """Return the Jobs whose packages were not there when all of the namespaces that are served were listed."""
    mine = [job for job in jobs if job.package.namespace in served]
    return [job for job in mine if is_orphan(job, present.get(job.package))]
