"""URLs of package indexes: the parts that decide about credentials, redirects and hosts are those connected to.

Programs read one text in several ways: `https://a\\@b/` has the host `a` for one and `b` for another. So every URL, of
a setting, a page's link or a redirect, is read once, by the client's own parser, and from then on it is an `IndexUrl`:
its parts are compared, and its parts are connected to. A text that two programs may read differently is refused.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import urldefrag, urljoin

_DEFAULT_PORTS = {"http": 80, "https": 443}
_AUTHORITY = re.compile(r"(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.IGNORECASE | re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE | re.ASCII)
# A backslash or a control character in disguise, and a percent sign that encodes nothing.
_DISGUISED = re.compile(r"%(?:5c|[01][0-9a-f]|7f|(?![0-9a-f]{2}))", re.IGNORECASE | re.ASCII)
# What some servers cut off or decode before they look for a path (`..;`, `%2f`), and others don't.
_READ_IN_TWO_WAYS = re.compile(r";|%2f|%3b", re.IGNORECASE)


@dataclass(frozen=True, init=False)
class IndexUrl:
    """An http(s) URL that every program reads alike, without a fragment. Only its text makes one."""

    scheme: str
    """http or https."""
    host: str
    """In lower case; an IPv6 address in brackets."""
    port: int
    """The scheme's own where the text names none."""
    path: str
    """Begins with a slash; percent-encoded where needed."""
    query: str | None

    def __init__(self, text: str) -> None:
        """Read the URL. Raises ValueError with the reason, a clause such as "it holds a backslash"."""
        if reason := why_unclear(text):
            raise ValueError(reason)
        # Importing urllib3 takes longer than all else that the steps import.
        from urllib3.exceptions import LocationParseError
        from urllib3.util import parse_url

        try:
            parsed = parse_url(urldefrag(text).url)
        except LocationParseError:
            raise ValueError("it can't be read") from None
        if parsed.scheme not in _DEFAULT_PORTS or not parsed.host or parsed.auth is not None or parsed.port == 0:
            raise ValueError("it is no http(s) URL with a host")
        # An apostrophe in a query is encoded by WHATWG's parsers, uv's among them, and not by RFC 3986's.
        query = None if parsed.query is None else parsed.query.replace("'", "%27")
        for name, value in (
            ("scheme", parsed.scheme),
            ("host", parsed.host),
            ("port", parsed.port or _DEFAULT_PORTS[parsed.scheme]),
            ("path", parsed.path or "/"),
            ("query", query),
        ):
            object.__setattr__(self, name, value)

    def __str__(self) -> str:  # type: ignore[explicit-override] # 3.11 has no typing.override
        return f"{self.scheme}://{self.authority}{self.target}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """Host, and the port if it isn't the scheme's own."""
        return self.host if self.port == _DEFAULT_PORTS[self.scheme] else f"{self.host}:{self.port}"

    @property
    def target(self) -> str:
        """The target of a request line: path and query."""
        return self.path if self.query is None else f"{self.path}?{self.query}"

    @property
    def folder(self) -> str:
        """The path with a slash at its end."""
        return self.path.rstrip("/") + "/"

    @property
    def is_comparable(self) -> bool:
        """True when all servers find the same path in it, so that a prefix of it means something."""
        return not _READ_IN_TWO_WAYS.search(self.path)

    def contains(self, other: IndexUrl) -> bool:
        """Return True when `other` is this place or lies below it, for every server."""
        both = self.is_comparable and other.is_comparable
        return both and self.origin == other.origin and other.folder.startswith(self.folder)

    def leads_to(self, reference: str) -> IndexUrl:
        """Return the URL that a link or a redirect of this page leads to. Raises ValueError as the constructor does."""
        if reason := _hidden_character(reference):
            raise ValueError(reason)
        return IndexUrl(urljoin(str(self), reference))


def why_unclear(url: str) -> str | None:
    """Return the reason, a clause, for which programs may read an http(s) URL differently; None when there is none."""
    if reason := _hidden_character(url):
        return reason
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.lower() not in _DEFAULT_PORTS:
        return "it is no http(s) URL"
    authority, path, _ = _parted(rest)
    if "@" in authority:
        return "it holds a user name or a password"
    match = _AUTHORITY.fullmatch(authority)
    if not match or not _is_plain_host(match["host"]):
        return "its host is no plain name or address"
    if _DISGUISED.search(path):
        return "its path holds an encoded backslash or control character, or a percent sign that encodes nothing"
    segments = path.lower().replace("%2e", ".").replace("%2f", "/").replace("%3b", ";").split("/")
    if any(segment.partition(";")[0] in (".", "..") for segment in segments):
        return 'its path holds a "." or ".." as a folder'
    return None


def _hidden_character(text: str) -> str | None:
    if "\\" in text:
        return "it holds a backslash"
    if any(unicodedata.category(c)[0] in "CZ" for c in text):
        return "it holds a space or a control character"
    return None


def _parted(rest: str) -> tuple[str, str, str]:
    """Authority, path, and the rest, of a URL after its scheme."""
    end = min((at for at in map(rest.find, "?#") if at >= 0), default=len(rest))
    authority, slash, path = rest[:end].partition("/")
    return authority, slash + path, rest[end:]


def _is_plain_host(host: str) -> bool:
    """Return True when it is a name, or an address in its one usual spelling: 127.1 and 0x7f000001 are neither."""
    try:
        if host.startswith("["):
            ipaddress.IPv6Address(host[1:-1])
        elif _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
            ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return not host.startswith(".") and ".." not in host
