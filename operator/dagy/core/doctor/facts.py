"""Facts about an installation, as they were gathered. What could not be found out is Unknown, with the cause. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from typing_extensions import override

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Unknown:
    """Something that could not be found out."""

    why: str


@dataclass(frozen=True)
class Workload:
    """A Deployment of the control plane. None: there is none of that name."""

    name: str
    wanted: int
    ready: int
    images: tuple[str, ...]


@dataclass(frozen=True)
class Right:
    """Something that a service account of the control plane has to be allowed. `namespace`: empty for all."""

    account: str
    verb: str
    group: str
    resource: str
    namespace: str = ""

    @override
    def __str__(self) -> str:
        where = f"in namespace {self.namespace}" if self.namespace else "in all namespaces"
        return f"{self.verb} {self.resource}{f'.{self.group}' if self.group else ''} {where}"


class Probe(StrEnum):
    """What became of a pod that asks for a package that there is not, and that was not to be created in any case."""

    REFUSED = "refused"
    """As it should: the webhook has looked, and said why."""
    ADMITTED = "admitted"
    UNREACHABLE = "unreachable"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True)
class ProbeResult:
    """The probe's end, and what the API server said."""

    probe: Probe
    said: str = ""


@dataclass(frozen=True)
class Webhook:
    """The webhook's configuration. `trusted`: whether it says by which authority the webhook is known."""

    trusted: bool
    failure_policy: str


@dataclass(frozen=True)
class Certificate:
    """A certificate that is served by a pod of this Deployment."""

    server: str
    ends: datetime


@dataclass(frozen=True)
class Storage:
    """The bucket, as the operator can use it. `error`: S3's, as a sentence; empty when all went well.

    `conditional`: whether the store keeps to conditions of a write; None when it did not come to that.
    """

    bucket: str
    error: str = ""
    conditional: bool | None = None


@dataclass(frozen=True)
class Index:
    """The package index, as the API reaches it. `error`: a sentence; empty when it answered."""

    url: str
    error: str = ""


@dataclass(frozen=True)
class Registry:
    """Below which repository builds push images, and below which the webhook mounts them; empty for none."""

    pushed: str = ""
    mounted: str = ""


@dataclass(frozen=True)
class Facts:
    """All of them."""

    crds: Mapping[str, Json | None] | Unknown
    """By their names, as the cluster has them."""
    workloads: Mapping[str, Workload | None] | Unknown
    missing_rights: tuple[Right, ...] | Unknown
    webhook: Webhook | Unknown | None
    probe: ProbeResult | Unknown
    certificates: tuple[Certificate, ...] | Unknown
    storage: Storage | Unknown
    clock: float | Unknown
    """Seconds by which the operator's clock is ahead of S3's."""
    index: Index | Unknown | None
    """None where the API searches none."""
    registry: Registry | Unknown
    walls: bool | Unknown
    """Whether a connection that a NetworkPolicy forbids was refused."""
