"""URLs that may stand after "name @" (PEP 508 direct references): https, no credentials, a package file."""

from __future__ import annotations

import re
from typing import Protocol
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name

from dagy.core.requirements.errors import ErrorCode, RequirementError
from dagy_builder.requirement import ARCHIVES, package_of
from dagy_builder.url import why_unclear


class _Refuse(Protocol):
    def __call__(self, code: ErrorCode, message: str, hint: str, offset: int = 0) -> RequirementError: ...


MARKER_AFTER_URL = "A space is missing before the environment marker."
MARKER_AFTER_URL_HINT = 'Put a space before ";", which could otherwise be part of the URL.'

# RFC 3986 without ";" (it would hide an environment marker) and without "[" and "]" (IPv6 literals).
_URL_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?#@!&'()*+,=%]*")

_VERSION = re.compile(r"v?\d[\w.+!-]*")


def check_url(url: str, name: str, text: str) -> str:
    """Return the URL as given. Raises RequirementError. `text`: the whole requirement; `name`: its package's name."""
    start = text.find(url)

    def refuse(code: ErrorCode, message: str, hint: str, offset: int = 0) -> RequirementError:
        return RequirementError(code, text, message, hint, start + offset if start >= 0 else None)

    if _VERSION.fullmatch(url):
        raise refuse(
            ErrorCode.URL_SCHEME, 'A URL follows "@", not a version.', f'Write "{name}=={url.removeprefix("v")}".'
        )
    _check_characters(url, refuse)
    _check_host(url, refuse)
    _check_file(url, name, refuse)
    return url


def _check_characters(url: str, refuse: _Refuse) -> None:
    if url.partition(":")[0].lower() != "https":
        raise refuse(
            ErrorCode.URL_SCHEME,
            "Only https URLs can be installed from.",
            'Write "name @ https://...", or use a released version.',
        )
    good = _URL_CHARACTERS.match(url)
    end = good.end() if good else 0
    if url[end : end + 1] == ";":
        raise refuse(ErrorCode.URL_MALFORMED, MARKER_AFTER_URL, MARKER_AFTER_URL_HINT, end)
    if end < len(url):
        hint = "Write the character %-encoded (RFC 3986)."
        raise refuse(ErrorCode.URL_MALFORMED, "The URL holds a forbidden character.", hint, end)
    # Anywhere, because a "/" in a password makes the rest of it look like the path.
    if "@" in url:
        raise refuse(
            ErrorCode.URL_CREDENTIALS,
            "The URL carries a user name or a password, which everybody who reads the package could see.",
            'Remove the part before the host; credentials of an index belong in a Secret. Write "@" in a path as %40.',
        )


def _check_host(url: str, refuse: _Refuse) -> None:
    try:
        parts = urlsplit(url)
        readable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        readable = False
    if not readable:
        raise refuse(ErrorCode.URL_MALFORMED, "The URL has no valid host and port.", "Write https://host/path.")
    if reason := why_unclear(url):
        message = f"The URL can be read in two ways, because {reason}."
        raise refuse(ErrorCode.URL_MALFORMED, message, "Write the plain URL: https://host/path.")
    if "?" in url:
        raise refuse(
            ErrorCode.URL_QUERY,
            "The URL has a query, which usually is an access token that everybody who reads the package could use.",
            'Use a URL without "?", or an index whose credentials are in a Secret.',
            url.index("?"),
        )


def _check_file(url: str, name: str, refuse: _Refuse) -> None:
    path = unquote(urlsplit(url).path)
    package = package_of(url)
    if not path.endswith(ARCHIVES) or (path.endswith(".whl") and package is None):
        raise refuse(
            ErrorCode.URL_NOT_A_PACKAGE,
            "The URL does not end in the file name of a package.",
            'Give the URL of the wheel itself, which ends in a name like "name-1.0-py3-none-any.whl".',
        )
    if package is not None and package != canonicalize_name(name):
        raise refuse(
            ErrorCode.URL_OF_OTHER_PACKAGE,
            f'The URL is that of the package "{package}", not of "{name}".',
            f'Write "{package} @ https://..." or correct the URL.',
        )
