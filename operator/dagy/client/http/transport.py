"""The way to the API: URL, token, certificates, time-outs, and logs without secrets."""

from __future__ import annotations

import logging
import os
import re
import ssl
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import httpx
from typing_extensions import override

from dagy.client.http.errors import SetupError
from dagy.client.http.requests import Call
from dagy.client.http.tokens import TokenSource, token_source

URL_VARIABLE = "DAGY_API_URL"
CA_VARIABLE = "DAGY_CA_FILE"
CONNECT_SECONDS = 10.0
_STORE_SECONDS = 60.0
"""Longest silence of the object store while a part is sent."""
_SIGNATURE = re.compile(r"(https?://[^\s?\"']+)\?[^\s\"']*(?:X-Amz-|Signature=)[^\s\"']*", re.IGNORECASE)


@dataclass(frozen=True)
class Setup:
    """Settings by which the API is reached."""

    url: str
    auth: httpx.Auth | None
    verify: ssl.SSLContext | bool
    timeout: httpx.Timeout

    def __post_init__(self) -> None:
        _redact_signed_urls()

    def arguments(self) -> dict[str, Any]:
        """Of httpx.Client."""
        headers = {"User-Agent": f"dagy/{version('dagy')}", "Accept": "application/json"}
        return {"base_url": self.url, "auth": self.auth, "timeout": self.timeout, "headers": headers}


def setup(
    url: str | None,
    token: str | None,
    ca_file: str | os.PathLike[str] | None,
    timeout: float,
    environ: Mapping[str, str] = os.environ,
) -> Setup:
    """Check what was given and fill in what was not, from the environment. Raises SetupError."""
    base = (url or environ.get(URL_VARIABLE) or "").rstrip("/")
    if not base:
        raise SetupError(
            f"No URL of the API was given. Pass it, or set {URL_VARIABLE}, e.g. to https://api.example.com."
        )
    return Setup(
        url=checked_url(base),
        auth=TokenAuth(token_source(token, environ)),
        verify=trust(ca_file or environ.get(CA_VARIABLE)),
        timeout=httpx.Timeout(timeout, connect=min(timeout, CONNECT_SECONDS)),
    )


def checked_url(base: str) -> str:
    """A URL to which a token may go. Raises SetupError."""
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise SetupError("The URL of the API must look like https://api.example.com, without a user or a password.")
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise SetupError(
            f"{base} is not encrypted, so everyone on the way could read the token and use it. Use its https URL."
        )
    return base.rstrip("/")


def unauthenticated(timeout: float) -> Setup:
    """For an API that needs neither URL nor token, because its transport is private."""
    ca_file = os.environ.get(CA_VARIABLE)
    return Setup("http://dagy", None, trust(ca_file), httpx.Timeout(timeout, connect=CONNECT_SECONDS))


def store_arguments(timeout: float) -> dict[str, Any]:
    """Of the client that reads and writes signed URLs: whoever answers there must never see the token."""
    return {"timeout": httpx.Timeout(max(timeout, _STORE_SECONDS), connect=CONNECT_SECONDS)}


class TokenAuth(httpx.Auth):
    """The header Authorization, with the token as it is at the time of each request."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    @override
    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._source()}"
        yield request


def trust(ca_file: str | os.PathLike[str] | None) -> ssl.SSLContext | bool:
    """Return the trusted certificates: httpx's (with SSL_CERT_FILE's), and those in `ca_file`. Raises SetupError."""
    if ca_file is None:
        return True
    context = httpx.create_ssl_context()
    try:
        context.load_verify_locations(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SetupError(
            f"The certificates in {os.fspath(ca_file)} cannot be used: {error.strerror or error}."
        ) from error
    return context


def request(http: httpx.Client, call: Call[Any], timeout: httpx.Timeout | None = None) -> httpx.Request:
    """A call as httpx sends it."""
    return http.build_request(
        call.method,
        call.path,
        params=dict(call.query) or None,
        json=call.body,
        headers=dict(call.headers),
        timeout=timeout or http.timeout,
    )


class _Redaction(logging.Filter):
    """httpx logs each URL at level INFO, and a signed one lets everyone in who reads the log."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        redacted = _SIGNATURE.sub(r"\1?...", message)
        if redacted != message:
            record.msg, record.args = redacted, None
        return True


def _redact_signed_urls() -> None:
    logger = logging.getLogger("httpx")
    if not any(isinstance(one, _Redaction) for one in logger.filters):
        logger.addFilter(_Redaction())
