"""Settings that are parts of a pod: JSON in a variable, read once into values that Kubernetes takes."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from dagy.adapters.settings.environment import EnvironmentSettings, listed
from dagy.core.jobs.build_pods import BuildPods
from dagy.core.jobs.kueue import QUEUE_LABEL
from dagy.core.jobs.pod_security import skip_workload_identity
from dagy.model import constants as names

_PART = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_DOMAIN = r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?"
_KEY = re.compile(rf"({_DOMAIN}/)?{_PART}")
_VALUE = re.compile(rf"({_PART})?")
_NAME = re.compile(_DOMAIN)
_OWN_DOMAINS = {names.GROUP, "batch.kubernetes.io"}
_OWN = {names.LABEL_MANAGED_BY, QUEUE_LABEL, "job-name", "controller-uid", *skip_workload_identity(())}


def _json(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"this is not JSON ({error})") from None


def _keys(values: dict[str, str]) -> dict[str, str]:
    for key in values:
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} is no name of a label or annotation of Kubernetes")
    return values


def _labels(values: dict[str, str]) -> dict[str, str]:
    for key, value in _keys(values).items():
        if not _VALUE.fullmatch(value):
            raise ValueError(f"{value!r} is no value of a label of Kubernetes (that of {key})")
    return values


def _foreign(values: dict[str, str]) -> dict[str, str]:
    """What the operator finds its Jobs by, and by whom they run, is its own."""
    for key in values:
        domain = key.partition("/")[0]
        if domain in _OWN_DOMAINS or domain.endswith(f".{names.GROUP}") or key in _OWN:
            raise ValueError(f"{key} is set by the operator or by Kubernetes")
    return values


def _name(text: str) -> str:
    if text and not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is no name of an object of Kubernetes")
    return text


def _names(text: str) -> str:
    return ",".join(map(_name, listed(text)))


class Toleration(BaseModel):
    """A toleration, as in a pod's spec."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    key: Annotated[str | None, Field(pattern=rf"^{_KEY.pattern}$")] = None
    operator: Literal["Exists", "Equal"] = "Equal"
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    toleration_seconds: int | None = None

    @model_validator(mode="after")
    def _as_kubernetes_wants_it(self) -> Self:
        if self.operator == "Exists" and self.value is not None:
            raise ValueError("a toleration with the operator Exists has no value")
        if self.key is None and self.operator != "Exists":
            raise ValueError("a toleration without a key needs the operator Exists")
        if self.toleration_seconds is not None and self.effect != "NoExecute":
            raise ValueError("tolerationSeconds needs the effect NoExecute")
        return self

    def manifest(self) -> dict[str, Any]:
        """As the pod's spec has it."""
        return self.model_dump(by_alias=True, exclude_none=True)


Labels = Annotated[dict[str, str], BeforeValidator(_json), AfterValidator(_labels)]
ForeignLabels = Annotated[Labels, AfterValidator(_foreign)]
ForeignAnnotations = Annotated[dict[str, str], BeforeValidator(_json), AfterValidator(_keys), AfterValidator(_foreign)]
Tolerations = Annotated[list[Toleration], BeforeValidator(_json)]
Name = Annotated[str, AfterValidator(_name)]
"""One name of an object, or none."""
Names = Annotated[str, AfterValidator(_names)]
"""Names with commas between them."""


class BuildPodSettings(EnvironmentSettings):
    """The operator's settings of the pods of Jobs."""

    build_node_selector: Labels = {}
    """Labels of the nodes that Jobs may run on, as a JSON object: `{"disk": "ssd"}`."""
    build_tolerations: Tolerations = []
    """Tolerations of the pods of Jobs, as a JSON list of Kubernetes' own form: `[{"key": "builds", "operator": "Exists"}]`."""  # noqa: E501
    build_image_pull_secrets: Names = ""
    """Comma-separated Secrets of the build namespace with which the nodes pull the builder image."""
    build_labels: ForeignLabels = {}
    """Labels of Jobs and their pods beside the operator's own, as a JSON object."""
    build_annotations: ForeignAnnotations = {}
    """Annotations of the same, as a JSON object: `{"sidecar.istio.io/inject": "false"}`."""
    build_priority_class: Name = ""
    """PriorityClass of the pods of Jobs; the cluster's default when empty."""
    build_runtime_class: Name = ""
    """RuntimeClass of the pods of Jobs, such as gVisor's or Kata's; the nodes' default when empty."""
    build_user_namespace: bool = False
    """Whether the pods of Jobs have a user namespace of their own (`hostUsers: false`), so that no user in them is one of the node. It needs Kubernetes 1.33, Linux 6.3, and a runtime that can do it."""  # noqa: E501

    def build_pods(self) -> BuildPods:
        """What the pods of Jobs get beside what the operator sets."""
        return BuildPods(
            node_selector=self.build_node_selector,
            tolerations=tuple(toleration.manifest() for toleration in self.build_tolerations),
            image_pull_secrets=listed(self.build_image_pull_secrets),
            labels=self.build_labels,
            annotations=self.build_annotations,
            priority_class=self.build_priority_class,
            runtime_class=self.build_runtime_class,
            user_namespace=self.build_user_namespace,
        )
