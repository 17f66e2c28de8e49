"""Kueue's part of a Job: whose queue it stands in, and why it has not been admitted. Pure.

Kueue holds Jobs back with `spec.suspend`, and takes it away again: the field is Kueue's (https://kueue.sigs.k8s.io).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
"""Of a Job: the LocalQueue of its namespace."""
JOB_UID_LABEL = "kueue.x-k8s.io/job-uid"
"""Of a Workload, which stands for the Job in the queue."""
QUEUE_PATTERN = r"^$|^(?:[a-z0-9.-]|\{namespace\})+$"
_VERSIONS = ("v1beta2", "v1beta1")
_CONDITIONS = ("QuotaReserved", "Admitted")


def queue_label(queue: str, namespace: str) -> dict[str, str]:
    """Return the label that puts a Job for a package of that namespace into the queue; none without a queue.

    `{namespace}` in the queue's name stands for the namespace, so that each can have a LocalQueue of its own.
    """
    return {QUEUE_LABEL: queue.replace("{namespace}", namespace)} if queue else {}


def workload_paths(namespace: str) -> tuple[str, ...]:
    """Return the API paths of a namespace's Workloads, one for each version that may be served, the newest first."""
    return tuple(f"/apis/kueue.x-k8s.io/{version}/namespaces/{namespace}/workloads" for version in _VERSIONS)


def why_pending(workload: Mapping[str, Any]) -> str:
    """Return Kueue's sentence on why the Workload is not admitted; empty when it gives none."""
    conditions = (workload.get("status") or {}).get("conditions") or []
    told = {one.get("type"): str(one.get("message", "")) for one in conditions if one.get("status") == "False"}
    return next((told[kind] for kind in _CONDITIONS if told.get(kind)), "")
