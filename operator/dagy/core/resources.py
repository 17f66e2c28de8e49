"""Kubernetes resources of a build's containers. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from dagy.model.spec import Resources

_FACTORS = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    "k": Decimal(1000),
    "M": Decimal(1000) ** 2,
    "G": Decimal(1000) ** 3,
    "T": Decimal(1000) ** 4,
    "Ki": Decimal(1024),
    "Mi": Decimal(1024) ** 2,
    "Gi": Decimal(1024) ** 3,
    "Ti": Decimal(1024) ** 4,
}
_QUANTITY = re.compile(r"([0-9.]+)([A-Za-z]*)")


def trusted_resources(asked: Resources | None, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Resources of a container that runs no package code: what the package asks for, or else the defaults, whole."""
    return asked.to_json() if asked else dict(defaults)


def bounded_resources(
    asked: Resources | None, defaults: Mapping[str, Any], bounds: Mapping[str, str]
) -> dict[str, Any]:
    """Resources of a container that runs package code: there is a limit for everything.

    Each limit is the package's own, or else the default, or else that of `bounds`; a request above it raises it, as
    Kubernetes wants it.
    """
    given = trusted_resources(asked, defaults)
    usual_requests, usual_limits = defaults.get("requests", {}), defaults.get("limits", {})
    requests, limits = dict(given.get("requests", {})), dict(given.get("limits", {}))
    for name, bound in {**bounds, **usual_limits}.items():
        if name in limits:
            continue
        # Named, because Kubernetes takes an absent request for one of the whole limit.
        request = requests.setdefault(name, usual_requests.get(name, "0"))
        limits[name] = max(bound, request, key=amount)
    return {"requests": requests, "limits": limits}


def amount(quantity: str) -> Decimal:
    """A quantity of Kubernetes' (resource.Quantity) as a number. Raises ValueError."""
    match = _QUANTITY.fullmatch(quantity)
    if match is None or match[2] not in _FACTORS:
        raise ValueError(f"{quantity!r} is no quantity: write it as in Kubernetes, for example 500m or 2Gi.")
    return Decimal(match[1]) * _FACTORS[match[2]]
