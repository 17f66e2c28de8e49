"""Flow deployments as the operator would leave them, in a namespace of the console's tests."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.console import given
from tests.fakes import deployed
from tests.fakes.api import Users

NAMESPACE, USER = "flow-team", "fay"
"""Whose flows are those of `gallery`."""
SLUG, OTHER = "F1L2O3W4", "G5E6O7P8"


@dataclass(frozen=True)
class Runs:
    """Names of the runs of `daily-etl`."""

    well: str
    badly: str
    now: str


def at(minutes: int) -> str:
    """So many minutes ago (RFC 3339)."""
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat(timespec="seconds").replace("+00:00", "Z")


def owner(users: Users) -> None:
    """The user, who may edit the flows of the namespace, and its runs as the role `edit` of a cluster lets her."""
    users.kubectl("create", "namespace", NAMESPACE)
    users.create(USER, edits=NAMESPACE)
    resources = "jobs.batch,cronjobs.batch,pods,pods/log"
    users.kubectl("create", "role", "runs", "-n", NAMESPACE, "--verb=get,list,create", f"--resource={resources}")
    bound = "--role=runs", f"--serviceaccount=default:{USER}"
    users.kubectl("create", "rolebinding", "runs", "-n", NAMESPACE, *bound)


def gallery(users: Users) -> Runs:
    """A namespace with flows in all states."""
    owner(users)
    for name, slug in (("etl-deps", SLUG), ("geo", OTHER)):
        given.package(users, name, phase="COMPLETED", slug=slug, namespace=NAMESPACE, size=48_200_000)
    present = deployed.pin(SLUG, hashlib.sha256(b"etl-deps").hexdigest(), "etl-deps", NAMESPACE)
    earlier, geo = {**present, "sha256": "e" * 64}, deployed.pin(OTHER, "d" * 64, "geo", NAMESPACE)
    last = {"jobName": "daily-etl-1", "revision": 2, "phase": "Running", "startedAt": at(1)}
    flow = deployed.deploy(
        users, "daily-etl", NAMESPACE, revisions=[[earlier], [present, geo]], schedule="0 3 * * *", status={"lastRun": last},
    )  # fmt: skip
    refused = [deployed.ready("Ready", "False", "UnknownSlug"), deployed.ready("Settled")]
    message = "There is no package with the slug ZZZZZZZZ in flow-team. Correct spec.depPackageSlugs."
    deployed.deploy(
        users, "reports", NAMESPACE, revisions=[[earlier]], depPackageSlugs=["ZZZZZZZZ"],
        status={"conditions": refused, "message": message, "observedGeneration": 1},
    )  # fmt: skip
    deployed.deploy(users, "cleanup", NAMESPACE, schedule="*/5 * * * *", suspend=True)
    waits = {"conditions": [deployed.ready("Ready", "False", "Waiting"), deployed.ready("Settled", "False", "Waiting")]}
    deployed.deploy(users, "brand-new", NAMESPACE, depPackageSlugs=[SLUG], status={**waits, "revision": None, "history": [], "message": "Waits for package F1L2O3W4."})  # fmt: skip
    return Runs(
        well=deployed.run(users, flow, "one", status=deployed.ended(True, at(180), at(178))),
        badly=deployed.run(users, flow, "two", revision=2, status=deployed.ended(False, at(90), at(89))),
        now=deployed.run(users, flow, "three", revision=2, status=deployed.running(at(1))),
    )
