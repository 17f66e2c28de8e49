"""/whoami: who the caller is to the cluster, what it may do in a namespace, and what this server can."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from fastapi import APIRouter, Request

from dagy.adapters.kube import reviews
from dagy.adapters.kube.api import KubeApi
from dagy.adapters.kube.configuration import context_of
from dagy.adapters.version import version
from dagy.core.rest.rights import VERBS, token_end, verbs_in
from dagy.model.constants import DEPPACKAGE_PLURAL, FLOWDEPLOYMENT_PLURAL
from dagy.model.rest.whoami import NamespaceRights, ServerInfo, WhoAmI
from dagy.web.serving.credentials import Rights, certified_user
from dagy.web.serving.parameters import NamespaceQuery, problems
from dagy.web.serving.services import Caller, Provided, Services
from dagy_builder.platforms import PYTHON_VERSIONS

router = APIRouter(tags=["caller"])
_KEPT_SECONDS = 10.0
_WITH_CERTIFICATE = ("get",)
"""All that this API does for those who show a client certificate (`adapters.kube.certified_caller`)."""


@router.get("/whoami", responses=problems())
async def who_am_i(
    request: Request, services: Provided, caller: Caller, rights: Rights, namespace: NamespaceQuery = None
) -> WhoAmI:
    """Who the caller is; with a namespace, also what it may do there. As it was within the last ten seconds."""
    certified = certified_user(request.scope) if services.own else None
    asking = _Asking(caller, services.reviewing, namespace or "", bool(certified))
    user = certified
    if user is None:
        user = await services.known.look(("user", rights), lambda: reviews.user_of(caller), _KEPT_SECONDS)
    allowed = None
    if namespace:
        allowed = await services.known.look(("rights", rights, namespace), asking.rights, _KEPT_SECONDS)
    return WhoAmI(
        username=user.name,
        groups=list(user.groups),
        expires_at=token_end(request.headers.get("authorization", "").partition(" ")[2].strip()),
        namespace=namespace,
        rights=allowed,
        server=_server(services),
    )


@dataclass(frozen=True)
class _Asking:
    """A question to the cluster about a caller's rights in a namespace."""

    caller: KubeApi
    few: asyncio.Semaphore
    namespace: str
    certified: bool

    async def rights(self) -> NamespaceRights:
        rules, complete = ([], False) if self.certified else await reviews.rules_in(self.caller, self.namespace)
        packages, deployments = (verbs_in(rules, plural) for plural in (DEPPACKAGE_PLURAL, FLOWDEPLOYMENT_PLURAL))
        if not complete:  # an authorizer besides RBAC can't list its rules, and answers for each verb
            packages |= await self._allowed(DEPPACKAGE_PLURAL, packages)
            deployments |= await self._allowed(FLOWDEPLOYMENT_PLURAL, deployments)
        return NamespaceRights(dep_packages=sorted(packages), deployments=sorted(deployments))

    async def _allowed(self, plural: str, known: frozenset[str]) -> frozenset[str]:
        verbs = [verb for verb in (_WITH_CERTIFICATE if self.certified else VERBS) if verb not in known]
        answers = await asyncio.gather(*(self._may(verb, plural) for verb in verbs))
        return frozenset(verb for verb, yes in zip(verbs, answers, strict=True) if yes)

    async def _may(self, verb: str, plural: str) -> bool:
        async with self.few:
            return await reviews.may(self.caller, verb, plural, self.namespace)


def _server(services: Services) -> ServerInfo:
    local = services.own is None
    return ServerInfo(
        version=version(),
        storage=bool(services.settings.s3_bucket),
        local=local,
        context=context_of(services.kubeconfig) if local else None,
        search="on" if services.settings.search else "off",
        default_index=services.settings.index_shown,
        python_versions=list(PYTHON_VERSIONS),
    )
