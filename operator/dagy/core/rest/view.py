"""From Kubernetes objects to REST answers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from dagy.core.common.conditions import reason_among, reason_in
from dagy.core.common.reasons import StateReason
from dagy.core.flows.plan import flow_status_in
from dagy.core.rest.managed_by import managed_by
from dagy.model import constants as names
from dagy.model.flowstatus import Run
from dagy.model.rest.deployments import DeploymentResponse, RestRun
from dagy.model.rest.packages import DepPackageResponse, RequestResponse
from dagy.model.rest.summaries import DeploymentPin, DeploymentSummary, DepPackageSummary, GoneDeployment, GonePackage
from dagy.model.status import Condition, ConditionType, DepPackageStatus, Phase
from dagy_builder.redact import clipped

_SUMMARY_MESSAGE = 240
_SHOWN = {"message", "dropped", "artifact", "validation", "history", "s3_uri"} | {
    "spec_hash", "lock_hash", "observed_generation",
}  # fmt: skip
Json = Mapping[str, Any]
AnyJson = TypeVar("AnyJson", bound=Json)


def package_response(package: Json) -> DepPackageResponse:
    """Return the package as the API shows it. Raises pydantic.ValidationError for one that the CRD refuses."""
    return DepPackageResponse.from_object(dict(package), **_of_package(package))


def request_response(package: Json, token: str) -> RequestResponse:
    """Return the package, and the token of the request that was accepted."""
    return RequestResponse.from_object(dict(package), **_of_package(package), token=token)


def package_summary(package: Json) -> DepPackageSummary:
    """The package as a list shows it. Read from the object as it came: a whole answer takes ten times as long."""
    spec, status = package["spec"], package.get("status") or {}
    conditions = {one["type"]: one for one in status.get("conditions") or []}
    ready, settled = (conditions.get(kind) or {} for kind in (ConditionType.READY, ConditionType.SETTLED))
    artifact, phase = status.get("artifact"), status.get("phase")
    return DepPackageSummary(
        **_identity(package),
        display_name=spec.get("displayName"),
        slug=status.get("slug") or spec.get("slug"),
        python_version=spec["pythonVersion"],
        dependency_count=len(spec.get("dependencies") or ()),
        build_status=phase or Phase.PENDING,
        message=clipped(str(status.get("message") or ""), _SUMMARY_MESSAGE),
        reason=reason_among({kind: one.get("reason", "") for kind, one in conditions.items()}),
        settled=not is_behind(package) and settled.get("status") == "True",
        suspended=bool(spec.get("suspend")),
        queue_position=(status.get("build") or {}).get("queuePosition") if phase == Phase.QUEUED else None,
        package_size=artifact["sizeBytes"] if artifact else None,
        outdated=bool(artifact) and (is_behind(package) or ready.get("status") != "True"),
        managed_by=managed_by(package),
        deletion_blocked=(conditions.get(ConditionType.DELETION_BLOCKED) or {}).get("status") == "True",
    )


def gone_package(package: Json) -> GonePackage:
    """What is told of a package that is there no more."""
    metadata = package["metadata"]
    return GonePackage(id=metadata["uid"], namespace=metadata["namespace"], name=metadata["name"])


def deployment_response(deployment: Json) -> DeploymentResponse:
    """Return the deployment as the API shows it."""
    status = flow_status_in(deployment)
    shown = {"message", "revision", "packages", "history", "cron_job_name", "last_run"}
    computed = {
        **_identity(deployment),
        **status.model_dump(include=shown),
        **_judged(status.conditions, deployment),
    }
    computed["ready"] = computed["settled"] and condition(status.conditions, ConditionType.READY) == "True"
    return DeploymentResponse.from_object(dict(deployment), **computed)


def deployment_summary(deployment: Json) -> DeploymentSummary:
    """Return the deployment as a list shows it, read from the object as it came."""
    spec, status = deployment["spec"], deployment.get("status") or {}
    conditions = {one["type"]: one for one in status.get("conditions") or []}
    ready, run = conditions.get(ConditionType.READY) or {}, status.get("lastRun")
    settled = not is_behind(deployment) and (conditions.get(ConditionType.SETTLED) or {}).get("status") == "True"
    return DeploymentSummary(
        **_identity(deployment),
        flow_name=spec["flowName"],
        flow_version=spec["flowVersion"],
        dep_package_slugs=spec.get("depPackageSlugs") or [],
        schedule=spec.get("schedule"),
        suspended=bool(spec.get("suspend")),
        revision=status.get("revision"),
        packages=[DeploymentPin.model_validate(one, extra="ignore") for one in status.get("packages") or []],
        message=clipped(str(status.get("message") or ""), _SUMMARY_MESSAGE),
        reason=reason_among({kind: one.get("reason", "") for kind, one in conditions.items()}),
        ready=settled and ready.get("status") == "True",
        settled=settled,
        last_run=RestRun.model_validate(Run.model_validate(run).model_dump()) if run else None,
    )


def gone_deployment(deployment: Json) -> GoneDeployment:
    """Return what is told of a deployment that is there no more."""
    metadata = deployment["metadata"]
    return GoneDeployment(id=metadata["uid"], namespace=metadata["namespace"], name=metadata["name"])


def etag(obj: Json) -> str:
    """Return the ETag (RFC 9110): it changes with the users' spec (metadata.generation), not with each status."""
    metadata = obj["metadata"]
    return f'"{metadata["uid"]}-{metadata.get("generation", 0)}"'


