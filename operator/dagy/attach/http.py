"""HTTP for the init container: URLs from the API, and parts of objects straight into memory. A connection per call."""

from __future__ import annotations

import http.client
import json
import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any
from urllib.parse import SplitResult, urlsplit

from dagy.attach.failure import AttachError, UnavailableError

_TIMEOUT_SECONDS = 20
_ANSWER_BYTES = 1 << 20
_TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}


class ExpiredError(UnavailableError):
    """The store refuses a URL, most likely because its time is over."""


class GoneError(AttachError):
    """The store has no such object, or another one."""


class Client:
    """Requests to API and store. `authority`: PEM certificates for the API, which trusts nobody else."""

    def __init__(self, authority: str) -> None:
        self._authority = authority
        self.added_authorities = ""
        """PEM certificates that are trusted for the store, beside the image's."""

    @cached_property
    def _api_trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self._authority)

    @cached_property
    def _store_trust(self) -> ssl.SSLContext:
        context = _public_trust()
        if self.added_authorities:
            context.load_verify_locations(cadata=self.added_authorities)
        return context

    def ask_api(self, url: str, token: str, body: Mapping[str, Any]) -> Any:
        """POST JSON to the API; return its answer. Raises UnavailableError, or AttachError with the API's sentence."""
        parts = urlsplit(url)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            with _answer(parts, self._api_trust, "POST", headers, json.dumps(body)) as answer:
                data = answer.read(_ANSWER_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise UnavailableError(f"The API at {parts.netloc} does not answer ({_said(error)}).") from error
        if answer.status in _TRY_AGAIN:
            raise UnavailableError(f"The API at {parts.netloc} answers {answer.status}: {_detail(data)}")
        if answer.status != 200:
            raise AttachError(f"The API refuses the packages ({answer.status}): {_detail(data)}")
        try:
            return json.loads(data)
        except ValueError as error:
            raise UnavailableError(f"The API at {parts.netloc} gives an answer that can't be read.") from error

    def read_range(self, url: str, into: memoryview, start: int, whole: int) -> None:
        """Fill `into` with an object's bytes from `start`. `whole`: the object's size.

        Raises UnavailableError, or GoneError.
        """
        parts = urlsplit(url)
        end = start + len(into)
        trust = self._store_trust if parts.scheme == "https" else None
        try:
            with _answer(parts, trust, "GET", {"Range": f"bytes={start}-{end - 1}"}) as answer:
                if answer.status in (401, 403):
                    raise ExpiredError(f"The store at {parts.netloc} refuses the URL ({answer.status}).")
                if answer.status == 404:
                    raise GoneError(f"the store at {parts.netloc} has no such object")
                said = answer.headers.get("Content-Range", "")
                there = said.rpartition("/")[2]
                if answer.status in (206, 416) and there.isdigit() and int(there) != whole:
                    raise GoneError(f"the store at {parts.netloc} has {there} bytes instead of {whole} there")
                if answer.status != 206 or said != f"bytes {start}-{end - 1}/{whole}":
                    size = f", {said}" if said else ""
                    raise UnavailableError(f"The store at {parts.netloc} answers {answer.status}{size}.")
                _fill(answer, into)
        except (OSError, http.client.HTTPException) as error:
            raise UnavailableError(f"The store at {parts.netloc} does not answer ({_said(error)}).") from error


def _public_trust() -> ssl.SSLContext:
    """Return the trust in the image's own authorities.

    OpenSSL looks into a folder of them only for the one that a certificate names; it reads a file of them whole, which
    takes 45 ms of CPU for the 144 of Debian.
    """
    folder = None if os.environ.get("SSL_CERT_FILE") else ssl.get_default_verify_paths().capath
    return ssl.create_default_context(capath=folder)


@contextmanager
def _answer(
    parts: SplitResult, trust: ssl.SSLContext | None, method: str, headers: Mapping[str, str], body: str | None = None
) -> Iterator[http.client.HTTPResponse]:
    host, target = parts.hostname or "", f"{parts.path}?{parts.query}" if parts.query else parts.path
    if parts.scheme == "https":
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, parts.port, timeout=_TIMEOUT_SECONDS, context=trust
        )
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request(method, target, body, dict(headers))
        with connection.getresponse() as answer:
            yield answer
    finally:
        connection.close()


def _fill(answer: http.client.HTTPResponse, into: memoryview) -> None:
    filled = 0
    while filled < len(into):
        count = answer.readinto(into[filled:])
        if not count:
            raise UnavailableError(f"The store ended the transfer {len(into) - filled} bytes early.")
        filled += count


def _detail(data: bytes) -> str:
    """Return the sentence of problem details (RFC 9457), or the beginning of any other text."""
    try:
        return str(json.loads(data)["detail"])
    except (ValueError, KeyError, TypeError):
        return data[:200].decode(errors="replace")


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
