"""What cluster and bucket know of the packages that a pod asks for."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dagy.adapters.kube import KubeApi, deppackage_path
from dagy.adapters.reviews import PodIdentity, account_may_get
from dagy.core.attach import AttachRequest, Candidate, Contents, Pinned, Wanted
from dagy.core.attach_contents import files_of_list, versions_of_lock
from dagy.core.plan import Key
from dagy.model import names

if TYPE_CHECKING:
    from dagy_builder.storage import ObjectStore

_CLAIMS = f"/apis/{names.API_VERSION}/{names.SLUGCLAIM_PLURAL}"
_REMEMBERED = 16
"""Contents that are kept in memory: about 2 MB each for 6,000 files."""


class AttachLookup:
    """Reads packages with `api`'s rights, and locks and lists of files from `objects`, where that is needed."""

    def __init__(self, api: KubeApi, objects: ObjectStore | None = None) -> None:
        self._api, self._objects = api, objects
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
        claim = await self._api.get(f"{_CLAIMS}/{wanted.slug.lower()}")
        if claim is None:
            return None
        key = Key(claim["spec"]["namespace"], claim["spec"]["name"])
        if key.namespace != request.namespace and not await self._may_get(request, key):
            return None
        package = await self._api.get(deppackage_path(key.namespace, key.name))
        # A claim outlives its package, and one that was beaten by another is never used.
        if package is None or (package.get("status") or {}).get("slug") != wanted.slug:
            return None
        return Candidate.from_object(wanted.slug, package)

    async def _may_get(self, request: AttachRequest, key: Key) -> bool:
        account = f"system:serviceaccount:{request.namespace}:{request.service_account}"
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{request.namespace}", "system:authenticated"]
        identity = PodIdentity(request.namespace, request.service_account, "", {"username": account, "groups": groups})
        return await account_may_get(self._api, identity, key.namespace, key.name)

    def _contents(self, package: Pinned) -> Contents | None:
        artifact = package.artifact
        known = self._known.get(artifact.sha256)
        if known or not artifact.contents_uri or self._objects is None:
            return known
        start = f"s3://{self._objects.bucket}/"
        lock, files = (self._objects.get(uri.removeprefix(start)) for uri in (artifact.lock_uri, artifact.contents_uri))
        if lock is None or files is None:
            return None
        found = Contents(versions_of_lock(lock.decode()), files_of_list(files))
        self._known[artifact.sha256] = found
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return found
