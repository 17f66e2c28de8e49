"""What the facts mean: one judgement for each check, with what to do. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from dagy.core.doctor.crds import judge_crds
from dagy.core.doctor.facts import (
    Certificate,
    Facts,
    Index,
    Json,
    Probe,
    ProbeResult,
    Registry,
    Right,
    Storage,
    Unknown,
    Webhook,
    Workload,
)
from dagy.core.doctor.finding import Check, Finding, Verdict, some
from dagy.model import constants as names

_SOON = timedelta(days=14)
_CLOCK_WARNING, _CLOCK_PROBLEM = 30.0, 300.0
"""Seconds; S3 refuses signatures that are off by 15 minutes, and certificates begin an hour before they are made."""
_APPLY = "Apply the manifests of this release"
_PODS = f"`kubectl --namespace {names.SYSTEM_NAMESPACE} get pods` and `describe` say why."


def judge(facts: Facts, wanted_crds: Mapping[str, Json], now: datetime) -> list[Finding]:
    """Return the findings of all checks, in their order. `wanted_crds`: those of this release, by their names."""
    judgements: Mapping[Check, tuple[object, Callable[[Any], Iterable[Finding]]]] = {
        Check.CRDS: (facts.crds, lambda crds: judge_crds(crds, wanted_crds)),
        Check.CONTROL_PLANE: (facts.workloads, judge_workloads),
        Check.RIGHTS: (facts.missing_rights, judge_rights),
        Check.STORAGE: (facts.storage, judge_storage),
        Check.INDEX: (facts.index, judge_index),
        Check.REGISTRY: (facts.registry, judge_registry),
        Check.WEBHOOK: (facts.webhook, lambda webhook: judge_webhook(webhook, facts.probe)),
        Check.CERTIFICATES: (facts.certificates, lambda certificates: judge_certificates(certificates, now)),
        Check.NETWORK_POLICY: (facts.walls, judge_walls),
        Check.CLOCK: (facts.clock, judge_clock),
    }
    return [
        finding
        for check, (fact, judgement) in judgements.items()
        for finding in ([Finding(check, Verdict.UNKNOWN, fact.why)] if isinstance(fact, Unknown) else judgement(fact))
    ]


def is_well(findings: Iterable[Finding]) -> bool:
    """Return True when none of them is a problem."""
    return all(finding.verdict is not Verdict.PROBLEM for finding in findings)


def judge_workloads(workloads: Mapping[str, Workload | None]) -> Iterator[Finding]:
    """There, whole, and of one release."""
    well = True
    for name, found in workloads.items():
        if found is None:
            well = False
            message = f"There is no Deployment {name} in namespace {names.SYSTEM_NAMESPACE}."
            yield Finding(Check.CONTROL_PLANE, Verdict.PROBLEM, message, f"{_APPLY}.")
        elif found.ready < found.wanted or not found.wanted:
            well = False
            verdict = Verdict.WARNING if found.ready else Verdict.PROBLEM
            message = f"Of Deployment {name}, {found.ready} of {found.wanted} pods are ready."
            yield Finding(Check.CONTROL_PLANE, verdict, message, _PODS)
    images = sorted({image for found in workloads.values() if found for image in found.images})
    if len(images) > 1:
        well = False
        message = f"The control plane has several images: {some(images)}."
        yield Finding(Check.CONTROL_PLANE, Verdict.WARNING, message, f"{_APPLY}, or wait for the end of the roll-out.")
    if well:
        yield Finding(Check.CONTROL_PLANE, Verdict.OK, f"Operator, API and webhook are ready ({some(images)}).")


def judge_rights(missing: tuple[Right, ...]) -> Iterator[Finding]:
    """Everything that the service accounts need is allowed."""
    for account in sorted({right.account for right in missing}):
        lacking = [str(right) for right in missing if right.account == account]
        message = f"Service account {names.SYSTEM_NAMESPACE}/{account} may not {some(lacking)}."
        action = f"{_APPLY}; where namespaces are served one by one, manifests/namespace in each of them."
        yield Finding(Check.RIGHTS, Verdict.PROBLEM, message, action)
    if not missing:
        yield Finding(Check.RIGHTS, Verdict.OK, "The service accounts may do what they have to.")


def judge_storage(storage: Storage) -> Iterator[Finding]:
    """Reachable, writable, and true to conditions."""
    if storage.error:
        yield Finding(
            Check.STORAGE,
            Verdict.PROBLEM,
            storage.error,
            "Until that is mended nothing is built, and pods get no packages.",
        )
    elif storage.conditional is False:
        yield Finding(
            Check.STORAGE,
            Verdict.PROBLEM,
            f"The store of bucket {storage.bucket} takes no notice of `If-None-Match: *`: of two writers of one name "
            "the later one wins, and an artifact could change.",
            "Use a store, or a release of it, that has conditional writes.",
        )
    else:
        yield Finding(Check.STORAGE, Verdict.OK, f"Bucket {storage.bucket} can be written, read and cleared.")


def judge_index(index: Index | None) -> Iterator[Finding]:
    """It answers the API; Jobs reach it from another namespace."""
    if index is None:
        yield Finding(Check.INDEX, Verdict.OK, "Searching is switched off, so the API asks no index.")
    elif index.error:
        action = (
            "Correct DAGY_INDEX_URL, its credentials or the proxy (docs/indexes.md), or open the network policy for it."
        )
        yield Finding(Check.INDEX, Verdict.PROBLEM, index.error, action)
    else:
        yield Finding(Check.INDEX, Verdict.OK, f"The package index {index.url} answers the API.")


def judge_registry(registry: Registry) -> Iterator[Finding]:
    """What is pushed is what is mounted: the two are settings of two processes."""
    pushed, mounted = registry.pushed, registry.mounted
    if pushed == mounted:
        told = (
            f"Builds push images below {pushed}, and pods mount them" if pushed else "There is no registry for images"
        )
        yield Finding(Check.REGISTRY, Verdict.OK, f"{told}.")
        return
    knows = f"looks for them below {mounted}" if mounted else "knows no registry"
    message = (
        f"Builds push images below {pushed}, but the webhook {knows}"
        if pushed
        else (f"The webhook looks for images below {mounted}, but builds push none")
    )
    action = "Set DAGY_OCI_REPOSITORY to the same in the ConfigMaps dagy-operator and dagy-webhook (docs/images.md)."
    yield Finding(Check.REGISTRY, Verdict.WARNING, f"{message}, so no pod mounts any.", action)


def judge_webhook(webhook: Webhook | None, probe: ProbeResult | Unknown) -> Iterator[Finding]:
    """It is configured, and the API server reaches it."""
    if webhook is None:
        message = (
            f"There is no MutatingWebhookConfiguration {names.ATTACH_CONTAINER}: pods start without their packages."
        )
        yield Finding(Check.WEBHOOK, Verdict.PROBLEM, message, f"{_APPLY}.")
        return
    if not webhook.trusted:
        message = "The webhook's configuration does not say by which authority it is known (caBundle)."
        yield Finding(Check.WEBHOOK, Verdict.PROBLEM, message, "Read the log of dagy-webhook, which writes it.")
    if webhook.failure_policy != "Fail":
        message = (
            f"failurePolicy of the webhook is {webhook.failure_policy}: while it is away, pods start without packages."
        )
        yield Finding(Check.WEBHOOK, Verdict.WARNING, message, "Set it to Fail.")
    if isinstance(probe, Unknown):
        yield Finding(Check.WEBHOOK, Verdict.UNKNOWN, probe.why)
        return
    match probe.probe:
        case Probe.REFUSED:
            yield Finding(Check.WEBHOOK, Verdict.OK, "The webhook answers the API server.")
        case Probe.ADMITTED:
            message = "A pod that asks for a package that does not exist would be created: the webhook is not asked."
            action = "Look at rules, namespaceSelector and matchConditions of its configuration, or apply it anew."
            yield Finding(Check.WEBHOOK, Verdict.PROBLEM, message, action)
        case Probe.UNREACHABLE:
            message = f"The API server does not reach the webhook: {probe.said}"
            action = f"{_PODS} Else a NetworkPolicy or a firewall between API server and port 9443 of its pods."
            yield Finding(Check.WEBHOOK, Verdict.PROBLEM, message, action)
        case Probe.UNAVAILABLE:
            message = f"The webhook can't find out about packages: {probe.said}"
            yield Finding(Check.WEBHOOK, Verdict.PROBLEM, message, "Read the log of dagy-webhook.")


def judge_certificates(certificates: tuple[Certificate, ...], now: datetime) -> Iterator[Finding]:
    """None has ended, or is about to."""
    for one in certificates:
        left = one.ends - now
        if left > _SOON:
            continue
        over = left <= timedelta(0)
        when = "has ended" if over else f"ends in {left.days} days"
        action = f"It should have been replaced: read the log of {one.server}, or ask cert-manager for its Certificate."
        message = f"The certificate that {one.server} serves {when} ({one.ends:%Y-%m-%d %H:%M} UTC)."
        yield Finding(Check.CERTIFICATES, Verdict.PROBLEM if over else Verdict.WARNING, message, action)
    if certificates and all(one.ends - now > _SOON for one in certificates):
        first = min(one.ends for one in certificates)
        yield Finding(Check.CERTIFICATES, Verdict.OK, f"No certificate ends before {first:%Y-%m-%d}.")


def judge_walls(refused: bool) -> Iterator[Finding]:
    """NetworkPolicies hold: builds run code of strangers behind them."""
    if refused:
        yield Finding(Check.NETWORK_POLICY, Verdict.OK, "The network plugin enforces NetworkPolicies.")
        return
    yield Finding(
        Check.NETWORK_POLICY,
        Verdict.PROBLEM,
        "A connection from the operator to another pod was possible that NetworkPolicy dagy-system forbids: nothing "
        "enforces network policies here.",
        "Use a network plugin that does. Until then source distributions are not built (NotIsolated), and "
        "every pod can reach the webhook and the metrics.",
    )


def judge_clock(ahead: float) -> Iterator[Finding]:
    """Clocks agree: S3's signatures and certificates rest on them."""
    off = abs(ahead)
    if off < _CLOCK_WARNING:
        yield Finding(Check.CLOCK, Verdict.OK, "The clocks of the operator's node and of S3 agree.")
        return
    way = "ahead of" if ahead > 0 else "behind"
    verdict = Verdict.PROBLEM if off >= _CLOCK_PROBLEM else Verdict.WARNING
    message = f"The clock of the operator's node is {off:.0f} s {way} that of S3."
    yield Finding(Check.CLOCK, verdict, message, "Have NTP set the nodes' clocks: S3 refuses what is 15 minutes off.")
