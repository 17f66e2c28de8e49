"""Giving a package its slug, once and for ever, and with it the place of its objects in S3."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from dagy.adapters.packages.artifact_store import ArtifactStore
from dagy.adapters.packages.claims import Claims
from dagy.core.common.failure import Failure
from dagy.core.common.keys import PackageHome
from dagy.core.common.reasons import StateReason
from dagy.core.common.slug import Claim, chosen, is_slug, new_slug, owned
from dagy.model import constants as names
from dagy.model.base import NamespacedName
from dagy_builder.contract import Fault

_MANY = 10_000
_COUNT_SECONDS = 60.0


class Slugs:
    """Finds and makes claims. They alone tell a slug's owner; spec, status and label choose among a package's own."""

    def __init__(self, claims: Claims, store: ArtifactStore, limit: int = _MANY) -> None:
        """`limit`: claims that a namespace may have. They are kept for ever, so making new ones must have an end."""
        self._claims, self._store, self._limit = claims, store, limit
        self._namespaces: dict[str, str] = {}
        self._counts: dict[str, tuple[int, float]] = {}
        """Slugs that a namespace has used, and when they were listed (by the monotonic clock)."""

    async def ensure_home(self, package: Mapping[str, Any]) -> PackageHome | Failure:
        """Return the place of the package's objects; a Failure when it gets no slug.

        The slug is the package's own, one that it asks to have back, or a new one.

        Two operators that do this at the same time may create two claims; both then take the older one, and the other
        slug is never used. Raises KubeError and StorageError.
        """
        key, namespace_uid = _key(package), await self._namespace_uid(package)
        requested, *others = _hints(package)
        claim = await self._present(key, namespace_uid, [requested, *others])
        if claim is None or (requested and claim.slug != requested):
            made = await self._made(package, key, namespace_uid, requested)
            if isinstance(made, Failure):
                return made
            claim = made
        home = self._home_at(claim, package, namespace_uid)
        if not claim.namespace_uid:
            await self._store.mark(home)
            await self._claims.bind(claim, namespace_uid)
        return home

    async def homes(self, package: Mapping[str, Any]) -> list[PackageHome]:
        """Return every place where the package has or had objects. Raises KubeError and StorageError."""
        key, namespace_uid = _key(package), await self._namespace_uid(package)
        mine = [claim for claim in await self._claims.of(key) if owned(claim, key, namespace_uid)]
        if not mine:
            again = await self._lost(package, key, namespace_uid)
            mine = [again] if isinstance(again, Claim) else []
        return [self._home_at(claim, package, namespace_uid) for claim in mine]

    def forget(self, package: Mapping[str, Any]) -> None:
        """Drop all memory of a package that is gone."""
        self._namespaces.pop(package["metadata"]["uid"], None)

    async def _present(self, key: NamespacedName, namespace_uid: str, hints: list[str]) -> Claim | None:
        """Return the claim that counts; one request where a hint names it, as nearly always."""
        named = next(filter(is_slug, hints), None)
        claim = await self._claims.claim(named) if named else None
        if claim and owned(claim, key, namespace_uid):
            return claim
        return chosen(await self._claims.of(key), key, namespace_uid, hints)

    async def _made(
        self, package: Mapping[str, Any], key: NamespacedName, namespace_uid: str, requested: str
    ) -> Claim | Failure:
        if not requested:
            again = await self._lost(package, key, namespace_uid)
            if again:
                return again
        if await self._used(key.namespace) >= self._limit:
            return _too_many(key.namespace, self._limit)
        if requested:
            return await self._claims.create(requested, key, namespace_uid) or _taken(requested)
        claim = None
        while claim is None:
            made = await self._claims.create(new_slug(), key, namespace_uid)
            if made:  # counted in any case: an API server that is behind does not list it yet
                claim = chosen([*await self._claims.of(key), made], key, namespace_uid, ())
        return claim

    async def _used(self, namespace: str) -> int:
        """Return how many slugs the namespace has used, that of the package that asks not among them.

        All who ask within a minute share one count and add themselves: it lists every claim of the namespace. At the
        limit it is made anew, because an administrator may have deleted some.
        """
        counted, at = self._counts.get(namespace, (0, 0.0))
        if not at or time.monotonic() - at > _COUNT_SECONDS or counted >= self._limit:
            counted, at = await self._claims.count(namespace), time.monotonic()
        self._counts[namespace] = (counted + 1, at)
        return counted

    async def _lost(
        self, package: Mapping[str, Any], key: NamespacedName, namespace_uid: str
    ) -> Claim | Failure | None:
        """Return the claim that somebody has deleted, made again; None when the package never had one.

        Status and label are believed when S3 has objects that only this very package can have written there.
        """
        uid = package["metadata"]["uid"]
        for hint in filter(is_slug, _hints(package)[1:]):
            if await self._store.has_traces(key.namespace, hint, uid):
                return await self._claims.create(hint, key, namespace_uid) or _lost_to_another(hint)
        return None

    async def _namespace_uid(self, package: Mapping[str, Any]) -> str:
        """Return the UID of the package's namespace, which is asked for once: a package lives in one all its life."""
        metadata = package["metadata"]
        known = self._namespaces.get(metadata["uid"])
        if known is None:
            known = self._namespaces[metadata["uid"]] = await self._claims.namespace_uid(metadata["namespace"])
        return known

    def _home_at(self, claim: Claim, package: Mapping[str, Any], namespace_uid: str) -> PackageHome:
        mine = owned(claim, _key(package), namespace_uid)
        assert mine
        return PackageHome(self._store.location, mine, package["metadata"]["uid"])


def _key(package: Mapping[str, Any]) -> NamespacedName:
    return NamespacedName.of(package["metadata"])


def _hints(package: Mapping[str, Any]) -> list[str]:
    """Return the slugs that spec, status and label name, in this order; empty texts where they name none."""
    status, labels = package.get("status") or {}, package["metadata"].get("labels") or {}
    return [str(text or "") for text in (package["spec"].get("slug"), status.get("slug"), labels.get(names.LABEL_SLUG))]


def _taken(slug: str) -> Failure:
    return Failure(
        StateReason.SLUG_TAKEN,
        f"spec.slug {slug} is not this package's and is never given to another one, even after its package was "
        "deleted. Remove spec.slug to get a new slug.",
        Fault.USER,
    )


def _lost_to_another(slug: str) -> Failure:
    return Failure(
        StateReason.SLUG_TAKEN,
        f"The claim of this package's slug {slug} was deleted, and another package has the slug by now. Ask an "
        "administrator to give it back, or delete this package and create it again to get a new slug.",
        Fault.USER,
    )


def _too_many(namespace: str, limit: int) -> Failure:
    return Failure(
        StateReason.TOO_MANY_SLUGS,
        f"The packages of namespace {namespace} have used {limit} slugs, and slugs are kept when their packages are "
        "deleted. Use the names of deleted packages again, which get their slugs back, or ask an administrator to "
        "raise DAGY_SLUGS_PER_NAMESPACE or to delete slugclaims that nobody needs any more.",
        Fault.USER,
    )
