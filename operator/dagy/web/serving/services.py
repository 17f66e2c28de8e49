"""Services of the API: connections to the cluster and to S3, and the rights of a request."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, cast

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import Headers
from starlette.types import Scope

from dagy.adapters.kube.api import Json, KubeApi, KubeError
from dagy.adapters.kube.certified_caller import CertifiedCaller
from dagy.adapters.packages.attach_lookup import AttachLookup
from dagy.adapters.packages.claims import Claims
from dagy.adapters.packages.cluster import Cluster
from dagy.adapters.presigned import PresignedStore
from dagy.adapters.settings.api import ApiSettings
from dagy.core.common.keys import PackageHome
from dagy.core.rest.client_certificate import CertifiedUser, user_of
from dagy.core.rest.reasons import ApiReason
from dagy.web.serving.connections import PEER_CERTIFICATE
from dagy.web.serving.pools import Pool
from dagy.web.serving.problems import ProblemError, unauthenticated
from dagy.web.serving.streams import SharedLooks, Streams
from dagy.web.serving.verification import Verifications

MANAGER = "dagy-api"
"""Field manager of what the API writes."""


@dataclass(frozen=True)
class Services:
    """Connections, shared by all requests."""

    settings: ApiSettings
    callers: KubeApi
    """Without an identity, for requests with the callers' tokens; in process, with the kubeconfig's."""
    own: KubeApi | None
    """With the API's own service account; None in process, where everything is done with the kubeconfig."""

    @classmethod
    async def in_cluster(cls, settings: ApiSettings) -> Services:
        """For a server: it has a service account, and each caller has a token."""
        callers = await KubeApi.connect_without_identity(MANAGER)
        services = cls(settings, callers, await KubeApi.connect(MANAGER))
        _ = services.files, services.lookup  # not in somebody's request
        return services

    @classmethod
    async def in_process(cls, settings: ApiSettings, kubeconfig: str | None = None) -> Services:
        """For a command on somebody's machine: all is done with the rights of the (present) kubeconfig."""
        return cls(settings, await KubeApi.connect(MANAGER, kubeconfig), None)

    async def close(self) -> None:
        """Close the connections."""
        self.parsing.close()
        self.verifying.close()
        for name in ("stream_callers", "stream_reader"):
            apart = self.__dict__.get(name)
            if apart:
                await apart.close()
        await self.callers.close()
        if self.own:
            await self.own.close()

    @cached_property
    def files(self) -> PresignedStore | None:
        """S3 for clients; None without S3 settings."""
        if not self.settings.s3_bucket:
            return None
        return PresignedStore(self.settings.s3_bucket, self.settings.s3_public_url)

    @cached_property
    def lookup(self) -> AttachLookup:
        """Packages by slug, with the rights of `reader`."""
        if not self.settings.s3_bucket:
            return AttachLookup(self.reader, self.settings.location)
        from dagy_builder.storage.store import ObjectStore

        return AttachLookup(self.reader, self.settings.location, ObjectStore(self.settings.s3_bucket))

    async def home_of(self, package: Json) -> PackageHome | None:
        """Return the keys of a package that the caller may get; None as long as no slug is known to be its own.

        Raises ProblemError in process, where the caller may not see whose a slug is.
        """
        try:
            return await Claims(self.reader).home_of(package, self.settings.location)
        except KubeError as error:
            if error.status != 403 or self.own:
                raise
        raise ProblemError(
            ApiReason.FORBIDDEN,
            "The API that runs inside this command may not read with your rights whose a slug is, so it finds no "
            "object in S3. Name the API of the cluster with --url or DAGY_API_URL.",
        )

    @cached_property
    def parsing(self) -> Pool:
        """For parsing what users paste, which takes a second or two at worst."""
        return Pool("parse", threads=2, waiting=16)

    @cached_property
    def verifying(self) -> Pool:
        """For reading whole uploads, which takes as long as S3 takes."""
        return Pool("verify", threads=2, waiting=16)

    @cached_property
    def verifications(self) -> Verifications:
        """Uploads that are being read, and were."""
        return Verifications(self.verifying)

    @cached_property
    def streams(self) -> Streams:
        """Answers that last, and how many there may be."""
        return Streams()

    @cached_property
    def looks(self) -> SharedLooks:
        """Looks at a package that its followers share."""
        return SharedLooks()

    @cached_property
    def stream_callers(self) -> KubeApi:
        """As `callers`, on connections that only streams use."""
        return self.callers.apart()

    @cached_property
    def stream_reader(self) -> KubeApi:
        """As `reader`, on connections that only streams use."""
        return self.reader.apart()

    @property
    def builds(self) -> Cluster:
        """The build namespace, which callers may not read: asked only for packages that they may get."""
        return Cluster(self.own or self.callers, self.settings.build_namespace)

    @property
    def reader(self) -> KubeApi:
        """For what every caller may be told once the rest of the request was allowed, such as who owns a slug."""
        return self.own or self.callers

    def identity(self) -> KubeApi:
        """Return the API's own service account. Raises ProblemError in process."""
        if self.own is None:
            raise ProblemError(
                ApiReason.NO_IDENTITY,
                "Only the API in the cluster can vouch for pods; this one runs inside a command. Ask "
                "https://dagy-api.dagy-system.svc.",
            )
        return self.own

    def storage(self) -> PresignedStore:
        """S3. Raises ProblemError without settings."""
        if self.files is None:
            raise ProblemError(
                ApiReason.STORAGE_NOT_CONFIGURED,
                "This needs S3, and the API that runs inside this command has no S3 settings. Name the API of the "
                "cluster with --url or DAGY_API_URL, or set DAGY_S3_BUCKET and the AWS variables.",
            )
        return self.files


_BEARER = HTTPBearer(auto_error=False, description="A token of the cluster, e.g. from `kubectl create token ACCOUNT`.")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]


async def services_of(request: Request) -> Services:
    """Return the app's services."""
    return cast(Services, request.app.state.services)


Provided = Annotated[Services, Depends(services_of)]


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


def certified_user(scope: Scope) -> CertifiedUser | None:
    """Return the user of the connection's client certificate; None for nobody's, or with a token in the request."""
    if Headers(scope=scope).get("authorization"):
        return None
    return user_of(scope.get("state", {}).get(PEER_CERTIFICATE) or {})


async def caller_of(request: Request, services: Provided, _documented: Credentials) -> KubeApi:
    """Return the cluster with the caller's rights: by a token, or else by the client certificate of the connection."""
    if services.own is None:
        return services.callers
    user = certified_user(request.scope)
    if user:
        return CertifiedCaller(services.own, user)
    return services.callers.as_caller(token_in(request.headers.get("authorization", "")))


Caller = Annotated[KubeApi, Depends(caller_of)]


async def caller_name(request: Request) -> str:
    """Return the caller's name, as the gate has found out; empty in process, where everybody is the one user."""
    return str(getattr(request.state, "caller", ""))


CallerName = Annotated[str, Depends(caller_name)]
