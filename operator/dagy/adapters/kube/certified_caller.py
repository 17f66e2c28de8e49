"""The cluster for callers with a client certificate, which can't be passed on.

Kubernetes decides all the same: each object is read with the API's own account, after a SubjectAccessReview said that
the caller may get it. Nothing is written for them, and nothing is listed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from dagy.adapters.kube import reviews
from dagy.adapters.kube.api import KubeApi, KubeError
from dagy.core.rest.client_certificate import KubeUser
from dagy.model import constants as names

_KINDS = f"{names.DEPPACKAGE_PLURAL}|{names.FLOWDEPLOYMENT_PLURAL}"
_NAME = "[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?"
_OBJECT = re.compile(rf"/apis/{re.escape(names.API_VERSION)}/namespaces/({_NAME})/({_KINDS})/({_NAME})")


class CertifiedCaller(KubeApi):
    """Answers `get` of one package or deployment, and reviews of the caller's rights; refuses all else."""

    def __init__(self, own: KubeApi, user: KubeUser) -> None:
        # Without a connection of its own: all that KubeApi does goes through `_send`, which refuses.
        self._own, self._user = own, user

    @override
    def as_caller(self, token: str) -> KubeApi:
        return self._own.as_caller(token)

    @override
    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> bytes:
        """Make one of those calls. Raises KubeError: 403 when the caller may not, 405 for all else."""
        if method == "POST" and path == reviews.SELF_ACCESS:
            asked = await reviews.review_access(self._own, self._user, body["spec"]["resourceAttributes"])
            return json.dumps(asked).encode()
        found = _OBJECT.fullmatch(path)
        if method != "GET" or found is None:
            raise _token_needed()
        namespace, plural, name = found.groups()
        wanted = reviews.attributes("get", plural, namespace, name)
        if not (await reviews.review_access(self._own, self._user, wanted))["status"].get("allowed"):
            raise KubeError(403, "Forbidden", f"User {self._user.name} may not get {plural} {namespace}/{name}.")
        return await self._own.request("GET", path)

    @override
    async def _send(self, method: str, path: str, **how: Any) -> Any:
        """Send nothing: raise KubeError (405)."""
        raise _token_needed()


def _token_needed() -> KubeError:
    return KubeError(
        405,
        "TokenNeeded",
        "With a client certificate this API only gives logs and files, and takes uploads. Leave --url and DAGY_API_URL "
        "out, and the command does the rest with the kubeconfig; or send a token of the cluster.",
    )
