"""From a FlowDeployment to the plan of its deployment, and a comparison with the present revision. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dagy.core.attach.pin import AttachRequest, Flow, ImageFact, PackageRef
from dagy.core.attach.request import image_fact
from dagy.core.flows.revisions import KeptRevision
from dagy.core.package.plan import digest
from dagy.model import constants as names
from dagy.model.base import NamespacedName
from dagy.model.flowdeployment import FlowDeploymentSpec, FlowSource
from dagy.model.flowstatus import FlowDeploymentStatus, PinnedPackage, Revision
from dagy_builder.platforms import PYTHON_VERSIONS

PYTHON_PLACEHOLDER = "{python}"


@dataclass(frozen=True)
class FlowSettings:
    """The administrator's settings for runs."""

    image: str
    """Image where the spec names none; `{python}` stands for the Python version."""
    requests: Mapping[str, str] = field(default_factory=dict)
    """Resource requests where the spec has no resources."""


@dataclass(frozen=True)
class FlowPlan:
    """Everything that the object says."""

    key: NamespacedName
    uid: str
    generation: int
    spec: FlowDeploymentSpec
    source: FlowSource
    source_hash: str
    run: str = ""
    """Value of the annotation that asks for a run."""
    refresh: str = ""
    """Value of the annotation that asks for new pins."""
    object_bytes: int = 0
    """Bytes that etcd holds of the object besides its status."""


def flow_plan_of(deployment: Mapping[str, Any]) -> FlowPlan:
    """Read the object. Raises pydantic.ValidationError when the spec isn't one that the CRD would have let in."""
    metadata = deployment["metadata"]
    spec = FlowDeploymentSpec.model_validate(deployment["spec"])
    source = source_of(spec)
    annotations = metadata.get("annotations") or {}
    return FlowPlan(
        key=NamespacedName.of(metadata),
        uid=metadata["uid"],
        generation=metadata.get("generation", 0),
        spec=spec,
        source=source,
        source_hash=digest(source.to_json()),
        run=annotations.get(names.ANNOTATION_RUN, ""),
        refresh=annotations.get(names.REQUEST_REFRESH, ""),
        object_bytes=stored_bytes({name: part for name, part in deployment.items() if name != "status"}),
    )


def flow_status_in(deployment: Mapping[str, Any]) -> FlowDeploymentStatus:
    """Return the present status; an empty one when there is none or when somebody has spoiled it."""
    try:
        return FlowDeploymentStatus.model_validate(deployment.get("status") or {})
    except ValueError:
        return FlowDeploymentStatus()


def stored_bytes(value: Any) -> int:
    """Return an upper bound, in bytes, of its JSON in the API server, which escapes HTML's special characters."""
    text = json.dumps(value)
    return len(text) + 5 * sum(map(text.count, "<>&"))


def source_of(spec: FlowDeploymentSpec) -> FlowSource:
    """Return the fields that make a revision."""
    return FlowSource.model_validate(spec.model_dump(include=set(FlowSource.model_fields)))


def wanted_of(source: FlowSource) -> tuple[PackageRef, ...]:
    """Return the packages that the spec asks for, in order of precedence."""
    parts = [reference.partition("@") for reference in source.dep_package_slugs]
    return tuple(PackageRef(slug, sha256 or None) for slug, _, sha256 in parts)


def request_for(plan: FlowPlan, revision: Revision | None) -> AttachRequest:
    """Return the request to attach: for a new revision as the spec asks, for a kept one with its pins."""
    source = revision.spec if revision else plan.source
    pins = tuple(PackageRef(p.slug, p.sha256) for p in revision.packages) if revision else wanted_of(source)
    return AttachRequest(
        namespace=plan.key.namespace,
        wanted=pins,
        service_account=source.service_account_name or "default",
        images=_images(source),
        flow=Flow(plan.key.name, source.artifact.sha256, source.artifact.size_bytes),
        suppliers=frozenset(source.packages_from or ()),
    )


def _images(source: FlowSource) -> tuple[ImageFact, ...]:
    """Return the facts by the spec and by the image's name: both count, so that neither contradicts a package."""
    told = (image_fact(names.FLOW_CONTAINER, source.image),) if source.image else ()
    if source.python_version is None:
        return told
    stated = ImageFact(source.image or "", source.python_version, "spec.pythonVersion says that the flow has")
    return (stated, *told)


def revision_of(
    plan: FlowPlan, number: int, packages: tuple[PinnedPackage, ...], deployed_at: str, settings: FlowSettings
) -> Revision:
    """Return the revision that deploys the present spec with these artifacts."""
    source = plan.source
    python = source.python_version or (packages[0].python_version if packages else None)
    image = source.image
    if image is None:
        python = python or PYTHON_VERSIONS[-1]
        image = settings.image.replace(PYTHON_PLACEHOLDER, python)
    return Revision(
        revision=number,
        flow_version=source.flow_version,
        deployed_at=deployed_at,
        image=image,
        python_version=python,
        packages=list(packages),
        spec=source,
    )


def is_deployed(plan: FlowPlan, present: KeptRevision | None, handled_refresh: str) -> bool:
    """Return True when the present revision is that of the present spec, and nobody asked for new pins since."""
    if present is None or digest(present.revision.spec.to_json()) != plan.source_hash:
        return False
    return not plan.refresh or plan.refresh in (present.refresh_token, handled_refresh)
