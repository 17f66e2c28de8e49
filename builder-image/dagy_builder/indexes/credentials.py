"""Credentials for package indexes: their parts, and the URLs they may be sent to. Pure but for `read_credentials`."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dagy_builder.redact import spellings
from dagy_builder.url import IndexUrl

KEYS = ("url", "username", "password", "token")
TOKEN_USERNAME = "__token__"  # noqa: S105 what PyPI, and most indexes after it, call the user of a token


@dataclass(frozen=True)
class Credential:
    """Basic credentials (RFC 7617) for everything at and below a place, and for nothing else."""

    source: str
    """Their origin, for messages, such as "Secret team-index"."""
    place: IndexUrl
    username: str = field(repr=False)
    password: str = field(repr=False)

    def covers(self, url: IndexUrl) -> bool:
        """Return True when they may be sent there: same scheme, host and port, and a path at or below the place's."""
        return self.place.contains(url)

    @property
    def authorization(self) -> str:
        """Value of the header `Authorization`."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()

    @property
    def secret_values(self) -> tuple[str, ...]:
        """Texts that must never be shown: the password, plain and as it appears in URLs and headers."""
        return spellings(self.password, f"{self.username}:{self.password}")


def credential_of(source: str, fields: Mapping[str, str]) -> Credential:
    """Return the credential out of a Secret's keys. Raises ValueError with the reason, a clause that names no value."""
    given = {key: fields[key].rstrip("\r\n") for key in KEYS if fields.get(key, "").rstrip("\r\n")}
    place = _place(given.get("url", ""))
    token, password, username = (given.get(key) for key in ("token", "password", "username"))
    if token and (password or username):
        raise ValueError("has a token beside a username or a password; keep one of the two")
    if token:
        return Credential(source, place, TOKEN_USERNAME, _printable("token", token))
    if not (username and password):
        raise ValueError("needs the keys username and password, or the key token")
    if ":" in username:
        raise ValueError("has a username with a colon, which Basic authentication can't carry")
    return Credential(source, place, _printable("username", username), _printable("password", password))


def _printable(key: str, value: str) -> str:
    if not value.isprintable():
        raise ValueError(f"has a {key} with line breaks or control characters")
    return value


def _place(url: str) -> IndexUrl:
    if not url:
        raise ValueError("needs the key url: the index, or the folder above it, that the credentials are for")
    try:
        place = IndexUrl(url)
    except ValueError as error:
        raise ValueError(f"has under its key url no http(s) URL that can be used: {error}") from None
    if place.query is not None or "#" in url or not place.is_comparable:
        raise ValueError("has under its key url more than scheme, host and a plain path")
    return place


def best_for(url: IndexUrl, credentials: Iterable[Credential]) -> Credential | None:
    """Return the credential with the longest path among those that cover the URL; of equal ones the first."""
    covering = [one for one in credentials if one.covers(url)]
    return max(covering, key=lambda one: len(one.place.folder), default=None)


def read_credentials(folder: Path) -> tuple[list[Credential], list[str]]:
    """The credentials below a folder, one in each subfolder with the keys as files, and the faults of others.

    A subfolder is named like its Secret, after a number and "_" that put them in order. Names that begin with a
    dot are Kubernetes' own.
    """
    found: list[Credential] = []
    problems: list[str] = []
    inside = folder.iterdir() if folder.is_dir() else []
    for place in sorted(path for path in inside if path.is_dir() and not path.name.startswith(".")):
        fields = {key: _text(place / key) for key in KEYS}
        if not any(fields.values()):
            continue  # an optional Secret that isn't there
        name = place.name.partition("_")[2] or place.name
        try:
            found.append(credential_of(f"Secret {name}", fields))
        except ValueError as error:
            problems.append(f"Secret {name} {error}")
    return found, problems


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""
