"""The client: connections, and what is reached through it."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

import httpx

from dagy.client.http.requests import Call, answer, query
from dagy.client.http.session import Session
from dagy.client.http.transport import setup, store_arguments, unauthenticated

# Each brings its models, so it is imported when it is asked for.
if TYPE_CHECKING:
    from dagy.client.deployments import Deployments
    from dagy.client.index import Index
    from dagy.client.packages import Packages
    from dagy.client.uploads import Uploads
    from dagy.model.rest.whoami import NamespaceList, WhoAmI


class Client:
    """DAGY's API. Use it as a context manager, or close it; it may be shared between threads.

    `url` is taken from DAGY_API_URL when absent; `token` from DAGY_API_TOKEN, the pod's service account, or the
    kubeconfig. `namespace` is that of names without one. `timeout`: seconds for an answer. `ca_file`: certificates to
    trust beside the usual ones, else DAGY_CA_FILE. All methods raise `DagyError`, whose message says what happened and
    what to do next.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | None = None,
        namespace: str = "default",
        timeout: float = 30.0,
        ca_file: str | os.PathLike[str] | None = None,
    ) -> None:
        prepared = setup(url, token, ca_file, timeout)
        self._start(
            httpx.Client(verify=prepared.verify, **prepared.arguments()),
            lambda: httpx.Client(verify=prepared.verify, **store_arguments(timeout)),
            namespace,
        )

    @classmethod
    def from_transport(
        cls,
        transport: httpx.BaseTransport,
        *,
        namespace: str = "default",
        timeout: float = 30.0,
        open_central: Callable[[], httpx.Client] | None = None,
    ) -> Self:
        """A client of an API that a transport reaches by itself, such as one in this process: no URL, no token.

        `open_central`: a client of the cluster's own API, for what needs the object store or the pods of builds.
        """
        client = cls.__new__(cls)
        prepared = unauthenticated(timeout)
        client._start(
            httpx.Client(transport=transport, **prepared.arguments()),
            lambda: httpx.Client(verify=prepared.verify, **store_arguments(timeout)),
            namespace,
            open_central,
        )
        return client

    def _start(
        self,
        http: httpx.Client,
        open_store: Callable[[], httpx.Client],
        namespace: str,
        open_central: Callable[[], httpx.Client] | None = None,
    ) -> None:
        self._session = Session(http, open_store, namespace, open_central)

    @cached_property
    def packages(self) -> Packages:
        """Dependency packages."""
        from dagy.client.packages import Packages

        return Packages(self._session)

    @cached_property
    def index(self) -> Index:
        """The package index: names and releases."""
        from dagy.client.index import Index

        return Index(self._session)

    @cached_property
    def deployments(self) -> Deployments:
        """Deployed flows and their runs."""
        from dagy.client.deployments import Deployments

        return Deployments(self._session)

    @cached_property
    def uploads(self) -> Uploads:
        """Uploads of flows, which make deployments."""
        from dagy.client.files.upload_state import UploadStates
        from dagy.client.uploads import Uploads

        return Uploads(self._session, UploadStates.of_user())

    def whoami(self, namespace: str | None = None) -> WhoAmI:
        """Who the caller is to the cluster, and what it may do in a namespace."""
        from dagy.model.rest.whoami import WhoAmI

        return self._session.send(Call("GET", "/whoami", answer(WhoAmI), query(namespace=namespace)))

    def namespaces(self) -> NamespaceList:
        """The namespaces whose packages the caller may list."""
        from dagy.model.rest.whoami import NamespaceList

        return self._session.send(Call("GET", "/namespaces", answer(NamespaceList)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()
