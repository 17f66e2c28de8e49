"""What can be done with packages, as operations over calls. No I/O."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal

from dagy.client.http.errors import ForbiddenError, NotFoundError, NotSettledError
from dagy.client.http.requests import Call, Operation, Pause, answer, nothing, path, query
from dagy.client.references import ObjectKey, object_key, package_reference
from dagy.model.rest.packages import (
    DepPackageBody,
    DepPackageCreate,
    DepPackagePage,
    DepPackageResponse,
    DownloadResponse,
    ParseRequest,
    ParseResponse,
    RequestResponse,
)

ROOT = "dep-packages"
Verb = Literal["validate", "build", "refresh", "cancel"]
Clock = Callable[[], float]
Watcher = Callable[[DepPackageResponse], None]
_LOOK_AGAIN_SECONDS = 1.0


def page(namespace: str | None, cursor: str | None, filters: Mapping[str, object]) -> Call[DepPackagePage]:
    """One page of a list; `namespace` None is all that the caller may list."""
    return Call("GET", path(ROOT), answer(DepPackagePage), query(namespace=namespace, cursor=cursor, **filters))


def find(reference: str, namespace: str) -> Operation[DepPackageResponse]:
    """The package that a slug, name or namespace/name means."""
    meant = package_reference(reference, namespace)
    if meant.slug is not None:
        try:
            found = yield from by_slug(meant.slug)
        except NotFoundError:
            if meant.key is None:
                raise
        else:
            return found
    assert meant.key is not None
    named: DepPackageResponse = yield get(meant.key)
    return named


def locate(reference: str, namespace: str) -> Operation[ObjectKey]:
    """Namespace and name of the same; asks the API only for a slug."""
    meant = package_reference(reference, namespace)
    if meant.slug is None:
        assert meant.key is not None
        return meant.key
    found = yield from find(reference, namespace)
    return ObjectKey(found.namespace, found.name)


def key_of(name: str, namespace: str) -> ObjectKey:
    """Namespace and name of a package that need not be there yet. Raises BadReferenceError."""
    return object_key(name, namespace, "ml-pipeline")


def get(key: ObjectKey) -> Call[DepPackageResponse]:
    """One package."""
    return Call("GET", path(ROOT, *_parts(key)), answer(DepPackageResponse))


def by_slug(slug: str) -> Operation[DepPackageResponse]:
    """The package of a slug, in whichever namespace.

    Whose rights end at a namespace can't find that out alone; the cluster's API can, and shows what they may see.
    """
    call = Call("GET", path(ROOT, "by-slug", slug), answer(DepPackageResponse))
    try:
        found: DepPackageResponse = yield call
    except ForbiddenError:
        found = yield replace(call, central=True)
    return found


def create(package: DepPackageCreate) -> Call[DepPackageResponse]:
    """A new package. Not repeatable: the second attempt would be told that it exists."""
    body = package.model_dump(mode="json", exclude_unset=True)
    return Call("POST", path(ROOT), answer(DepPackageResponse), body=body, idempotent=False)


def save(key: ObjectKey, package: DepPackageBody, etag: str | None) -> Call[DepPackageResponse]:
    """Create or replace."""
    body = package.model_dump(mode="json", exclude_unset=True, include=set(DepPackageBody.model_fields))
    return Call("PUT", path(ROOT, *_parts(key)), answer(DepPackageResponse), body=body, headers=_if_match(etag))


def change(
    reference: str, namespace: str, fields: Mapping[str, Any], etag: str | None
) -> Operation[DepPackageResponse]:
    """Set some fields, by a merge patch (RFC 7396): None takes a field away."""
    key = yield from locate(reference, namespace)
    headers = {"Content-Type": "application/merge-patch+json", **_if_match(etag)}
    call = Call("PATCH", path(ROOT, *_parts(key)), answer(DepPackageResponse), body=dict(fields), headers=headers)
    changed: DepPackageResponse = yield call
    return changed


def delete(reference: str, namespace: str) -> Operation[ObjectKey]:
    """Delete; its objects in S3 go or stay as its deletion policy says."""
    key = yield from locate(reference, namespace)
    yield Call("DELETE", path(ROOT, *_parts(key)), nothing)
    return key


def request(reference: str, namespace: str, verb: Verb) -> Operation[RequestResponse]:
    """Ask the operator for something: it is accepted at once, and carried out in its time.

    The token makes it repeatable: however often it arrives, it asks once.
    """
    key = yield from locate(reference, namespace)
    token = query(token=secrets.token_hex(8))
    accepted: RequestResponse = yield Call("POST", path(ROOT, *_parts(key), verb=verb), answer(RequestResponse), token)
    return accepted


def wait(
    reference: str, namespace: str, timeout: float, watcher: Watcher | None, clock: Clock = time.monotonic
) -> Operation[DepPackageResponse]:
    """Look until nothing more will happen by itself; `watcher` sees each look. Raises NotSettledError."""
    key = yield from locate(reference, namespace)
    deadline = clock() + timeout
    while True:
        found: DepPackageResponse = yield get(key)
        if watcher:
            watcher(found)
        if found.settled and found.slug:
            return found
        if clock() + _LOOK_AGAIN_SECONDS > deadline:
            raise NotSettledError(
                f"Package {key} is {found.build_status} after {timeout:.0f} s: {found.message or 'no news yet.'} It "
                f"goes on by itself; wait longer, or look at `dagy packages logs --follow {key}`."
            )
        yield Pause(_LOOK_AGAIN_SECONDS)


def download_link(reference: str, namespace: str) -> Operation[DownloadResponse]:
    """A short-lived URL of the ZIP."""
    key = yield from locate(reference, namespace)
    link: DownloadResponse = yield Call(
        "GET", path(ROOT, *_parts(key), "download"), answer(DownloadResponse), query(redirect="false"), central=True
    )
    return link


def log_call(key: ObjectKey, step: str | None, *, follow: bool) -> Call[bytes]:
    """The log of a package's Jobs, as text."""
    parameters = query(step=step, follow="true" if follow else None)
    accept = {"Accept": "text/plain"}
    return Call("GET", path(ROOT, *_parts(key), "logs"), bytes, parameters, headers=accept, central=True)


def parse(text: ParseRequest) -> Call[ParseResponse]:
    """What a requirements.txt means, and what becomes of a list that it is merged into. Changes nothing."""
    body = text.model_dump(mode="json", exclude_unset=True)
    return Call("POST", f"/{ROOT}:parse", answer(ParseResponse), body=body)


def _parts(key: ObjectKey) -> tuple[str, str]:
    return key.namespace, key.name


def _if_match(etag: str | None) -> dict[str, str]:
    return {"If-Match": etag} if etag else {}
