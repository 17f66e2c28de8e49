"""The only module that speaks to the Kubernetes API: plain JSON in and out, a time-out on every call.

The official client's asynchronous part does the connection, the authentication and the retries of idempotent calls;
its typed models are left aside, because turning each object into a tree of Python objects costs more than the call.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

import aiohttp
from kubernetes.aio import client

from dagy.adapters.kube.configuration import configuration_of, without_identity
from dagy.adapters.kube.objects import (
    GROUP_PATHS,
    Json,
    KubeError,
    custom_path,
    deppackage_path,
    flowdeployment_path,
    kube_error,
    namespaced,
    slim,
)
from dagy.model import constants as names

__all__ = [
    "GROUP_PATHS", "Json", "KubeApi", "KubeError",
    "custom_path", "deppackage_path", "flowdeployment_path", "namespaced",
]  # fmt: skip

TIMEOUT_SECONDS = 30
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_PATCH = "application/json-patch+json"
_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_PAGE_BYTES, _OBJECT_BYTES = 8 << 20, 32 << 20
_FIRST_LIMIT, _LAST_LIMIT = 50, 500

T = TypeVar("T")


class KubeApi:
    """Requests to one API server.

    With a `token` they are made as its owner and as nobody else; the connections are shared with the client's others.
    """

    _token: str | None = None
    _manager: str = names.FIELD_MANAGER

    def __init__(
        self, api_client: client.ApiClient, *, token: str | None = None, manager: str = names.FIELD_MANAGER
    ) -> None:
        self._client, self._token, self._manager = api_client, token, manager

    @classmethod
    async def connect(cls, manager: str = names.FIELD_MANAGER, kubeconfig: str | None = None) -> KubeApi:
        """Use that kubeconfig, or the pod's service account, or else the present kubeconfig.

        `manager`: whose the fields are that are written.
        """
        return cls(client.ApiClient(await configuration_of(kubeconfig)), manager=manager)

    @classmethod
    async def connect_without_identity(cls, manager: str, kubeconfig: str | None = None) -> KubeApi:
        """The same API server, for requests `as_caller` only.

        The certificate and the token of this process are left out: a request must never be made with more rights than
        its caller's.
        """
        configuration = without_identity(await configuration_of(kubeconfig))
        return cls(client.ApiClient(configuration), token="", manager=manager)

    @property
    def configuration(self) -> client.Configuration:
        """Address of the server, trust in it, and the identity of who asks."""
        return cast(client.Configuration, self._client.configuration)

    def as_caller(self, token: str) -> KubeApi:
        """Requests with somebody's bearer token, on the connections of this one."""
        return KubeApi(self._client, token=token, manager=self._manager)

    def over(self, other: KubeApi) -> KubeApi:
        """Requests with this one's rights, on the connections of the other, which has none of its own."""
        return KubeApi(other._client, token=self._token, manager=self._manager)

    def apart(self) -> KubeApi:
        """The same rights on connections of its own, which whoever asks for it closes."""
        return KubeApi(client.ApiClient(self._client.configuration), token=self._token, manager=self._manager)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()  # type: ignore[no-untyped-call]

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
        """One call. Raises KubeError for an answer that isn't a success, and aiohttp's or OS errors for none."""
        headers = {"Accept": accept}
        if body is not None:
            headers["Content-Type"] = content_type
        response = await self._send(
            method, path, query=query or {}, headers=headers, body=body, patience=TIMEOUT_SECONDS
        )
        data: bytes = await response.read()
        if response.status >= 400:
            raise kube_error(response.status, data, response.reason)
        return data

    async def stream(self, path: str, *, query: Mapping[str, Any], idle_seconds: float) -> AsyncGenerator[bytes, None]:
        """The bytes of an answer as they come, until it ends. As `request`; TimeoutError when it stands still."""
        patience = aiohttp.ClientTimeout(total=None, sock_connect=TIMEOUT_SECONDS, sock_read=idle_seconds)
        response = (await self._send("GET", path, query=query, headers={"Accept": "*/*"}, patience=patience)).response
        try:
            if response.status >= 400:
                raise kube_error(response.status, await response.read(), response.reason)
            async for chunk in response.content.iter_any():
                yield chunk
        finally:
            response.close()

    async def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any],
        headers: dict[str, str],
        patience: float | aiohttp.ClientTimeout,
        body: Any = None,
    ) -> Any:
        headers["User-Agent"] = self._manager
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        verb, url, sent_headers, sent_body, _ = await self._client.param_serialize(
            method=method,
            resource_path=path,
            query_params=list(query.items()),
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"] if self._token is None else [],
        )
        try:
            return await self._client.call_api(verb, url, sent_headers, sent_body, _request_timeout=patience)
        except client.ApiException as error:
            raise kube_error(error.status, error.body, error.reason) from None

    async def get(self, path: str, **query: Any) -> Json | None:
        """The object, or None when there is none."""
        try:
            found: Json = json.loads(await self.request("GET", path, query=query))
        except KubeError as error:
            if error.status == 404:
                return None
            raise
        return found

    async def list_metadata(self, path: str, keep: Callable[[Json], T], **query: Any) -> list[T]:
        """Return `keep`'s values of each item's metadata: of many large objects they are a small part, but a part."""
        pages = self.pages(path, query, _METADATA_ONLY)
        return [keep(item["metadata"]) async for page in pages for item in page.get("items") or []]

    async def list(self, path: str, **query: Any) -> tuple[list[Json], str]:
        """All items, without annotations and managed fields of others, and the list's resourceVersion."""
        items, version = list[Json](), ""
        async for page in self.pages(path, query):
            items += [slim(item) for item in page.get("items") or []]
            version = page["metadata"].get("resourceVersion", "")
        return items, version

    async def pages(self, path: str, query: Mapping[str, Any], accept: str = "application/json") -> AsyncIterator[Json]:
        """A list of which little is kept, at most _PAGE_BYTES at a time."""
        token, limit = "", _FIRST_LIMIT
        while True:
            page, limit = await self._page(path, query, limit, token, accept)
            yield page
            token = page["metadata"].get("continue", "")
            if not token:
                return

    async def page(self, path: str, limit: int, token: str, **query: Any) -> tuple[Sequence[Json], str]:
        """At most `limit` items from where `token` points to, and the next page's. KubeError 410: too old.

        Fewer, with a next page, when so many are too large to be held at once.
        """
        found, _ = await self._page(path, query, limit, token, "application/json")
        return found.get("items") or [], found["metadata"].get("continue", "")

    async def _page(self, path: str, query: Mapping[str, Any], limit: int, token: str, accept: str) -> tuple[Json, int]:
        """One page of at most _PAGE_BYTES, and how many items the next one should have.

        How large an object is, is up to who writes it; so what comes is counted, and what is too much asked for again
        in smaller pages. One object always fits.
        """
        while True:
            asked = {**query, "limit": limit, **({"continue": token} if token else {})}
            data = await self._at_most(_PAGE_BYTES if limit > 1 else _OBJECT_BYTES, path, asked, accept)
            if data is not None:
                grown = 2 * limit if len(data) < _PAGE_BYTES // 4 else limit
                return json.loads(data), min(grown, _LAST_LIMIT)
            if limit == 1:
                raise KubeError(413, "RequestEntityTooLarge", f"An object of {path} is larger than any of a cluster.")
            limit = max(1, limit // 4)

    async def _at_most(self, most: int, path: str, query: Mapping[str, Any], accept: str) -> bytes | None:
        """The answer; None when it has more bytes, of which no more are read."""
        sent = await self._send("GET", path, query=query, headers={"Accept": accept}, patience=TIMEOUT_SECONDS)
        response = sent.response
        try:
            if response.status >= 400:
                raise kube_error(response.status, await response.read(), response.reason)
            data = bytearray()
            async for chunk in response.content.iter_any():
                data += chunk
                if len(data) > most:
                    return None
            return bytes(data)
        finally:
            response.close()

    async def create(self, path: str, body: Json) -> Json | None:
        """The new object, or None when one of that name exists."""
        try:
            created: Json = json.loads(
                await self.request("POST", path, body=body, query={"fieldManager": self._manager})
            )
        except KubeError as error:
            if error.status == 409 and error.reason == "AlreadyExists":
                return None
            raise
        return created

    async def apply(self, path: str, body: Json) -> Json:
        """Server-side apply of the fields in `body`, all of which become ours."""
        query = {"fieldManager": self._manager, "force": "true"}
        applied: Json = json.loads(await self.request("PATCH", path, query=query, body=body, content_type=_APPLY))
        return applied

    async def replace(self, path: str, body: Json) -> Json:
        """Put the whole object in the place of the one with the same resourceVersion. Raises KubeError 409 as above."""
        query = {"fieldManager": self._manager, "fieldValidation": "Strict"}
        replaced: Json = json.loads(await self.request("PUT", path, query=query, body=body))
        return replaced

    async def post(self, path: str, body: Json) -> Json:
        """Create an object, or ask one of the virtual ones that are answered and not kept (reviews)."""
        return cast(
            Json, json.loads(await self.request("POST", path, body=body, query={"fieldManager": self._manager}))
        )

    async def merge(self, path: str, body: Json) -> Json:
        """JSON merge patch (RFC 7396)."""
        query = {"fieldManager": self._manager}
        merged: Json = json.loads(await self.request("PATCH", path, query=query, body=body, content_type=_MERGE))
        return merged

    async def patch(self, path: str, operations: Sequence[Json]) -> Json:
        """JSON Patch (RFC 6902). Raises KubeError: 422 when a "test" fails, 409 when its resourceVersion is past."""
        query = {"fieldManager": self._manager}
        body = list(operations)
        patched: Json = json.loads(await self.request("PATCH", path, query=query, body=body, content_type=_PATCH))
        return patched

    async def delete(self, path: str, *, uid: str | None = None) -> None:
        """Delete, with what it owns; one that is gone already is fine. With `uid`, that object and no namesake."""
        body: Json = {"propagationPolicy": "Background"}
        if uid:
            body["preconditions"] = {"uid": uid}
        try:
            await self.request("DELETE", path, body=body)
        except KubeError as error:
            if error.status != 404:
                raise
