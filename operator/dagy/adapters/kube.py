"""The only module that speaks to the Kubernetes API: plain JSON in and out, a time-out on every call.

The official client's asynchronous part does the connection, the authentication and the retries of idempotent calls;
its typed models are left aside, because turning each object into a tree of Python objects costs more than the call.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

from kubernetes.aio import client, config

from dagy.model import names

TIMEOUT_SECONDS = 30
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

Json = dict[str, Any]

GROUP_PATHS = {"jobs": "/apis/batch/v1", "cronjobs": "/apis/batch/v1", "controllerrevisions": "/apis/apps/v1"}
"""Where the API server serves built-in resources that are not of the core group."""


class KubeError(Exception):
    """The API server's refusal: `status` is the HTTP status, `reason` Kubernetes' own word for it."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason = status, reason


class KubeApi:
    """Requests to one API server."""

    def __init__(self, api_client: client.ApiClient) -> None:
        self._client = api_client

    @classmethod
    async def connect(cls) -> KubeApi:
        """Use the pod's service account, or else the present kubeconfig."""
        configuration = client.Configuration()
        try:
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        except config.ConfigException:
            await config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        return cls(client.ApiClient(configuration))

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
        headers = {"Accept": accept, "User-Agent": names.FIELD_MANAGER}
        if body is not None:
            headers["Content-Type"] = content_type
        verb, url, sent_headers, sent_body, _ = await self._client.param_serialize(
            method=method,
            resource_path=path,
            query_params=list((query or {}).items()),
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            response = await self._client.call_api(verb, url, sent_headers, sent_body, _request_timeout=TIMEOUT_SECONDS)
        except client.ApiException as error:
            raise _kube_error(error.status, error.body, error.reason) from None
        data: bytes = await response.read()  # type: ignore[no-untyped-call]
        if response.status >= 400:
            raise _kube_error(response.status, data, response.reason)
        return data

    async def get(self, path: str, **query: Any) -> Json | None:
        """The object, or None when there is none."""
        try:
            found: Json = json.loads(await self.request("GET", path, query=query))
        except KubeError as error:
            if error.status == 404:
                return None
            raise
        return found

    async def list_metadata(self, path: str, **query: Any) -> list[Json]:
        """The metadata of all items: of many large objects it is a small part (PartialObjectMetadataList)."""
        pages = self._pages(path, query, _METADATA_ONLY)
        return [item["metadata"] async for page in pages for item in page.get("items") or []]

    async def list(self, path: str, **query: Any) -> tuple[list[Json], str]:
        """All items, page by page, and the list's resourceVersion."""
        items: list[Json] = []
        version = ""
        async for page in self._pages(path, query, "application/json"):
            items += page.get("items") or []
            version = page["metadata"].get("resourceVersion", "")
        return items, version

    async def _pages(self, path: str, query: Mapping[str, Any], accept: str) -> AsyncIterator[Json]:
        token = ""
        while True:
            page_query = {**query, "limit": 500, **({"continue": token} if token else {})}
            page: Json = json.loads(await self.request("GET", path, query=page_query, accept=accept))
            yield page
            token = page["metadata"].get("continue", "")
            if not token:
                return

    async def create(self, path: str, body: Json) -> Json | None:
        """The new object, or None when one of that name exists."""
        try:
            created: Json = json.loads(
                await self.request("POST", path, body=body, query={"fieldManager": names.FIELD_MANAGER})
            )
        except KubeError as error:
            if error.status == 409 and error.reason == "AlreadyExists":
                return None
            raise
        return created

    async def apply(self, path: str, body: Json) -> Json:
        """Server-side apply of the fields in `body`, all of which become ours."""
        query = {"fieldManager": names.FIELD_MANAGER, "force": "true"}
        applied: Json = json.loads(await self.request("PATCH", path, query=query, body=body, content_type=_APPLY))
        return applied

    async def merge(self, path: str, body: Json) -> Json:
        """JSON merge patch (RFC 7396)."""
        query = {"fieldManager": names.FIELD_MANAGER}
        merged: Json = json.loads(await self.request("PATCH", path, query=query, body=body, content_type=_MERGE))
        return merged

    async def delete(self, path: str, *, uid: str | None = None, propagation: str = "Background") -> None:
        """Delete; an object that is gone already is fine. With `uid`, that object and no namesake.

        `propagation`: what becomes of the objects that it owns, by default deleted in the background.
        """
        body: Json = {"propagationPolicy": propagation}
        if uid:
            body["preconditions"] = {"uid": uid}
        try:
            await self.request("DELETE", path, body=body)
        except KubeError as error:
            if error.status != 404:
                raise


def _kube_error(status: int | None, body: bytes | str | None, reason: str | None) -> KubeError:
    try:
        data = json.loads(body or "")
        return KubeError(status or 0, str(data.get("reason", "")), str(data.get("message", "")))
    except (ValueError, AttributeError):
        return KubeError(status or 0, reason or "", f"{status} {reason}")


def deppackage_path(namespace: str, name: str, subresource: str = "") -> str:
    """API path of a DepPackage."""
    return _ours(names.DEPPACKAGE_PLURAL, namespace, name, subresource)


def flowdeployment_path(namespace: str, name: str = "", subresource: str = "") -> str:
    """API path of a FlowDeployment, or of all of a namespace."""
    return _ours(names.FLOWDEPLOYMENT_PLURAL, namespace, name, subresource).rstrip("/")


def _ours(plural: str, namespace: str, name: str, subresource: str) -> str:
    path = f"/apis/{names.API_VERSION}/namespaces/{quote(namespace)}/{plural}/{quote(name)}"
    return f"{path}/{subresource}" if subresource else path


def namespaced(resource: str, namespace: str, name: str = "", subresource: str = "") -> str:
    """API path of a built-in object, e.g. `namespaced("jobs", "dagy-builds")`."""
    parts = [
        f"{GROUP_PATHS.get(resource, '/api/v1')}/namespaces/{quote(namespace)}/{resource}",
        quote(name),
        subresource,
    ]
    return "/".join(part for part in parts if part)
