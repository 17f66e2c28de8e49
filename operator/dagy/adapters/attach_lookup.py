"""What cluster and bucket know of the packages that a pod asks for."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dagy.adapters.claims import Claims
from dagy.adapters.kube import KubeApi, deppackage_path
from dagy.adapters.reviews import may_get
from dagy.core.attach import AttachRequest, Candidate, Contents, Pinned, Wanted
from dagy.core.attach_contents import files_of_list, versions_of_lock
from dagy.core.keys import Location, PackageHome
from dagy.model import names

if TYPE_CHECKING:
    from dagy_builder.storage import ObjectStore

_REMEMBERED = 16
"""Contents that are kept in memory: about 2 MB each for 6,000 files."""


class AttachLookup:
    """Reads packages with `api`'s rights, and locks and lists of files from `objects`, where that is needed."""

    def __init__(self, api: KubeApi, location: Location, objects: ObjectStore | None = None) -> None:
        self._api, self._claims, self._location, self._objects = api, Claims(api), location, objects
        self._known: OrderedDict[str, Contents] = OrderedDict()

    async def packages(self, request: AttachRequest) -> dict[str, Candidate]:
        """By slug: the packages that exist, and that the pod's namespace or service account may use.

        Raises KubeError, and aiohttp's or OS errors. Of more packages than a pod may have, none is looked up.
        """
        if len(request.wanted) > names.MAX_ATTACHED_PACKAGES:
            return {}
        found = await asyncio.gather(*(self._package(wanted, request) for wanted in request.wanted))
        return {candidate.slug: candidate for candidate in found if candidate}

    async def contents(self, pinned: Sequence[Pinned]) -> dict[str, Contents]:
        """By SHA-256 of the artifact, for those where it is recorded; nothing for a single package.

        Raises StorageError, and ContentsError for a damaged object.
        """
        if len(pinned) < 2 or self._objects is None:
            return {}
        found = await asyncio.gather(*(asyncio.to_thread(self._contents, package) for package in pinned))
        return {package.artifact.sha256: one for package, one in zip(pinned, found, strict=True) if one}

    async def _package(self, wanted: Wanted, request: AttachRequest) -> Candidate | None:
        owned = await self._claims.owner(wanted.slug)
        if owned is None:
            return None
        key = owned.key
        if key.namespace != request.namespace and not await may_get(
            self._api, request.namespace, request.service_account, key
        ):
            return None
        package = await self._api.get(deppackage_path(key.namespace, key.name))
        # A claim outlives its package, and one that was beaten by another is never used.
        if package is None or (package.get("status") or {}).get("slug") != wanted.slug:
            return None
        return Candidate.from_object(PackageHome(self._location, owned, package["metadata"]["uid"]), package)

    def _contents(self, package: Pinned) -> Contents | None:
        artifact, home = package.artifact, package.home
        known = self._known.get(artifact.sha256)
        places = home.key_of(artifact.lock_uri), home.key_of(artifact.contents_uri)
        if known or not all(places) or self._objects is None:
            return known
        lock, files = (self._objects.get(place.text) if place else None for place in places)
        if lock is None or files is None:
            return None
        found = Contents(versions_of_lock(lock.decode()), files_of_list(files))
        self._known[artifact.sha256] = found
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return found
