"""Credentials of a request: its bearer token, or the client certificate of its connection."""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import Headers
from starlette.types import Scope

from dagy.core.rest.client_certificate import KubeUser, user_of
from dagy.web.serving.connections import PEER_CERTIFICATE
from dagy.web.serving.problems import unauthenticated

_BEARER = HTTPBearer(auto_error=False, description="A token of the cluster, e.g. from `kubectl create token ACCOUNT`.")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]


def token_in(authorization: str) -> str:
    """Return the token of an Authorization header. Raises ProblemError (401) without one."""
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    # Of a token only visible ASCII reaches a header of ours.
    if scheme.lower() != "bearer" or not token or not token.isascii() or not token.isprintable() or " " in token:
        raise unauthenticated(
            "The request has neither a bearer token nor a client certificate of the cluster. Send `Authorization: "
            "Bearer TOKEN` with a token of the cluster, e.g. from `kubectl create token ACCOUNT`."
        )
    return token


async def bearer_token(request: Request, _documented: Credentials) -> str:
    """Return the token that the request carries. Raises ProblemError (401) without one."""
    return token_in(request.headers.get("authorization", ""))


def certified_user(scope: Scope) -> KubeUser | None:
    """Return the user of the connection's client certificate; None for nobody's, or with a token in the request."""
    if Headers(scope=scope).get("authorization"):
        return None
    return user_of(scope.get("state", {}).get(PEER_CERTIFICATE) or {})


async def rights_of(request: Request) -> str:
    """Return a digest of the caller's credentials, for caches: equal ones are equal rights. It gives no secret away."""
    shown = request.headers.get("authorization") or repr(certified_user(request.scope))
    return hashlib.sha256(shown.encode()).hexdigest()


Rights = Annotated[str, Depends(rights_of)]
"""See `rights_of`."""
