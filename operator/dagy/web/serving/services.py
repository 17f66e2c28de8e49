"""Services of the API: connections to the cluster and to S3, and the rights of a request."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import Depends, Request

from dagy.adapters.kube.api import Json, KubeApi, KubeError
from dagy.adapters.kube.certified_caller import CertifiedCaller
from dagy.adapters.packages.attach_lookup import AttachLookup
from dagy.adapters.packages.bounded_cache import WeighedCache
from dagy.adapters.packages.claims import Claims
from dagy.adapters.packages.cluster import Cluster
from dagy.adapters.presigned import PresignedStore
from dagy.adapters.settings.api import ApiSettings
from dagy.adapters.version import version
from dagy.core.common.keys import PackageHome
from dagy.core.metrics.metric import Recorder, unrecorded
from dagy.core.metrics.requests import storage_samples
from dagy.core.rest.reasons import ApiReason
from dagy.web.serving.credentials import Credentials, certified_user, token_in
from dagy.web.serving.live.streams import SharedLooks, Streams
from dagy.web.serving.pools import Pool
from dagy.web.serving.problems import ProblemError
from dagy.web.serving.verification import Verifications

if TYPE_CHECKING:
    from dagy.adapters.index.catalogue import IndexCatalogue
    from dagy.adapters.index.used_names import UsedNames
    from dagy.adapters.packages.zip_directory import Contents
    from dagy_builder.storage.errors import StorageError

log = logging.getLogger(__name__)

_CONTENTS_BYTES = 24 << 20
WATCHES_EACH, WATCHES = 8, 100
"""As many as their pool has connections to the API server, and fewer than half of those that there are to us."""
_CALLERS_KNOWN, _REVIEWS_AT_ONCE, _PAGES_AT_ONCE = 256, 8, 4
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
    kubeconfig: str | None = None
    """Its file in process; None for the present one."""
    record: Recorder = unrecorded
    """Counts what happens."""

    @classmethod
    async def in_cluster(cls, settings: ApiSettings, record: Recorder) -> Services:
        """For a server: it has a service account, and each caller has a token."""
        callers = await KubeApi.connect_without_identity(MANAGER)
        services = cls(settings, callers, await KubeApi.connect(MANAGER), record=record)
        _ = services.files, services.lookup  # not in somebody's request
        return services

    @classmethod
    async def in_process(cls, settings: ApiSettings, kubeconfig: str | None = None) -> Services:
        """For a command on somebody's machine: all is done with the rights of the (present) kubeconfig."""
        return cls(settings, await KubeApi.connect(MANAGER, kubeconfig), None, kubeconfig)

    async def close(self) -> None:
        """Close the connections."""
        for pool in (self.parsing, self.verifying, self.listing, self.fetching, self.searching, self.unzipping):
            pool.close()
        for name in ("index", "used_names"):
            working = self.__dict__.get(name)
            if working:
                working.close()
        for name in ("stream_callers", "stream_reader", "watch_callers"):
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
        return PresignedStore(self.settings.s3_bucket, self.settings.s3_public_url, self._storage_error)

    @cached_property
    def lookup(self) -> AttachLookup:
        """Packages by slug, with the rights of `reader`."""
        if not self.settings.s3_bucket:
            return AttachLookup(self.reader, self.settings.location)
        from dagy_builder.storage.store import ObjectStore

        objects = ObjectStore(self.settings.s3_bucket, self._storage_error)
        return AttachLookup(self.reader, self.settings.location, objects)

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
    def listing(self) -> Pool:
        """For reading all names of the index, of which there is one list."""
        return Pool("index-names", threads=1, waiting=1)

    @cached_property
    def fetching(self) -> Pool:
        """For reading pages of the index, which takes as long as the index takes."""
        return Pool("index-pages", threads=4, waiting=64)

    @cached_property
    def searching(self) -> Pool:
        """For searching in what was read, which takes a twentieth of a second at worst."""
        return Pool("index-search", threads=2, waiting=64)

    @cached_property
    def index(self) -> IndexCatalogue | None:
        """The configured index, which is asked when somebody searches, not before; None when that is switched off."""
        from dagy.adapters.index import opening

        if not self.settings.search:
            return None
        runs = opening.Threads(self.listing.run, self.fetching.run, self.searching.run)
        try:
            return opening.catalogue(self.settings, f"{MANAGER}/{version()}", runs, self.record)
        except ValueError as error:
            log.warning("DAGY_INDEX_URL can't be used, so nobody can search: %s", error)
            return None

    @cached_property
    def used_names(self) -> UsedNames:
        """What the packages ask for that a caller may list."""
        from dagy.adapters.index.used_names import UsedNames

        return UsedNames()

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

    @cached_property
    def unzipping(self) -> Pool:
        """For directories of ZIPs, of which one may take 100 MB while it is read."""
        return Pool("unzip", threads=1, waiting=8)

    @cached_property
    def contents(self) -> WeighedCache[str, Contents]:
        """The contents of artifacts by their keys: what lies at one never changes."""
        return WeighedCache(_CONTENTS_BYTES)

    @cached_property
    def ending(self) -> asyncio.Event:
        """Set when the process is about to end, so that those who watch can be told."""
        return asyncio.Event()

    @cached_property
    def watches(self) -> Streams:
        """Those who watch packages, and how many there may be."""
        return Streams("packages", each=WATCHES_EACH, everybodys=WATCHES)

    @cached_property
    def watch_callers(self) -> KubeApi:
        """As `callers`, on connections that only watches use."""
        return self.callers.apart()

    @cached_property
    def known(self) -> SharedLooks:
        """What the cluster has said of callers lately, by `caller_key`."""
        return SharedLooks(most=_CALLERS_KNOWN)

    @cached_property
    def reviewing(self) -> asyncio.Semaphore:
        """For questions to the cluster that come in numbers: few at once, for all callers together."""
        return asyncio.Semaphore(_REVIEWS_AT_ONCE)

    @cached_property
    def paging(self) -> asyncio.Semaphore:
        """For pages of whole objects, each of which may take 8 MiB: few at once, for all callers together."""
        return asyncio.Semaphore(_PAGES_AT_ONCE)

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

    def _storage_error(self, error: StorageError) -> None:
        self.record(storage_samples(error.reason))

    def storage(self) -> PresignedStore:
        """S3. Raises ProblemError without settings."""
        if self.files is None:
            raise ProblemError(
                ApiReason.STORAGE_NOT_CONFIGURED,
                "This needs S3, and the API that runs inside this command has no S3 settings. Name the API of the "
                "cluster with --url or DAGY_API_URL, or set DAGY_S3_BUCKET and the AWS variables.",
            )
        return self.files


async def services_of(request: Request) -> Services:
    """Return the app's services."""
    return cast(Services, request.app.state.services)


Provided = Annotated[Services, Depends(services_of)]


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
