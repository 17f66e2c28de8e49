"""Hosts that packages may name, in spec.index and after "name @": the administrator decides, within reason. Pure.

It bounds the texts of a package, not the links of an index that is allowed: its pages and redirects are its own
business, and the NetworkPolicy's.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement

from dagy.core.common.failure import Failure
from dagy.core.common.reasons import StateReason
from dagy.core.package.plan import BuildPlan
from dagy.model.spec import Index
from dagy_builder.contract import Fault
from dagy_builder.url import IndexUrl


@dataclass(frozen=True)
class HostRules:
    """The administrator's rules for hosts of indexes and files."""

    hosts: tuple[str, ...] = ()
    """Host names; one that begins with "." stands for all names below it. Empty: any."""
    http: bool = False
    """True when indexes without TLS may be asked."""


def refused_host(plan: BuildPlan, rules: HostRules) -> Failure | None:
    """Return the failure of the first URL of a package that can't be used here; None when all can.

    A text that can't be read as a URL is left to the validation, which says so.
    """
    for place, text in _named(plan):
        with suppress(ValueError):
            url = IndexUrl(text)
            if why := _why_not(url, rules):
                return Failure(StateReason.INDEX_HOST_NOT_ALLOWED, f"{place} names {url.host}, {why}", Fault.USER)
    return None


def _named(plan: BuildPlan) -> Iterator[tuple[str, str]]:
    index = plan.spec.index or Index()
    if index.url:
        yield "spec.index.url", index.url
    for url in index.extra_urls:
        yield "spec.index.extraUrls", url
    for text in plan.normalized.dependencies:
        if " @ " in text:
            with suppress(InvalidRequirement):
                requirement = Requirement(text)
                yield f"The requirement {requirement.name} @ ...", requirement.url or ""


def _why_not(url: IndexUrl, rules: HostRules) -> str | None:
    if _is_pods_own(url.host):
        return "which is the build's own pod or its node, not a server of packages. Name the index as others reach it."
    if url.scheme == "http" and not rules.http:
        return (
            "without TLS (http://), so whoever is on the way could replace packages. Write https://, or let the "
            "cluster's administrator allow http:// (DAGY_ALLOW_HTTP_INDEXES)."
        )
    if rules.hosts and not any(_covers(rule.lower(), url.host) for rule in rules.hosts):
        return (
            f"and packages may come from {', '.join(rules.hosts)} alone here. Use one of these, or ask the cluster's "
            "administrator to add the host (DAGY_ALLOWED_HOSTS)."
        )
    return None


def _covers(rule: str, host: str) -> bool:
    return host.endswith(rule) if rule.startswith(".") else host == rule


def _is_pods_own(host: str) -> bool:
    if host.rstrip(".") == "localhost" or host.rstrip(".").endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    meant = mapped or address
    return meant.is_loopback or meant.is_link_local or meant.is_unspecified or meant.is_multicast
