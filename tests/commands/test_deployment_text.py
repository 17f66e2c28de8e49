"""A flow deployment in one line."""

from __future__ import annotations

from dagy.commands.deployments.watch import line
from dagy.model.flowstatus import RunPhase
from dagy.model.rest.deployments import RestRun
from dagy.model.rest.summaries import DeploymentSummary, GoneDeployment

TIME = "2026-11-21T12:00:00Z"
NEW = DeploymentSummary(
    id="1", namespace="team-a", name="etl", flow_name="daily_etl", flow_version="7", dep_package_slugs=[],
    created_at=TIME, updated_at=TIME, etag='"1"', message="Package ZZZZZZZZ is not there.",
)  # fmt: skip


def test_a_deployment_and_its_end() -> None:
    assert line(NEW) == "team-a/etl (daily_etl 7): no revision yet: Package ZZZZZZZZ is not there."
    run = RestRun(job_name="etl-1", revision=3, phase=RunPhase.FAILED)
    ready = NEW.model_copy(update={"ready": True, "revision": 3, "last_run": run})
    assert line(ready) == "team-a/etl (daily_etl 7): revision 3, last run Failed"
    assert line(GoneDeployment(id="1", namespace="team-a", name="etl")) == "team-a/etl: is gone"
