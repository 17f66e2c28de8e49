"""Reading an index's page about one package: the list of its files (PEP 503 and PEP 691). Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import PurePosixPath
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from dagy_builder.redact import redact

_STATUS = re.compile(r"[a-z]{1,20}")
_FILENAME_CHARACTERS = 512


@dataclass(frozen=True, slots=True)
class IndexFile:
    """A wheel or a source distribution of an index."""

    version: Version
    tags: frozenset[Tag] | None = None
    """None for a source distribution."""
    requires_python: SpecifierSet | None = None
    withdrawn: str | None = None
    """The reason given for yanking it (PEP 592), which may be ""; None when it was not yanked."""
    uploaded: datetime | None = None
    """With a time zone; None when the index doesn't tell."""
    size: int | None = None
    """In bytes (PEP 700); None when the index doesn't tell."""


@dataclass(frozen=True)
class IndexPage:
    """A package's page."""

    files: list[IndexFile]
    """Equal parts of them, such as tags, are the same objects: a page repeats few of them."""
    status: str | None = None
    """What its authors or the index say of the project (PEP 792): active, archived, quarantined, deprecated."""


def files_of(name: str, body: bytes, content_type: str) -> list[IndexFile] | None:
    """Return the files of a package's page, or None when it can't be read. Files of no known kind are left out."""
    page = page_of(name, body, content_type)
    return None if page is None else page.files


def page_of(name: str, body: bytes, content_type: str) -> IndexPage | None:
    """Return a package's page, or None when it can't be read. Files of no known kind are left out."""
    try:
        if "json" in content_type.lower():
            whole = json.loads(body)
            entries, status = _json_entries(whole), _json_status(whole)
        else:
            page = _html_page(body)
            entries, status = page.entries, page.status
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    return IndexPage(list(_files(canonicalize_name(name), entries)), _status(status))


def uploaded_before(files: Iterable[IndexFile], cutoff: datetime) -> list[IndexFile]:
    """Return the files that were uploaded before a time. As for uv, a file whose time is unknown was not."""
    moment = cutoff if cutoff.tzinfo else cutoff.replace(tzinfo=UTC)
    return [file for file in files if file.uploaded is not None and file.uploaded < moment]


def _files(name: str, entries: Iterable[Mapping[str, object]]) -> Iterator[IndexFile]:
    versions: dict[Version, Version] = {}
    tag_sets: dict[frozenset[Tag] | None, frozenset[Tag] | None] = {}
    specifiers: dict[object, SpecifierSet | None] = {}
    for entry in entries:
        filename = str(entry.get("filename") or "")
        if len(filename) > _FILENAME_CHARACTERS:
            continue
        try:
            if filename.endswith(".whl"):
                named, version, _, tags = parse_wheel_filename(filename)
            else:
                (named, version), tags = parse_sdist_filename(filename), None
        except (InvalidWheelFilename, InvalidSdistFilename):
            continue
        if named == name:
            asked = str(entry.get("requires-python") or "")
            if asked not in specifiers:
                specifiers[asked] = _specifier(asked)
            yield IndexFile(
                versions.setdefault(version, version),
                tag_sets.setdefault(tags, tags),
                specifiers[asked],
                _withdrawn(entry.get("yanked")),
                _time(entry.get("upload-time")),
                _size(entry.get("size")),
            )


def _json_entries(page: Mapping[str, object]) -> list[Mapping[str, object]]:
    files = page["files"]
    if not isinstance(files, list):
        raise TypeError("its files are no list")
    return [entry for entry in files if isinstance(entry, Mapping)]


def _json_status(page: Mapping[str, object]) -> object:
    told = page.get("project-status")
    return told.get("status") if isinstance(told, Mapping) else None


def with_other_links(body: bytes, content_type: str, name: str, link: Callable[[str], str | None]) -> dict[str, object]:
    """The page of a package as JSON (PEP 691) whose file links went through `link`; where that gives None, the file is
    left out.

    Raises ValueError when it is no page.
    """
    try:
        if "json" in content_type.lower():
            page = dict(json.loads(body))
            entries = _json_entries(page)
        else:
            page = {"meta": {"api-version": "1.1"}, "name": name}
            entries = _html_page(body).entries
        linked = [(entry, link(str(entry["url"]))) for entry in entries]
    except (TypeError, LookupError, RecursionError) as error:
        raise ValueError(f"no page of a package index: {error}") from error
    page["files"] = [{**entry, "url": url} for entry, url in linked if url is not None]
    return page


def _html_page(body: bytes) -> _HtmlPage:
    page = _HtmlPage()
    page.feed(body.decode("utf-8", errors="replace"))
    page.close()
    return page


class _HtmlPage(HTMLParser):
    """The links of a page of PEP 503, with the attributes of PEP 503, 592, 700 and 714 under their names in JSON."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[Mapping[str, object]] = []
        self.status: object = None
        self._base = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # type: ignore[explicit-override] # 3.11
        """One more file, when it is a link; the project's status, when that is told."""
        given = dict(attrs)
        href = given.get("href")
        if tag == "base" and href and not self._base:
            self._base = href
        if tag == "meta" and given.get("name") == "pypi:project-status":
            self.status = given.get("content")
        if tag != "a" or not href:
            return
        url, fragment = urldefrag(urljoin(self._base, href))
        algorithm, _, value = fragment.partition("=")
        entry: dict[str, object] = {
            "filename": PurePosixPath(unquote(urlsplit(url).path)).name,
            "url": url,
            "hashes": {algorithm: value} if value else {},
        }
        for name in ("requires-python", "upload-time"):
            if text := given.get(f"data-{name}"):
                entry[name] = text
        if "data-yanked" in given:
            entry["yanked"] = given["data-yanked"] or True
        if metadata := given.get("data-core-metadata") or given.get("data-dist-info-metadata"):
            algorithm, _, value = metadata.partition("=")
            entry["core-metadata"] = {algorithm: value} if value else True
        self.entries.append(entry)


def _specifier(value: str) -> SpecifierSet | None:
    """Return the specifier; None, which excludes nothing, where it can't be read, as for uv."""
    if not value:
        return None
    try:
        return SpecifierSet(value)
    except InvalidSpecifier:
        return None


def _withdrawn(value: object) -> str | None:
    """Return the author's words as part of a message: one line, bounded."""
    if isinstance(value, str) and value:
        return " ".join(redact(value).split())[:200]
    return "" if value is True else None


def _time(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)


def _size(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 50 else None


def _status(value: object) -> str | None:
    return value if isinstance(value, str) and _STATUS.fullmatch(value) else None
