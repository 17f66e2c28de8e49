"""From Kubernetes objects to REST answers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from dagy.core.common.reasons import StateReason
from dagy.core.flows.plan import flow_status_in
from dagy.model import constants as names
from dagy.model.rest.deployments import DeploymentResponse
from dagy.model.rest.packages import DepPackageResponse, RequestResponse
from dagy.model.status import Condition, ConditionType, DepPackageStatus, Phase

Json = Mapping[str, Any]
AnyJson = TypeVar("AnyJson", bound=Json)


def package_response(package: Json) -> DepPackageResponse:
    """The package as the API shows it. Raises pydantic.ValidationError for what the CRD would not have let in."""
    return DepPackageResponse.from_object(dict(package), **_of_package(package))


def request_response(package: Json, token: str) -> RequestResponse:
    """The package, and the token of the request that was accepted."""
    return RequestResponse.from_object(dict(package), **_of_package(package), token=token)


def deployment_response(deployment: Json) -> DeploymentResponse:
    """The deployment as the API shows it."""
    status = flow_status_in(deployment)
    shown = {"message", "revision", "packages", "history", "cron_job_name", "last_run"}
    computed = {
        **_identity(deployment),
        **status.model_dump(include=shown),
        **_judged(status.conditions, deployment),
    }
    computed["ready"] = computed["settled"] and condition(status.conditions, ConditionType.READY) == "True"
    return DeploymentResponse.from_object(dict(deployment), **computed)


def etag(obj: Json) -> str:
    """Changes with what users decide (metadata.generation), not with each status that the operator writes."""
    metadata = obj["metadata"]
    return f'"{metadata["uid"]}-{metadata.get("generation", 0)}"'


def matches(if_match: str | None, present: Json | None) -> bool:
    """Whether a header If-Match (RFC 9110, 13.1.1) lets the update pass."""
    if if_match is None:
        return True
    if present is None:
        return False
    tags = [tag.strip() for tag in if_match.split(",")]
    return "*" in tags or etag(present) in tags


def condition(conditions: Iterable[Condition], kind: ConditionType) -> str:
    """The status of a condition; Unknown when there is none."""
    return next((c.status for c in conditions if c.type == kind), "Unknown")


def _of_package(package: Json) -> dict[str, Any]:
    status = DepPackageStatus.model_validate(package.get("status") or {})
    artifact = status.artifact
    return {
        **_identity(package),
        **status.model_dump(include={"message", "dropped", "artifact", "validation", "history", "s3_uri"}),
        **_judged(status.conditions, package),
        "slug": status.slug or package["spec"].get("slug"),
        "normalized_dependencies": status.dependencies,
        "warnings": _warnings(status),
        "build_status": status.phase or Phase.PENDING,
        "package_size": artifact.size_bytes if artifact else None,
        "last_build": status.build.model_dump() if status.build else None,
    }


def _warnings(status: DepPackageStatus) -> list[str]:
    """The resolver's, and those of the artifact if it is of the present lock."""
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
    """Whether the operator has yet to look at the present spec, or to act upon a request."""
    observed = (obj.get("status") or {}).get("observedGeneration", -1)
    return observed != obj["metadata"].get("generation", 0) or (not _rests(obj) and any(_unanswered(obj)))


def later(one: AnyJson, other: AnyJson) -> AnyJson:
    """The later of two readings of one object: its resourceVersions are ordered (KEP-5504)."""
    return max(one, other, key=lambda obj: int(obj["metadata"]["resourceVersion"]))


def _rests(obj: Json) -> bool:
    """Whether it is suspended: requests wait then until it is resumed, and nobody needs to wait for them."""
    conditions = (obj.get("status") or {}).get("conditions") or []
    return any(c["type"] == ConditionType.READY and c.get("reason") == StateReason.SUSPENDED for c in conditions)


def _judged(conditions: list[Condition], obj: Json) -> dict[str, Any]:
    """What the conditions say of the present generation: a status of an earlier one settles nothing."""
    ready = next((c for c in conditions if c.type == ConditionType.READY), None)
    return {
        "conditions": [c.model_dump() for c in conditions],
        "reason": ready.reason if ready else "",
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
    """For each request annotation, whether the operator has yet to act upon it."""
    annotations, status = obj["metadata"].get("annotations") or {}, obj.get("status") or {}
    for annotation, handled in _REQUESTS.items():
        yield bool(annotations.get(annotation)) and status.get(handled) != annotations[annotation]


def _updated_at(obj: Json) -> str:
    metadata = obj["metadata"]
    times = [entry.get("time", "") for entry in metadata.get("managedFields") or []]
    return str(max([metadata["creationTimestamp"], *times]))
