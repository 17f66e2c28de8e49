"""Packages: `Client.packages`."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from dagy.client import watching
from dagy.client.files.verified import Progress, VerifiedFile
from dagy.client.http.errors import ForbiddenError, NotFoundError, NotSettledError
from dagy.client.http.requests import Call, answer, nothing, path, query
from dagy.client.http.session import Session
from dagy.client.references import object_key, package_reference
from dagy.model.base import NamespacedName
from dagy.model.rest.artifacts import ArtifactContents, ArtifactDiff, ArtifactLock, BuildRecord
from dagy.model.rest.base import RestModel
from dagy.model.rest.compatibility import Compatibility
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
from dagy.model.rest.summaries import DepPackageSummary, GonePackage

ROOT = "dep-packages"
M = TypeVar("M", bound=RestModel)
Verb = Literal["validate", "build", "refresh", "cancel"]
Watcher = Callable[[DepPackageResponse], None]
_LOOK_AGAIN_SECONDS = 1.0


class Packages:
    """A `reference` is a slug, a name, or namespace/name. All methods raise `DagyError`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list(
        self,
        namespace: str | None = None,
        *,
        search: str | None = None,
        phase: str | None = None,
        python_version: str | None = None,
    ) -> Iterator[DepPackageResponse]:
        """All packages of a namespace, or all that the caller may list, fetched page by page."""
        filters = query(namespace=namespace, search=search, phase=phase, python_version=python_version)
        cursor: str | None = None
        while True:
            call = Call("GET", path(ROOT), answer(DepPackagePage), {**filters, **query(cursor=cursor)})
            page = self._session.send(call)
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def summaries(self, namespace: str | None = None) -> Iterator[DepPackageSummary]:
        """As `list`, in few words: for many packages at once."""
        for items, _ in watching.pages(self._session, watching.PACKAGES, namespace):
            yield from items

    def watch(self, namespace: str | None = None) -> Iterator[DepPackageSummary | GonePackage]:
        """Each package as it is, then each again whenever it has changed, without an end.

        Interruptions are bridged; after a long one packages come again.
        """
        return watching.watch(self._session, watching.PACKAGES, namespace)

    def get(self, reference: str) -> DepPackageResponse:
        """One package."""
        meant = package_reference(reference, self._session.namespace)
        if meant.slug is not None:
            try:
                return self._by_slug(meant.slug)
            except NotFoundError:
                if meant.key is None:
                    raise
        assert meant.key is not None
        return self._named(meant.key)

    def create(self, package: DepPackageCreate) -> DepPackageResponse:
        """A new package; ConflictError when its name is taken. An answer that was lost makes no second one."""
        body = package.model_dump(mode="json", exclude_unset=True)
        return self._session.send(Call("POST", path(ROOT), answer(DepPackageResponse), body=body, headers=_once()))

    def save(
        self, name: str, package: DepPackageBody, *, etag: str | None = None, new: bool = False
    ) -> DepPackageResponse:
        """Create or replace the package `name` or namespace/name, however often it is repeated.

        With the `etag` of what was read before, ChangedError when somebody else changed it since; `new`: when there is
        one already.
        """
        key = object_key(name, self._session.namespace, "ml-pipeline")
        body = package.model_dump(mode="json", exclude_unset=True, include=set(DepPackageBody.model_fields))
        headers = {"If-None-Match": "*", **_once()} if new else _if_match(etag)
        return self._session.send(Call("PUT", _path_of(key), answer(DepPackageResponse), body=body, headers=headers))

    def change(self, reference: str, fields: Mapping[str, Any], *, etag: str | None = None) -> DepPackageResponse:
        """Set some fields of a package, by a merge patch (RFC 7396); None takes a field away."""
        headers = {"Content-Type": "application/merge-patch+json", **_if_match(etag)}
        where = _path_of(self._key(reference))
        return self._session.send(Call("PATCH", where, answer(DepPackageResponse), body=dict(fields), headers=headers))

    def delete(self, reference: str) -> NamespacedName:
        """Delete a package; its ZIP in S3 goes or stays as its deletion policy says."""
        key = self._key(reference)
        self._session.send(Call("DELETE", _path_of(key), nothing))
        return key

    def validate(self, reference: str) -> RequestResponse:
        """Ask for a validation."""
        return self._request(reference, "validate")

    def build(self, reference: str) -> RequestResponse:
        """Ask for a build, from the same lock where there is one."""
        return self._request(reference, "build")

    def refresh(self, reference: str) -> RequestResponse:
        """Ask for a new resolution, and a build if it brings anything new."""
        return self._request(reference, "refresh")

    def cancel(self, reference: str) -> RequestResponse:
        """Stop what runs for a package."""
        return self._request(reference, "cancel")

    def wait(self, reference: str, *, timeout: float = 1800.0, watcher: Watcher | None = None) -> DepPackageResponse:
        """Wait until nothing more happens by itself; `build_status` is the outcome. `timeout` in seconds.

        `watcher` gets the package at each look. NotSettledError when the time is over.
        """
        key = self._key(reference)
        deadline = time.monotonic() + timeout
        while True:
            found = self._named(key)
            if watcher:
                watcher(found)
            if found.settled and found.slug:
                return found
            if time.monotonic() + _LOOK_AGAIN_SECONDS > deadline:
                raise NotSettledError(
                    f"Package {key} is {found.build_status} after {timeout:.0f} s: {found.message or 'no news yet.'} "
                    f"It goes on by itself; wait longer, or look at `dagy packages logs --follow {key}`."
                )
            time.sleep(_LOOK_AGAIN_SECONDS)

    def logs(
        self, reference: str, *, step: str | None = None, follow: bool = False, attempt: int | None = None
    ) -> Iterator[str]:
        """Lines of the log: of `validate`, of `build`, or of both. With `follow` as they come, until the end.

        With an `attempt` of that one alone, else of the last.
        """
        parameters = query(step=step, follow="true" if follow else None, attempt=attempt)
        where, accept = _path_of(self._key(reference), "logs"), {"Accept": "text/plain"}
        with self._session.stream(Call("GET", where, bytes, parameters, headers=accept, central=True)) as response:
            yield from response.iter_lines()

    def download_link(self, reference: str, sha256: str | None = None) -> DownloadResponse:
        """A URL of the ZIP, or of that earlier one, that works for a short time and needs no credentials."""
        where, parameters = _path_of(self._key(reference), "download"), query(redirect="false", sha256=sha256)
        return self._session.send(Call("GET", where, answer(DownloadResponse), parameters, central=True))

    def download(
        self, reference: str, target: str | Path, *, sha256: str | None = None, progress: Progress | None = None
    ) -> DownloadResponse:
        """Write the ZIP, or that earlier one, to `target`, verified by its SHA-256: whole, or not at all."""
        link = self.download_link(reference, sha256)
        with (
            VerifiedFile(Path(target), link.sha256, link.size_bytes, progress) as file,
            self._session.fetch(link.url) as response,
        ):
            for chunk in response.iter_bytes(1 << 18):
                file.write(chunk)
        return link

    def lock(self, reference: str, sha256: str) -> ArtifactLock:
        """Return the packages that a ZIP was installed from: the present one, or one of history."""
        return self._of_artifact(reference, ArtifactLock, sha256, "lock")

    def pylock(self, reference: str, sha256: str) -> str:
        """Return that lock as it is kept: a pylock.toml (PEP 751)."""
        where = _path_of(self._key(reference), "artifacts", sha256, "pylock.toml")
        return self._session.send(Call("GET", where, bytes.decode, central=True))

    def contents(self, reference: str, sha256: str) -> ArtifactContents:
        """Return the files in a ZIP, and what each package takes."""
        return self._of_artifact(reference, ArtifactContents, sha256, "contents")

    def record(self, reference: str, sha256: str) -> BuildRecord:
        """Return how a ZIP was built."""
        return self._of_artifact(reference, BuildRecord, sha256, "record")

    def sbom(self, reference: str, sha256: str) -> dict[str, Any]:
        """Return the bill of materials of a ZIP (CycloneDX)."""
        where = _path_of(self._key(reference), "artifacts", sha256, "sbom")
        return self._session.send(Call("GET", where, _json, central=True))

    def diff(self, reference: str, before: str, after: str) -> ArtifactDiff:
        """Return the packages in which two ZIPs of a package differ. They are named by their SHA-256."""
        where, parameters = _path_of(self._key(reference), "artifacts", verb="diff"), {"from": before, "to": after}
        return self._session.send(Call("GET", where, answer(ArtifactDiff), parameters, central=True))

    def _of_artifact(self, reference: str, model: type[M], *which: str) -> M:
        where = _path_of(self._key(reference), "artifacts", *which)
        return self._session.send(Call("GET", where, answer(model), central=True))

    def compatibility(self, packages: Sequence[str]) -> Compatibility:
        """Whether packages can be attached to one pod. They are slugs, or SLUG@SHA256, the first takes precedence."""
        call = Call("GET", path(ROOT, verb="compatibility"), answer(Compatibility), {"package": packages}, central=True)
        return self._session.send(call)

    def manifest(self, reference: str) -> str:
        """Return the package as YAML to keep in Git: what users decided, without status."""
        return self._session.send(Call("GET", _path_of(self._key(reference), "manifest"), bytes.decode))

    def parse(self, text: ParseRequest) -> ParseResponse:
        """Return the meaning of each line of a requirements.txt, and the list that results. Changes nothing."""
        body = text.model_dump(mode="json", exclude_unset=True)
        return self._session.send(Call("POST", f"/{ROOT}:parse", answer(ParseResponse), body=body))

    def _key(self, reference: str) -> NamespacedName:
        """Namespace and name; only for a slug the API is asked."""
        meant = package_reference(reference, self._session.namespace)
        if meant.slug is None:
            assert meant.key is not None
            return meant.key
        found = self.get(reference)
        return NamespacedName(found.namespace, found.name)

    def _named(self, key: NamespacedName) -> DepPackageResponse:
        return self._session.send(Call("GET", _path_of(key), answer(DepPackageResponse)))

    def _by_slug(self, slug: str) -> DepPackageResponse:
        """The package of a slug, in whichever namespace.

        Whose rights end at a namespace can't find that out alone; the cluster's API can, and shows what they may see.
        """
        call = Call("GET", path(ROOT, "by-slug", slug), answer(DepPackageResponse))
        try:
            return self._session.send(call)
        except ForbiddenError:
            return self._session.send(replace(call, central=True))

    def _request(self, reference: str, verb: Verb) -> RequestResponse:
        """Ask the operator. The token makes it repeatable: however often it arrives, it asks once."""
        token = query(token=secrets.token_hex(8))
        return self._session.send(
            Call("POST", _path_of(self._key(reference), verb=verb), answer(RequestResponse), token)
        )


def _path_of(key: NamespacedName, *more: str, verb: str = "") -> str:
    return path(ROOT, key.namespace, key.name, *more, verb=verb)


def _json(content: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(content)
    return found


def _once() -> dict[str, str]:
    """The header by which a repeated request is known."""
    return {"Idempotency-Key": secrets.token_hex(16)}


def _if_match(etag: str | None) -> dict[str, str]:
    return {"If-Match": etag} if etag else {}
