"""SlugClaims as Kubernetes keeps them: the owner of a slug, asked of the API server each time."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

from dagy.adapters.kube.api import KubeApi, KubeError, custom_path
from dagy.adapters.kube.shared_reads import SharedReads
from dagy.core.common.keys import Location, PackageHome
from dagy.core.common.slug import Claim, OwnedSlug, claim_in, is_slug, owned
from dagy.model import constants as names
from dagy.model.base import NamespacedName

_FEW = 8
"""Namespaces that are asked for one by one: the API server goes through all claims for each."""


class Claims:
    """The claims of slugs. Each method is an API call or two, and may raise KubeError."""

    def __init__(self, api: KubeApi) -> None:
        self._api = api
        self.namespace_uid = SharedReads(self._namespace_uid)
        """UID of the namespace as it is now; empty when there is none. The packages of one ask all at once."""

    async def _namespace_uid(self, namespace: str) -> str:
        found = await self._api.get(f"/api/v1/namespaces/{namespace}")
        return str(found["metadata"]["uid"]) if found else ""

    async def claim(self, slug: str) -> Claim | None:
        """Return the claim of a slug; None when nobody has it, and for a text that is no slug."""
        if not is_slug(slug):
            return None
        found = await self._api.get(custom_path(names.SLUGCLAIM_PLURAL, name=slug.lower()))
        return claim_in(found) if found else None

    async def owner(self, slug: str) -> OwnedSlug | None:
        """Return the slug with its package, if that package's namespace is still the one that the claim was made in."""
        claim = await self.claim(slug)
        return owned(claim, claim.key, await self.namespace_uid(claim.key.namespace)) if claim else None

    async def home_of(self, package: Mapping[str, Any], location: Location) -> PackageHome | None:
        """Return the place of the package's objects, once its claim says that its slug is its own; None before that."""
        metadata = package["metadata"]
        key = NamespacedName.of(metadata)
        slug = str((package.get("status") or {}).get("slug") or "")
        claim, uid = await asyncio.gather(self.claim(slug), self.namespace_uid(key.namespace))
        mine = owned(claim, key, uid)
        return PackageHome(location, mine, metadata["uid"]) if mine else None

    async def of(self, key: NamespacedName) -> list[Claim]:
        """Return all claims of that namespace and name, those of earlier namespaces of that name among them."""
        selector = f"spec.namespace={key.namespace},spec.name={key.name}"
        items, _ = await self._api.list(custom_path(names.SLUGCLAIM_PLURAL), fieldSelector=selector)
        return [claim for claim in map(claim_in, items) if claim]

    async def all(self, namespaces: Collection[str] | None) -> dict[str, Claim]:
        """Return the claims of the packages of these namespaces, of all when None, by their slugs."""
        path, found = custom_path(names.SLUGCLAIM_PLURAL), dict[str, Claim]()
        queries = [dict[str, str]()]
        if namespaces is not None and len(namespaces) <= _FEW:
            queries = [{"fieldSelector": f"spec.namespace={namespace}"} for namespace in sorted(namespaces)]
        for query in queries:
            async for page in self._api.pages(path, query):
                claims = [claim for claim in map(claim_in, page.get("items") or []) if claim]
                found |= {one.slug: one for one in claims if namespaces is None or one.key.namespace in namespaces}
        return found

    async def count(self, namespace: str) -> int:
        """Return the number of claims of namespaces of that name."""
        path = custom_path(names.SLUGCLAIM_PLURAL)
        return len(await self._api.list_metadata(path, lambda _: None, fieldSelector=f"spec.namespace={namespace}"))

    async def create(self, slug: str, key: NamespacedName, namespace_uid: str) -> Claim | None:
        """Claim the slug for ever. None when another package has it; creation is atomic, so only one can win.

        A claim of this very package, which another operator has made since we looked, is as good as one of ours.
        Raises KubeError, a conflict when the claim is there and is not.
        """
        body = {
            "apiVersion": names.API_VERSION,
            "kind": names.SLUGCLAIM_KIND,
            "metadata": {"name": slug.lower()},
            "spec": {"slug": slug, "namespace": key.namespace, "name": key.name, "namespaceUid": namespace_uid},
        }
        created = await self._api.create(custom_path(names.SLUGCLAIM_PLURAL), body)
        there = created or await self._api.get(custom_path(names.SLUGCLAIM_PLURAL, name=slug.lower()))
        if there is None:
            raise KubeError(409, "Conflict", f"The claim of slug {slug} was deleted a moment ago.")
        claim = claim_in(there)
        return claim if owned(claim, key, namespace_uid) else None

    async def bind(self, claim: Claim, namespace_uid: str) -> None:
        """Bind a claim that is bound to no namespace. Somebody who was faster is fine, as all would bind it alike."""
        path = custom_path(names.SLUGCLAIM_PLURAL, name=claim.slug.lower())
        try:
            await self._api.patch(
                path,
                [
                    {"op": "test", "path": "/metadata/resourceVersion", "value": str(claim.version)},
                    {"op": "add", "path": "/spec/namespaceUid", "value": namespace_uid},
                ],
            )
        except KubeError as error:
            if error.status not in (404, 409, 422):
                raise
