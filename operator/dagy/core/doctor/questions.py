"""What the doctor asks: which rights, which pod, and how the answers are read. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from dagy.core.common.timestamp import moment
from dagy.core.doctor.facts import Certificate, Index, Probe, ProbeResult, Right, Storage, Unknown
from dagy.model import constants as names
from dagy_builder.redact import one_line

OPERATOR, API, WEBHOOK = "dagy-operator", "dagy-api", "dagy-webhook"
CONTROL_PLANE = (OPERATOR, API, WEBHOOK)
_WEBHOOK_NAME = "pods.dagy.io"
_NO_SUCH_SLUG = "DOCTOR00"
_CHARACTERS = 600
_BEGINNING = datetime.min.year
ADMITTED = ProbeResult(Probe.ADMITTED)
"""What it means when the API server would have created that pod."""


def needed_rights(namespaces: Iterable[str], builds: str, *, by_label: bool = False) -> list[Right]:
    """Return what the service accounts need first of all.

    `namespaces`: those that are served; all when empty. `by_label`: whether labels tell which ones of all are served.
    """
    group = names.GROUP
    served = tuple(namespaces) or ("",)
    kinds = (names.DEPPACKAGE_PLURAL, names.FLOWDEPLOYMENT_PLURAL)
    return [
        *(
            Right(OPERATOR, verb, group, kind, where)
            for where in served
            for kind in kinds
            for verb in ("list", "watch", "patch")
        ),
        *(Right(OPERATOR, "patch", group, f"{kind}/status", where) for where in served for kind in kinds),
        *(Right(OPERATOR, "create", "batch", "jobs", where) for where in served),
        Right(OPERATOR, "create", group, names.SLUGCLAIM_PLURAL),
        *(Right(OPERATOR, verb, "", "namespaces") for verb in ("list", "watch") if by_label),
        *(Right(OPERATOR, verb, "batch", "jobs", builds) for verb in ("list", "watch", "create", "delete")),
        *(Right(OPERATOR, verb, "", "pods", builds) for verb in ("list", "watch")),
        Right(OPERATOR, "get", "", "pods/log", builds),
        Right(OPERATOR, "create", "", "configmaps", builds),
        Right(API, "create", "authentication.k8s.io", "tokenreviews"),
        Right(API, "create", "authorization.k8s.io", "subjectaccessreviews"),
        *(Right(WEBHOOK, "get", group, names.DEPPACKAGE_PLURAL, where) for where in served),
        Right(WEBHOOK, "get", group, names.SLUGCLAIM_PLURAL),
        Right(WEBHOOK, "list", "", "nodes"),
    ]


def review_of(right: Right) -> dict[str, Any]:
    """Return the SubjectAccessReview that asks for a right."""
    resource, _, part = right.resource.partition("/")
    attributes = {"verb": right.verb, "group": right.group, "resource": resource, "namespace": right.namespace}
    user = f"system:serviceaccount:{names.SYSTEM_NAMESPACE}:{right.account}"
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{names.SYSTEM_NAMESPACE}", "system:authenticated"]
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": user,
            "groups": groups,
            "resourceAttributes": {**attributes, **({"subresource": part} if part else {})},
        },
    }


def probe_pod() -> dict[str, Any]:
    """Return a pod that asks for a package that there is not; it keeps to every Pod Security Standard."""
    walls = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    secure = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "dagy-doctor-", "annotations": {names.ATTACH_PACKAGES: _NO_SUCH_SLUG}},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": secure,
            "containers": [{"name": "none", "image": "none", "securityContext": walls}],
        },
    }


def probe_result(status: int, said: str) -> ProbeResult | Unknown:
    """Return what the API server's refusal of that pod tells."""
    words = one_line(said, _CHARACTERS)
    by_webhook = f'admission webhook "{_WEBHOOK_NAME}" denied the request'
    if by_webhook in said:
        waits = "can't be attached now" in said
        return ProbeResult(Probe.UNAVAILABLE if waits else Probe.REFUSED, words)
    if "failed calling webhook" in said and _WEBHOOK_NAME in said:
        return ProbeResult(Probe.UNREACHABLE, words)
    if status == 403:
        return Unknown(f"You may not create pods there, so the webhook was not asked: {words}")
    return Unknown(f"The API server refused the pod that was to be tried: {words}")


def storage_in(told: Mapping[str, Any]) -> Storage | Unknown:
    """Return what the inspection in the operator's pod found of S3."""
    found = told.get("storage")
    if not isinstance(found, Mapping):
        return Unknown(_untold("whether the bucket can be used"))
    conditional = found.get("conditional")
    text = {key: one_line(str(found.get(key) or ""), _CHARACTERS) for key in ("bucket", "error")}
    return Storage(text["bucket"], text["error"], conditional if isinstance(conditional, bool) else None)


def clock_in(told: Mapping[str, Any]) -> float | Unknown:
    """Return what it found of the clocks."""
    ahead = told.get("clock")
    if isinstance(ahead, int | float) and not isinstance(ahead, bool):
        return float(ahead)
    return Unknown(_untold("whether the clocks agree"))


def walls_in(told: Mapping[str, Any]) -> bool | Unknown:
    """Return what it found of the network policies."""
    refused = told.get("walls")
    return refused if isinstance(refused, bool) else Unknown(_untold("whether network policies are enforced"))


def index_in(told: Mapping[str, Any]) -> Index | Unknown | None:
    """Return what the inspection in the API's pod found of the index."""
    if "index" in told and told["index"] is None:
        return None
    found = told.get("index")
    if not isinstance(found, Mapping):
        return Unknown(_untold("whether the package index answers"))
    return Index(*(one_line(str(found.get(key) or ""), _CHARACTERS) for key in ("url", "error")))


def certificate_in(server: str, told: Mapping[str, Any]) -> Certificate | Unknown:
    """Return the end of the certificate that a pod of this Deployment serves."""
    ends = moment(str(told.get("certificate") or ""))
    return (
        Unknown(_untold(f"which certificate {server} serves")) if ends.year == _BEGINNING else Certificate(server, ends)
    )


def _untold(what: str) -> str:
    return f"It was not told {what}: the pod that was asked is of an earlier release, or did not answer."
