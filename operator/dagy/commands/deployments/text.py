"""Flow deployments and their runs as rows and pages of text. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from dagy.commands.packages.text import age
from dagy.model.rest.deployments import DeploymentResponse, RestRevisionSummary, RestRun
from dagy_builder.sizes import human_size

HEADINGS = ("NAMESPACE", "NAME", "FLOW", "VERSION", "REVISION", "STATUS", "PACKAGES", "SCHEDULE", "LAST RUN", "AGE")


def status(deployment: DeploymentResponse) -> str:
    """Ready, Refused (someone must act), or what goes on."""
    if deployment.deleting:
        return "Deleting"
    if deployment.ready:
        return "Ready"
    return "Refused" if deployment.settled else "Deploying"


def row(deployment: DeploymentResponse, now: datetime) -> tuple[str, ...]:
    """The cells of one deployment."""
    return (
        deployment.namespace,
        deployment.name,
        deployment.flow_name,
        deployment.flow_version,
        str(deployment.revision or "-"),
        status(deployment),
        ",".join(deployment.dep_package_slugs) or "-",
        deployment.schedule or "-",
        deployment.last_run.phase if deployment.last_run else "-",
        age(deployment.created_at, now),
    )


def page(deployment: DeploymentResponse, runs: list[RestRun]) -> Iterator[tuple[str, str | None]]:
    """All that is said of one deployment: names and values."""
    yield "Name", f"{deployment.namespace}/{deployment.name}"
    yield "Flow", f"{deployment.flow_name}, version {deployment.flow_version}"
    yield "Status", status(deployment)
    yield "Message", deployment.message
    yield "Revision", str(deployment.revision) if deployment.revision else None
    yield "Packages", "\n".join(f"{one.slug}  {one.namespace}/{one.name}  {one.sha256}" for one in deployment.packages)
    yield "Slugs", ", ".join(deployment.dep_package_slugs)
    yield "Schedule", " ".join(filter(None, (deployment.schedule, deployment.time_zone)))
    yield "Image", deployment.history[0].image if deployment.history else deployment.image
    artifact = deployment.flow_artifact
    yield "Artifact", f"{artifact.uri} ({human_size(artifact.size_bytes)}, sha256 {artifact.sha256})"
    yield "Revisions", "\n".join(_revision(one, deployment.revision) for one in deployment.history)
    yield "Runs", "\n".join(f"{one.job_name}  {one.phase}  {one.started_at or ''}" for one in runs)
    yield "Created", deployment.created_at


def outcome(deployment: DeploymentResponse) -> str:
    """How a deployment ended, in one line."""
    name = f"{deployment.namespace}/{deployment.name}"
    if deployment.ready:
        slugs = f" with {', '.join(deployment.dep_package_slugs)}" if deployment.dep_package_slugs else ""
        return f"{name}: {deployment.flow_name} {deployment.flow_version} is revision {deployment.revision}{slugs}"
    return f"{name}: {deployment.message}" if deployment.message else f"{name}: {status(deployment)}"


def _revision(one: RestRevisionSummary, present: int | None) -> str:
    slugs = ",".join(package.slug for package in one.packages)
    mark = "  (present)" if one.revision == present else ""
    return f"{one.revision}  {one.flow_version}  {one.deployed_at}  {slugs}".rstrip() + mark
