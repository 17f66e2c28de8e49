"""Which packages of a list of all need no look: told from three lists in place of three requests for each package.

Nothing is done here. A package of which anything is left to do or to tell is looked at, and that look asks again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dagy.adapters.packages.claims import Claims
from dagy.core.common.keys import Location, PackageHome
from dagy.core.common.slug import Claim, is_slug, owned
from dagy.core.jobs.orphans import OwnedJob
from dagy.core.package.status_cache import AtRest, at_rest
from dagy.model.base import NamespacedName


@dataclass(frozen=True)
class Lists:
    """What was there just before packages were listed."""

    location: Location
    claims: Mapping[str, Claim] = field(default_factory=dict)
    namespaces: Mapping[str, str] = field(default_factory=dict)
    """UIDs of the namespaces that have claims, as they are now."""
    busy: frozenset[NamespacedName | str] = frozenset()
    """Keys and UIDs of packages that have Jobs."""

    def resting(self, package: Mapping[str, Any], now: datetime) -> AtRest | None:
        """Return how the package stands; None when it needs a look."""
        metadata = package["metadata"]
        key, slug = NamespacedName.of(metadata), str((package.get("status") or {}).get("slug") or "")
        claim = self.claims.get(slug) if is_slug(slug) else None
        mine = owned(claim, key, self.namespaces.get(key.namespace, "")) if claim and claim.namespace_uid else None
        if mine is None or key in self.busy or metadata["uid"] in self.busy:
            return None
        return at_rest(package, PackageHome(self.location, mine, metadata["uid"]), now)


async def gathered(claims: Claims, jobs: list[OwnedJob], served: Collection[str] | None, location: Location) -> Lists:
    """Return the lists. `served`: the namespaces; None for all. Raises KubeError."""
    found = await claims.all(served)
    named = sorted({claim.key.namespace for claim in found.values()})
    uids = await asyncio.gather(*map(claims.namespace_uid, named))
    busy = frozenset({job.package for job in jobs} | {job.package_uid for job in jobs if job.package_uid})
    return Lists(location, found, dict(zip(named, uids, strict=True)), busy)
