"""One repository of a registry, over HTTP: blobs are looked for, mounted, uploaded; manifests put and deleted.

urllib3 speaks HTTP; the protocol is six requests (docs/decisions/2026-11-26-images.md says why no library of it is
used). Everything that waits has an end: each request by its time-outs, all of a client by its `Patience`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

import urllib3

from dagy_builder.contract import Reason
from dagy_builder.image.manifest import MANIFEST_TYPE, Blob
from dagy_builder.image.repository import Repository
from dagy_builder.registry.auth import Challenge, Login, challenge_in, token_in
from dagy_builder.registry.errors import Answer, RegistryError, TransientError, refusal, unreachable
from dagy_builder.trust import client_context

_CONNECT_SECONDS, _READ_SECONDS, _WRITE_SECONDS = 10.0, 60.0, 300.0
# Some registries copy a layer once more before they answer that they have it.
_ANSWER_BYTES = 64 << 10  # a token or an error; manifests are never read
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 8.0
_THERE = (200, 301, 302, 303, 307, 308)  # some registries lead to another place even for HEAD
_T = TypeVar("_T")


@dataclass
class Patience:
    """How long a registry may take: without any progress, and in all, in seconds."""

    idle: float = 60.0
    most: float = 600.0
    _began: float = field(default_factory=time.monotonic)
    _progress: float = field(default_factory=time.monotonic)

    def progress(self) -> None:
        """Count from now."""
        self._progress = time.monotonic()

    @property
    def waited(self) -> float:
        """Seconds without progress."""
        return time.monotonic() - self._progress

    @property
    def is_over(self) -> bool:
        """True when it has taken too long."""
        return self.waited >= self.idle or time.monotonic() - self._began >= self.most


class RegistryClient:
    """A repository, with the rights of a login. Every method raises RegistryError. For one thread."""

    def __init__(
        self, repository: Repository, login: Login | None, patience: Patience, *, plain_http: bool = False
    ) -> None:
        self.repository, self._login, self._patience, self._plain = repository, login, patience, plain_http
        self._pool = urllib3.PoolManager(ssl_context=client_context(), retries=False)
        self._origin = f"{'http' if plain_http else 'https'}://{repository.host}"
        self._authorization: dict[str, str] = {}

    def has_blob(self, blob: Blob) -> bool:
        """Return True when the repository has the blob."""

        def ask() -> bool:
            answer, _ = self._request("HEAD", f"blobs/{blob.digest}")
            if answer.status in _THERE:
                return True
            if answer.status == 404:
                return False
            raise self._refused("look for a layer in", answer)

        return self._patiently("look for a layer in", ask)

    def mount(self, blob: Blob, source: Repository) -> bool:
        """Take the blob over from another repository. Return False when the registry can't or doesn't want to.

        A registry that does not know the blob there begins an upload in its place, which is cancelled.
        """

        def ask() -> bool:
            query = urlencode([("mount", blob.digest), ("from", source.name)])
            answer, headers = self._request(
                "POST", f"blobs/uploads/?{query}", headers={"Content-Length": "0"}, source=source
            )
            if answer.is_transient:
                raise TransientError(f"it answers {answer.status}")
            if answer.status == 202 and "location" in headers:
                with suppress(TransientError, RegistryError):
                    self._request("DELETE", self._place(headers["location"]))
            return answer.status == 201

        return self._patiently("share a layer with", ask)

    def upload(self, blob: Blob, path: Path) -> None:
        """Upload the blob that lies in a file, in one piece; after a break it goes on where the registry stands."""
        place: list[str] = []

        def send() -> None:
            start = self._reached(place) if place else 0
            if not place:
                place[:] = [self._begun()]
            with path.open("rb") as file:
                file.seek(start)
                if start < blob.size:
                    self._send(place, file, start, blob)
            end = _with_query(place[0], [("digest", blob.digest)])
            answer, _ = self._request("PUT", end, headers={"Content-Length": "0"})
            if answer.status != 201:
                place.clear()
                raise self._refused("push a layer to", answer)

        self._patiently("push a layer to", send)
        self._patience.progress()

    def put_manifest(self, manifest: bytes, reference: str) -> None:
        """Put the manifest under its digest or a tag."""

        def put() -> None:
            answer, _ = self._request(
                "PUT", f"manifests/{reference}", headers={"Content-Type": MANIFEST_TYPE}, body=manifest
            )
            if answer.status != 201:
                raise self._refused("push an image to", answer)

        self._patiently("push an image to", put)

    def digest_at(self, tag: str) -> str | None:
        """Return the digest of the image with that tag; None when there is none."""

        def ask() -> str | None:
            answer, headers = self._request("HEAD", f"manifests/{tag}", headers={"Accept": MANIFEST_TYPE})
            if answer.status == 200:
                return headers.get("docker-content-digest", "")
            if answer.status == 404:
                return None
            raise self._refused("look for an image in", answer)

        return self._patiently("look for an image in", ask)

    def delete_image(self, digest: str) -> None:
        """Delete the image with that digest, with its tags; one that is gone is fine."""

        def delete() -> None:
            answer, _ = self._request("DELETE", f"manifests/{digest}")
            if answer.status not in (200, 202, 404):
                raise self._refused("delete an image in", answer)

        self._patiently("delete an image in", delete)

    def _begun(self) -> str:
        answer, headers = self._request("POST", "blobs/uploads/", headers={"Content-Length": "0"})
        if answer.status != 202 or "location" not in headers:
            raise self._refused("push a layer to", answer)
        return self._place(headers["location"])

    def _send(self, place: list[str], file: IO[bytes], start: int, blob: Blob) -> None:
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(blob.size - start)}
        if start:
            headers["Content-Range"] = f"{start}-{blob.size - 1}"
        answer, told = self._request("PATCH", place[0], headers=headers, body=file)
        if answer.status not in (202, 204):
            if not answer.is_transient:
                place.clear()  # whatever it has of it, the next try begins anew
            raise self._refused("push a layer to", answer)
        place[:] = [self._place(told.get("location", place[0]))]
        self._patience.progress()

    def _reached(self, place: list[str]) -> int:
        """Return how many bytes of an upload the registry has; an upload that it forgot begins anew, with 0."""
        answer, headers = self._request("GET", place[0])
        _, dash, last = headers.get("range", "").removeprefix("bytes=").partition("-")
        if answer.status != 204 or not dash or not last.isdecimal():
            place[:] = [self._begun()]
            return 0
        place[:] = [self._place(headers.get("location", place[0]))]
        return int(last) + 1 if int(last) else 0

    def _request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | IO[bytes] | None = None,
        source: Repository | None = None,
    ) -> tuple[Answer, Mapping[str, str]]:
        """Send a request, and once more with credentials when it is answered with 401. Raises TransientError."""
        start = body.tell() if body is not None and not isinstance(body, bytes) else 0
        answer, told = self._sent(method, path, dict(headers or {}), body)
        if answer.status != 401 or not self._authenticate(told.get("www-authenticate", ""), source):
            return answer, told
        if body is not None and not isinstance(body, bytes):
            body.seek(start)
        return self._sent(method, path, dict(headers or {}), body)

    def _sent(
        self, method: str, path: str, headers: dict[str, str], body: bytes | IO[bytes] | None
    ) -> tuple[Answer, Mapping[str, str]]:
        url = path if "://" in path else f"{self._origin}/v2/{self.repository.name}/{path}"
        if url.startswith(f"{self._origin}/"):  # an upload may be led elsewhere, and credentials are the registry's
            headers |= self._authorization
        return self._exchange(method, url, headers, body)

    def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | IO[bytes] | None = None
    ) -> tuple[Answer, Mapping[str, str]]:
        patient = method in ("PATCH", "PUT")
        timeout = urllib3.Timeout(connect=_CONNECT_SECONDS, read=_WRITE_SECONDS if patient else _READ_SECONDS)
        try:
            response = self._pool.request(
                method, url, headers=headers, body=body, timeout=timeout, redirect=False, preload_content=False
            )
            try:
                data = b"" if method == "HEAD" else response.read(_ANSWER_BYTES)
            finally:
                response.close() if response.status >= 400 else response.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise TransientError(_cause(error)) from error
        return Answer(response.status, data), {name.lower(): value for name, value in response.headers.items()}

    def _authenticate(self, header: str, source: Repository | None) -> bool:
        """Take up the registry's challenge. Return False when that can't change its answer."""
        challenge = challenge_in(header, plain_http=self._plain)
        before = self._authorization.get("Authorization")
        if challenge is None:
            return False
        if not challenge.realm:
            self._authorization = {"Authorization": self._login.basic} if self._login else {}
        elif token := self._token(challenge, source):
            self._authorization = {"Authorization": f"Bearer {token}"}
        return self._authorization.get("Authorization") not in (None, before)

    def _token(self, challenge: Challenge, source: Repository | None) -> str | None:
        scopes = [f"repository:{self.repository.name}:pull,push,delete"]
        if source:
            scopes.append(f"repository:{source.name}:pull")
        query = [("service", challenge.service), *(("scope", scope) for scope in scopes)]
        headers = {"Authorization": self._login.basic} if self._login else {}
        answer, _ = self._exchange("GET", _with_query(challenge.realm, query), headers)
        if answer.is_transient:
            raise TransientError(f"its token server answers {answer.status}")
        return token_in(answer.body) if answer.status == 200 else None

    def _place(self, location: str) -> str:
        """Return an upload's place as an absolute URL. Raises RegistryError for one that gives up TLS."""
        url = urljoin(f"{self._origin}/", location)
        if urlsplit(url).scheme != "https" and not self._plain:
            raise RegistryError(
                Reason.REGISTRY_REFUSED,
                f"{self.repository} wants layers to be sent without TLS, which is not done. Correct the registry's "
                "address in its own configuration, then request a build.",
            )
        return url

    def _refused(self, what: str, answer: Answer) -> Exception:
        if answer.is_transient:
            return TransientError(f"it answers {answer.status}")
        return refusal(what, str(self.repository), answer)

    def _patiently(self, what: str, work: Callable[[], _T]) -> _T:
        """Do the work, again after each passing failure, until it takes too long. Raises RegistryError."""
        pause = _FIRST_PAUSE
        while True:
            try:
                done = work()
            except TransientError as error:
                if self._patience.is_over:
                    raise unreachable(what, str(self.repository), str(error), self._patience.waited) from error
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                self._patience.progress()
                return done


def _with_query(url: str, query: Sequence[tuple[str, str]]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"


def _cause(error: Exception) -> str:
    """Return the innermost cause in a few words, without addresses of objects."""
    reason = getattr(error, "reason", None)
    inner = reason if isinstance(reason, Exception) else error
    text = str(inner).rpartition("> ")[2].rpartition("): ")[2] or type(inner).__name__
    return text.rstrip(".")[:200]
