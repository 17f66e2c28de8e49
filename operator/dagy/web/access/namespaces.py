"""/namespaces: where the caller may list packages."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from fastapi import APIRouter

from dagy.adapters.kube import reviews
from dagy.adapters.kube.api import KubeApi, KubeError
from dagy.model.constants import DEPPACKAGE_PLURAL
from dagy.model.rest.whoami import NamespaceItem, NamespaceList
from dagy.web.serving.credentials import Rights
from dagy.web.serving.parameters import problems
from dagy.web.serving.services import Caller, Provided

router = APIRouter(tags=["caller"])
_KEPT_SECONDS = 60.0
_MOST = 1000
"""Namespaces that one caller's rights are asked for, one by one."""
_PATH = "/api/v1/namespaces"


@router.get("/namespaces", responses=problems())
async def list_namespaces(services: Provided, caller: Caller, rights: Rights) -> NamespaceList:
    """Namespaces whose packages the caller may list; as they were within the last minute."""

    async def ask() -> NamespaceList:
        names = await _names(caller)
        if names is None and services.own:
            names = await _names(services.own)
        if names is None:
            return NamespaceList(items=[], complete=False)
        asked = names[:_MOST]
        shown = await _listable(caller, asked, services.reviewing)
        items = [NamespaceItem(name=name) for name in shown]
        return NamespaceList(items=items, complete=len(shown) == len(names) or len(asked) == len(names))

    return await services.known.look(("namespaces", rights), ask, _KEPT_SECONDS)


async def _names(api: KubeApi) -> Sequence[str] | None:
    """All namespaces, sorted; None for whoever may not list them."""
    try:
        return sorted(await api.list_metadata(_PATH, lambda metadata: str(metadata["name"])))
    except KubeError as error:
        if error.status not in (403, 405):
            raise
        return None


async def _listable(caller: KubeApi, names: Sequence[str], few: asyncio.Semaphore) -> Sequence[str]:
    """Those of the namespaces whose packages the caller may list."""

    async def may(namespace: str) -> bool:
        async with few:
            return await reviews.may(caller, "list", DEPPACKAGE_PLURAL, namespace)

    if await may(""):
        return names
    allowed = await asyncio.gather(*map(may, names))
    return [name for name, yes in zip(names, allowed, strict=True) if yes]
