"""The only module that speaks to the Kubernetes API: plain JSON in and out, a time-out on every call.

The official client's asynchronous part does the connection, the authentication and the retries of idempotent calls;
its typed models are left aside, because turning each object into a tree of Python objects costs more than the call.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

import aiohttp
from kubernetes.aio import client

from dagy.adapters.kube.configuration import configuration_of, hang_up, without_identity
from dagy.adapters.kube.objects import (
    GROUP_PATHS,
    Json,
    KubeError,
    Page,
    custom_path,
    deppackage_path,
    flowdeployment_path,
    kube_error,
    namespaced,
    slim,
)
from dagy.adapters.server_clock import ServerClock
from dagy.model import constants as names

__all__ = [
    "GROUP_PATHS", "Json", "KubeApi", "KubeError", "Page",
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

    With a `token` they are made as its owner and as nobody else, on the connections of `api_client`.
    """

    _token: str | None = None
    _manager: str = names.FIELD_MANAGER

    def __init__(
        self, api_client: client.ApiClient, *, token: str | None = None, manager: str = names.FIELD_MANAGER
    ) -> None:
        self._client, self._token, self._manager = api_client, token, manager
        self.clock = ServerClock()
        """The API server's time."""

    @classmethod
    async def connect(cls, manager: str = names.FIELD_MANAGER, kubeconfig: str | None = None) -> KubeApi:
        """Use that kubeconfig, or the pod's service account, or else the present kubeconfig.

        `manager`: the field manager of all writes (server-side apply).
        """
        return cls(client.ApiClient(await configuration_of(kubeconfig)), manager=manager)

    @classmethod
    async def connect_without_identity(cls, manager: str, kubeconfig: str | None = None) -> KubeApi:
        """Return a way to the same API server, for requests `as_caller` only.

        The certificate and the token of this process are left out: a request must never be made with more rights than
        its caller's.
        """
        configuration = without_identity(await configuration_of(kubeconfig))
        return cls(client.ApiClient(configuration), token="", manager=manager)

    @property
    def configuration(self) -> client.Configuration:
        """Address of the server, trust in it, and the identity of the caller."""
        return cast(client.Configuration, self._client.configuration)

    def as_caller(self, token: str) -> KubeApi:
        """Return an API for requests with somebody's bearer token, on the connections of this one."""
        return KubeApi(self._client, token=token, manager=self._manager)

    def over(self, other: KubeApi) -> KubeApi:
        """Return an API with this one's rights, on the connections of the other, which has no rights of its own."""
        return KubeApi(other._client, token=self._token, manager=self._manager)

    def apart(self) -> KubeApi:
        """Return an API with the same rights and connections of its own, which the caller closes."""
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
        """Return an answer's body. Raises KubeError unless it is a success, aiohttp's or OS errors without any."""
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
        """Yield an answer's bytes as they come. Raises as `request` does, and TimeoutError when it stands still."""
        async with self.streaming(path, query=query, idle_seconds=idle_seconds) as chunks:
            async for chunk in chunks:
                yield chunk

    @asynccontextmanager
    async def streaming(
        self, path: str, *, query: Mapping[str, Any], idle_seconds: float
    ) -> AsyncGenerator[AsyncIterator[bytes], None]:
        """Open an answer: `stream`'s bytes, once its head has come. Raises as `stream` does."""
        patience = aiohttp.ClientTimeout(total=None, sock_connect=TIMEOUT_SECONDS, sock_read=idle_seconds)
        response = (await self._send("GET", path, query=query, headers={"Accept": "*/*"}, patience=patience)).response
        try:
            if response.status >= 400:
                raise kube_error(response.status, await response.read(), response.reason)
            yield response.content.iter_any()
        finally:
            hang_up(response)

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
        asked = self.clock()
        try:
            answer = await self._client.call_api(verb, url, sent_headers, sent_body, _request_timeout=patience)
        except client.ApiException as error:
            raise kube_error(error.status, error.body, error.reason) from None
        self.clock.told(asked, answer.status, answer.headers)
        return answer

    async def get(self, path: str, **query: Any) -> Json | None:
        """Return the object; None when there is none."""
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
        """Return all items, without annotations and managed fields of others, and the list's resourceVersion."""
        items, version = list[Json](), ""
        async for page in self.pages(path, query):
            items += [slim(item) for item in page.get("items") or []]
            version = page["metadata"].get("resourceVersion", "")
        return items, version

    async def pages(self, path: str, query: Mapping[str, Any], accept: str = "application/json") -> AsyncIterator[Json]:
        """Yield a list in pages of at most _PAGE_BYTES, for callers that keep little of them."""
        token, limit = "", _FIRST_LIMIT
        while True:
            page, limit = await self._page(path, query, limit, token, accept)
            yield page
            token = page["metadata"].get("continue", "")
            if not token:
                return

    async def page(self, path: str, limit: int, token: str, **query: Any) -> Page:
        """Return at most `limit` items from the page of `token`. KubeError 410: too old.

        It returns fewer, with a next page, when so many are too large to be held at once.
        """
        found, _ = await self._page(path, query, limit, token, "application/json")
        about = found["metadata"]
        return Page(found.get("items") or [], about.get("continue", ""), about.get("resourceVersion", ""))

    async def _page(self, path: str, query: Mapping[str, Any], limit: int, token: str, accept: str) -> tuple[Json, int]:
        """Return one page of at most _PAGE_BYTES, and the number of items that the next one should have.

        The writer of an object decides its size. So the bytes are counted as they come, and a page with too many is
        asked for again in smaller ones. One object always fits.
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
        """Return the answer; None when it has more bytes, the rest of which is not read."""
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
            hang_up(response)

    async def create(self, path: str, body: Json) -> Json | None:
        """Create the object and return it; None when one of that name exists."""
        try:
            return await self.post(path, body)
        except KubeError as error:
            if error.status == 409 and error.reason == "AlreadyExists":
                return None
            raise

    async def apply(self, path: str, body: Json) -> Json:
        """Apply the fields in `body` (server-side apply), all of which become ours."""
        query = {"fieldManager": self._manager, "force": "true"}
        applied: Json = json.loads(await self.request("PATCH", path, query=query, body=body, content_type=_APPLY))
        return applied

    async def replace(self, path: str, body: Json) -> Json:
        """Put the whole object in the place of the one with the same resourceVersion. Raises KubeError 409 as above."""
        query = {"fieldManager": self._manager, "fieldValidation": "Strict"}
        replaced: Json = json.loads(await self.request("PUT", path, query=query, body=body))
        return replaced

    async def post(self, path: str, body: Json) -> Json:
        """Create an object, or a virtual one that is answered and not kept (a review)."""
        posted: Json = json.loads(await self.request("POST", path, body=body, query={"fieldManager": self._manager}))
        return posted

    async def merge(self, path: str, body: Json) -> Json:
        """Apply a JSON merge patch (RFC 7396)."""
        query = {"fieldManager": self._manager}
        merged: Json = json.loads(await self.request("PATCH", path, query=query, body=body, content_type=_MERGE))
        return merged

    async def patch(self, path: str, operations: Sequence[Json]) -> Json:
        """Apply a JSON Patch (RFC 6902). KubeError 422: a "test" failed; 409: its resourceVersion is past."""
        query = {"fieldManager": self._manager}
        body = list(operations)
        patched: Json = json.loads(await self.request("PATCH", path, query=query, body=body, content_type=_PATCH))
        return patched

    async def delete(self, path: str, *, uid: str | None = None, foreground: bool = False) -> None:
        """Delete the object with those that it owns; one that is gone is fine. With `uid`, that one and no namesake.

        `foreground`: it goes after all that it owns, which takes a while.
        """
        body: Json = {"propagationPolicy": "Foreground" if foreground else "Background"}
        if uid:
            body["preconditions"] = {"uid": uid}
        try:
            await self.request("DELETE", path, body=body)
        except KubeError as error:
            if error.status != 404:
                raise
