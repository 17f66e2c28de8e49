"""Credentials of a registry: a docker config in, the header Authorization out. Pure.

Source: Distribution's "Token Authentication Specification"; RFC 7617 (Basic), RFC 6750 (Bearer).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

_CONFIG_BYTES = 1 << 20
_PARAMETER = re.compile(r'\b([A-Za-z_]+)="([^"]*)"')
_DOCKER_HUB = "https://index.docker.io/v1/"


@dataclass(frozen=True)
class Login:
    """A user of a registry."""

    username: str
    password: str = field(repr=False)

    @property
    def basic(self) -> str:
        """Value of Authorization."""
        pair = base64.b64encode(f"{self.username}:{self.password}".encode())
        return f"Basic {pair.decode()}"


@dataclass(frozen=True)
class Challenge:
    """What a registry wants to see (WWW-Authenticate): Basic where `realm` is empty, else a token of `realm`."""

    realm: str = ""
    service: str = ""


def read_login(path: Path, host: str) -> Login | None:
    """Return the login for a registry from a docker config; None where there is none. Raises ValueError."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        text = file.read(_CONFIG_BYTES + 1)
    if len(text) > _CONFIG_BYTES:
        raise ValueError(f"it is larger than {_CONFIG_BYTES} bytes")
    return login_in(text, host)


def login_in(config: bytes, host: str) -> Login | None:
    """Return the login for `host` (HOST[:PORT]) that a docker config has. Raises ValueError when it can't be read."""
    try:
        auths = json.loads(config).get("auths") or {}
        for name in _names_of(host):
            if isinstance(entry := auths.get(name), dict):
                return _login(entry)
    except (AttributeError, TypeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"it is no docker config ({type(error).__name__})") from None
    return None


def _login(entry: dict[str, str]) -> Login | None:
    if entry.get("username"):
        return Login(entry["username"], entry.get("password", ""))
    user, _, password = base64.b64decode(entry.get("auth", ""), validate=True).decode().partition(":")
    return Login(user, password) if user else None


def _names_of(host: str) -> Iterable[str]:
    """Yield the names under which docker and its kin write a registry's login."""
    yield from (
        host,
        f"https://{host}",
        f"https://{host}/",
        f"https://{host}/v2/",
        f"https://{host}/v1/",
        f"http://{host}",
    )
    if host in ("docker.io", "index.docker.io", "registry-1.docker.io"):
        yield _DOCKER_HUB


def challenge_in(header: str, *, plain_http: bool) -> Challenge | None:
    """Return the challenge of a 401's header; None for one that is not answered.

    A password goes to the place that the registry names, so that place must have TLS, unless the registry itself has
    none by the administrator's will.
    """
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() == "basic":
        return Challenge()
    told = {name.lower(): value for name, value in _PARAMETER.findall(rest)}
    realm = urlsplit(told.get("realm", ""))
    allowed = ("https", "http") if plain_http else ("https",)
    if scheme.lower() != "bearer" or realm.scheme not in allowed or not realm.hostname:
        return None
    return Challenge(told["realm"], told.get("service", ""))


def token_in(body: bytes) -> str | None:
    """Return the token in the answer of a token server; None when it has none that can be a header."""
    try:
        told = json.loads(body)
        token = told.get("token") or told.get("access_token")
    except (ValueError, AttributeError, RecursionError):
        return None
    return token if isinstance(token, str) and token.isascii() and token.isprintable() else None
