"""Jobs of packages that are gone: an operator that was stopped during a pass may create one afterwards. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dagy.model import constants as names
from dagy.model.base import NamespacedName


@dataclass(frozen=True)
class OwnedJob:
    """A Job, and the package that it says it belongs to."""

    name: str
    uid: str
    package: NamespacedName
    package_uid: str
    """Empty when its label was taken away."""


def owned_job(metadata: Mapping[str, Any]) -> OwnedJob:
    """Read a Job's metadata; a package without a name is nobody's."""
    annotations, labels = metadata.get("annotations") or {}, metadata.get("labels") or {}
    namespace, _, name = str(annotations.get(names.ANNOTATION_PACKAGE, "")).partition("/")
    package_uid = str(labels.get(names.LABEL_PACKAGE_UID, ""))
    return OwnedJob(str(metadata["name"]), str(metadata["uid"]), NamespacedName(namespace, name), package_uid)


def is_orphan(job: OwnedJob, uid: str | None) -> bool:
    """Return True when its package is gone. `uid`: that of the package of its name now; None when there is none."""
    if not job.package.name:
        return False
    return uid is None or job.package_uid not in ("", uid)


def orphans(jobs: Iterable[OwnedJob], present: Mapping[NamespacedName, str], served: tuple[str, ...]) -> list[OwnedJob]:
    """Return the Jobs whose packages were not there when all were listed. `served`: the namespaces, all when empty."""
    mine = [job for job in jobs if not served or job.package.namespace in served]
    return [job for job in mine if is_orphan(job, present.get(job.package))]
