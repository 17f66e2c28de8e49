"""Lookup, in cluster and bucket, of the packages that a pod asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from dagy.adapters.kube.api import KubeApi, deppackage_path
from dagy.adapters.kube.reviews import may_get
from dagy.adapters.packages.bounded_cache import WeighedCache
from dagy.adapters.packages.claims import Claims
from dagy.core.attach import refusals
from dagy.core.attach.contents import MAX_FILES, MAX_LOCK_BYTES, ContentsError, FileComparison, versions_of_lock
from dagy.core.attach.pin import (
    Attachment,
    AttachRequest,
    Contents,
    PackageRef,
    Pinned,
    Refusal,
    ResolvedPackage,
    conflicts,
    pin,
)
from dagy.core.attach.request import suppliers_in
from dagy.core.common.keys import Location, ObjectKey, PackageHome
from dagy.model import constants as names
from dagy.model.base import NamespacedName
from dagy_builder.sizes import human_size

if TYPE_CHECKING:
    from dagy_builder.storage.store import ObjectStore

_VERSIONS_BYTES, _DIFFERENCES_BYTES = 16 << 20, 8 << 20
_SMALL_FILES = 50_000
_ENTRY_BYTES = 200
"""Bytes that a dictionary's entry takes beside its texts."""
_Compared: TypeAlias = tuple[Contents, ...] | str
"""Contents of each package, or the reason that there are none: never the error itself, which holds all it has read."""


class AttachLookup:
    """Reads packages with `api`'s rights, and locks and lists of files from `objects`, where that is needed."""

    def __init__(self, api: KubeApi, location: Location, objects: ObjectStore | None = None) -> None:
        self._api, self._claims, self._location, self._objects = api, Claims(api), location, objects
        # By the key that is read, never by the words of a status about it.
        self._versions: WeighedCache[ObjectKey, dict[str, str]] = WeighedCache(_VERSIONS_BYTES)
        self._compared: WeighedCache[tuple[ObjectKey, ...], _Compared] = WeighedCache(_DIFFERENCES_BYTES)
        self._small, self._large = asyncio.Lock(), asyncio.Lock()
        """One comparison of each kind at a time: they take memory, and those of ordinary size wait for no others."""

    async def plan(
        self, request: AttachRequest | Refusal, *, only_current: bool = False, compare: bool = True
    ) -> Attachment | Refusal:
        """Do everything from the slugs to the attachment, in the one order for webhook, API and FlowDeployments.

        `only_current` as of `pin`; without `compare` the packages' contents are not looked at, for packages that are
        attached already. Raises KubeError, StorageError, and aiohttp's or OS errors.
        """
        if isinstance(request, Refusal):
            return request
        pinned = pin(request, await self._packages(request), only_current=only_current)
        if isinstance(pinned, Refusal) or not compare:
            return pinned
        return await self.conflicts(pinned.packages) or pinned

    async def _packages(self, request: AttachRequest) -> dict[str, ResolvedPackage]:
        """Return, by slug, the packages that exist and that the pod's namespace or service account may use.

        When there are more than a pod may have, none is looked up.
        """
        if len(request.wanted) > names.MAX_ATTACHED_PACKAGES:
            return {}
        found = await asyncio.gather(*(self._package(wanted, request) for wanted in request.wanted))
        return {candidate.slug: candidate for candidate in found if candidate}

    async def conflicts(self, pinned: Sequence[Pinned]) -> Refusal | None:
        """Return the refusal when these can't be used together, or their contents can't be told; None otherwise."""
        if len(pinned) < 2 or self._objects is None:
            return None
        found = await self._contents(pinned)
        if isinstance(found, str):
            return refusals.contents_unusable([package.label for package in pinned], found)
        return conflicts(pinned, {package.artifact.sha256: one for package, one in zip(pinned, found, strict=False)})

    async def _contents(self, pinned: Sequence[Pinned]) -> _Compared:
        """Return the contents of all of them; of the first ones, when one has no record."""
        places: list[tuple[ObjectKey, ObjectKey]] = []
        for package in pinned:
            lock, files = (package.home.key_of(u) for u in (package.artifact.lock_uri, package.artifact.contents_uri))
            if lock is None or files is None:
                break
            places.append((lock, files))
        key = tuple(place for pair in places for place in pair)
        found = self._compared.get(key)
        if found is None:
            small = sum(package.artifact.file_count for package in pinned) <= _SMALL_FILES
            async with self._small if small else self._large:
                found = self._compared.get(key)
                if found is None:
                    found = await asyncio.to_thread(self._compare, places, _SMALL_FILES if small else MAX_FILES)
            if isinstance(found, str) or len(found) == len(places):  # an artifact without a record may get one
                self._compared.put(key, found, _weight_of(found))
        return found

    async def _package(self, wanted: PackageRef, request: AttachRequest) -> ResolvedPackage | None:
        owned = await self._claims.owner(wanted.slug)
        if owned is None:
            return None
        key = owned.key
        if key.namespace != request.namespace and not await self._is_agreed(wanted, request, key):
            return None
        package = await self._api.get(deppackage_path(key.namespace, key.name))
        # A claim outlives its package, and one that was beaten by another is never used.
        if package is None or (package.get("status") or {}).get("slug") != wanted.slug:
            return None
        return ResolvedPackage.from_object(PackageHome(self._location, owned, package["metadata"]["uid"]), package)

    async def _is_agreed(self, wanted: PackageRef, request: AttachRequest, key: NamespacedName) -> bool:
        """Return True when both agree: the consumer names the supplier, whose rights let the consumer's account in."""
        if not request.accepts(wanted, key.namespace):
            namespace = await self._api.get(f"/api/v1/namespaces/{request.namespace}") or {}
            suppliers = suppliers_in((namespace.get("metadata") or {}).get("annotations") or {})
            if isinstance(suppliers, Refusal) or key.namespace not in suppliers:
                return False
        return await may_get(self._api, request.namespace, request.service_account, key)

    def _compare(self, places: Sequence[tuple[ObjectKey, ObjectKey]], most_files: int) -> _Compared:
        versions: list[dict[str, str]] = []
        comparison = FileComparison(most_files)
        assert self._objects
        try:
            for lock, files in places:
                found, chunks = self._versions_of(lock), self._objects.chunks(files.text)
                if found is None or chunks is None:
                    break
                versions.append(found)
                comparison.add(chunks)
        except ContentsError as error:
            return str(error)
        return tuple(Contents(v, comparison.differing(i), comparison.cut) for i, v in enumerate(versions))

    def _versions_of(self, lock: ObjectKey) -> dict[str, str] | None:
        known = self._versions.get(lock)
        assert self._objects
        chunks = self._objects.chunks(lock.text) if known is None else None
        if chunks is None:
            return known
        text = bytearray()
        for chunk in chunks:
            text += chunk
            if len(text) > MAX_LOCK_BYTES:
                raise ContentsError(f"The lock has more than {human_size(MAX_LOCK_BYTES)}.")
        found = versions_of_lock(text.decode("utf-8", errors="replace"))
        self._versions.put(lock, found, _weight(found))
        return found


def _weight_of(found: _Compared) -> int:
    if isinstance(found, str):
        return _ENTRY_BYTES + len(found)
    return sum(_ENTRY_BYTES + _weight(one.files) for one in found)  # versions are held once, by the other cache


def _weight(entries: Mapping[str, str]) -> int:
    return sum(_ENTRY_BYTES + len(key) + len(value) for key, value in entries.items()) + _ENTRY_BYTES
