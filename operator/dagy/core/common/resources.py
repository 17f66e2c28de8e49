"""Kubernetes resources of a build's containers. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from dagy.core.common.failure import Failure
from dagy.core.common.reasons import StateReason
from dagy.model.spec import Resources
from dagy_builder.contract import Fault

_SUFFIXES = ("n", "u", "m", "", "k", "M", "G", "T", "P", "E")
_DECIMAL = {suffix: Decimal(1000) ** power for power, suffix in enumerate(_SUFFIXES, -3)}
_BINARY = {f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", 1)}
_FACTORS = _DECIMAL | _BINARY
_QUANTITY = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?)([A-Za-z]*)")


def trusted_resources(asked: Resources | None, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Resources of a container that runs no package code: each the package's own, or else the default.

    A default gives way to the package's own values, because Kubernetes takes no request above its limit.
    """
    given = asked.to_json() if asked else {}
    requests = {**defaults.get("requests", {}), **given.get("requests", {})}
    limits = {**defaults.get("limits", {}), **given.get("limits", {})}
    for name in requests.keys() & limits.keys():
        if name in given.get("limits", {}):
            requests[name] = min(requests[name], limits[name], key=amount)
        else:
            limits[name] = max(requests[name], limits[name], key=amount)
    return {"requests": requests, "limits": limits}


def not_allowed(asked: Resources | None, maxima: Mapping[str, str]) -> Failure | None:
    """Return the failure of a package that asks for more resources than it may have; None when it may have them."""
    given = asked.to_json() if asked else {}
    for part in ("requests", "limits"):
        for name, wanted in given.get(part, {}).items():
            if name in maxima and amount(wanted) > amount(maxima[name]):
                return _refused(f"{part}.{name} is {wanted}, and the administrator allows {maxima[name]} at most")
            limit = given.get("limits", {}).get(name, wanted)
            if amount(wanted) > amount(limit):
                return _refused(f"requests.{name} is {wanted}, which is above limits.{name}, {limit}")
    return None


def _refused(why: str) -> Failure:
    message = f"spec.build.resources.{why}. Lower it, or leave it out to have the default."
    return Failure(StateReason.RESOURCES_NOT_ALLOWED, message, Fault.USER)


def bounded_resources(
    asked: Resources | None, defaults: Mapping[str, Any], source_build_limits: Mapping[str, str]
) -> dict[str, Any]:
    """Resources of a container that runs package code: there is a limit for everything.

    Each limit is the package's own, or else the default, or else that of `source_build_limits`; a request above it
    raises it, as Kubernetes wants it.
    """
    given = trusted_resources(asked, defaults)
    requests, limits = given["requests"], given["limits"]
    for name, bound in source_build_limits.items():
        if name in limits:
            continue
        # Named, because Kubernetes takes an absent request for one of the whole limit.
        request = requests.setdefault(name, "0")
        limits[name] = max(bound, request, key=amount)
    return given


def amount(quantity: str) -> Decimal:
    """A quantity of Kubernetes' (resource.Quantity) as a number. Raises ValueError."""
    match = _QUANTITY.fullmatch(quantity)
    factor = _FACTORS.get(match[2]) if match else None
    if match is None or factor is None:
        raise ValueError(f"{quantity!r} is no quantity: write it as in Kubernetes, for example 500m or 2Gi.")
    return Decimal(match[1]) * factor