def matches(if_match: str | None, present: Json | None) -> bool:
    """Return True when a header If-Match (RFC 9110, 13.1.1) lets the update pass."""
    if if_match is None:
        return True
    if present is None:
        return False
    tags = [tag.strip() for tag in if_match.split(",")]
    return "*" in tags or etag(present) in tags


def condition(conditions: Iterable[Condition], kind: ConditionType) -> str:
    """Return the status of a condition; Unknown when there is none."""
    return next((c.status for c in conditions if c.type == kind), "Unknown")


def _of_package(package: Json) -> dict[str, Any]:
    status = DepPackageStatus.model_validate(package.get("status") or {})
    artifact = status.artifact
    return {
        **_identity(package),
        **status.model_dump(include=_SHOWN),
        "generation": package["metadata"].get("generation", 0),
        "managed_by": managed_by(package),
        **_judged(status.conditions, package),
        "slug": status.slug or package["spec"].get("slug"),
        "normalized_dependencies": status.dependencies,
        "warnings": _warnings(status),
        "build_status": status.phase or Phase.PENDING,
        "package_size": artifact.size_bytes if artifact else None,
        "last_build": status.build.model_dump() if status.build else None,
    }


def _warnings(status: DepPackageStatus) -> list[str]:
    """Return the resolver's warnings, and those of the artifact if it is of the present lock."""
    told = list(status.validation.warnings) if status.validation else []
    artifact = status.artifact
    return told + artifact.warnings if artifact and artifact.lock_hash == status.lock_hash else told


def _identity(obj: Json) -> dict[str, Any]:
    metadata = obj["metadata"]
    return {
        "id": metadata["uid"],
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "created_at": metadata["creationTimestamp"],
        "updated_at": _updated_at(obj),
        "deleting": "deletionTimestamp" in metadata,
        "etag": etag(obj),
    }


def is_behind(obj: Json) -> bool:
    """Return True when the operator has yet to look at the present spec, or to act upon a request."""
    observed = (obj.get("status") or {}).get("observedGeneration", -1)
    return observed != obj["metadata"].get("generation", 0) or (not _rests(obj) and any(_unanswered(obj)))


def later(one: AnyJson, other: AnyJson) -> AnyJson:
    """Return the later of two readings of one object: its resourceVersions are ordered (KEP-5504)."""
    return max(one, other, key=lambda obj: int(obj["metadata"]["resourceVersion"]))


def _rests(obj: Json) -> bool:
    """Return True when it is suspended: its requests wait until it is resumed, and nobody needs to wait for them."""
    conditions = (obj.get("status") or {}).get("conditions") or []
    return any(c["type"] == ConditionType.SETTLED and c.get("reason") == StateReason.SUSPENDED for c in conditions)


def _judged(conditions: list[Condition], obj: Json) -> dict[str, Any]:
    """Return the conditions, with reason and `settled`; a status of an earlier generation settles nothing."""
    return {
        "conditions": [c.model_dump() for c in conditions],
        "reason": reason_in(conditions),
        "settled": not is_behind(obj) and condition(conditions, ConditionType.SETTLED) == "True",
    }


_REQUESTS = {
    names.REQUEST_VALIDATE: "lastHandledValidate",
    names.REQUEST_BUILD: "lastHandledBuild",
    names.REQUEST_REFRESH: "lastHandledRefresh",
    names.REQUEST_CANCEL: "lastHandledCancel",
    names.ANNOTATION_RUN: "lastHandledRun",
}


def _unanswered(obj: Json) -> Iterable[bool]:
    """Yield, for each request annotation, True when the operator has yet to act upon it."""
    annotations, status = obj["metadata"].get("annotations") or {}, obj.get("status") or {}
    for annotation, handled in _REQUESTS.items():
        yield bool(annotations.get(annotation)) and status.get(handled) != annotations[annotation]


def _updated_at(obj: Json) -> str:
    metadata = obj["metadata"]
    times = [entry.get("time", "") for entry in metadata.get("managedFields") or []]
    return str(max([metadata["creationTimestamp"], *times]))
