"""Giving a package its slug, once and for ever."""

from __future__ import annotations

from typing import Any

from dagy.adapters.cluster import Cluster
from dagy.core.failure import Failure
from dagy.core.plan import Key
from dagy.core.reasons import StateReason
from dagy.core.slug import new_slug
from dagy_builder.contract import Fault


async def slug_of(cluster: Cluster, package: dict[str, Any]) -> str | Failure:
    """The package's slug: the one in status, the one it asks to have back, the one it had before, or a new one.

    Two operators that do this at the same time may create two claims; both then take the older one, and the other slug
    is never used.
    """
    metadata = package["metadata"]
    key = Key(metadata["namespace"], metadata["name"])
    known = (package.get("status") or {}).get("slug")
    if known:
        return str(known)
    wanted = package["spec"].get("slug")
    if wanted:
        return await _restore(cluster, str(wanted), key)
    earlier = await cluster.claims_of(key)
    while not earlier:
        if await cluster.create_claim(new_slug(), key):
            earlier = await cluster.claims_of(key)
    return earlier[0]


async def _restore(cluster: Cluster, slug: str, key: Key) -> str | Failure:
    if await cluster.create_claim(slug, key):
        return slug
    owner = await cluster.claim(slug)
    if owner == key:
        return slug
    return Failure(
        StateReason.SLUG_TAKEN,
        f"spec.slug {slug} belongs to the package {owner} and is never given to another one, even after that was "
        "deleted. Remove spec.slug to get a new slug.",
        Fault.USER,
    )
