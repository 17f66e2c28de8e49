"""`dagy packages diff`, `contents` and `lock`: what lies in the ZIPs of a package; `manifest`: what it is made from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from cyclopts import Parameter

from dagy.client import Client
from dagy.commands import output, terminal
from dagy.commands.connection import DONE, FAILED, connected, with_exit_code
from dagy.commands.options import DEFAULT, Api, Package
from dagy.model.rest.artifacts import ArtifactDiff
from dagy.model.rest.packages import DepPackageResponse
from dagy_builder.sizes import human_size

_Sha256 = Annotated[str | None, Parameter(help="SHA-256 of a ZIP, or how it begins; see `dagy packages show`.")]


@with_exit_code
def diff(package: Package, /, *, before: _Sha256 = None, after: _Sha256 = None, api: Api = DEFAULT) -> int:
    """Show the difference; `dagy.commands.packages.commands` has the help."""
    with connected(api) as client:
        known = _known(client.packages.get(package))
        later = _one(known, after or "")
        earlier = _one(known[known.index(later) + 1 :] if later and not before else known, before or "")
        if not earlier or not later:
            terminal.note(
                f"Package {package} keeps no two such ZIPs. `dagy packages show {package}` lists those it keeps."
            )
            return FAILED
        found = client.packages.diff(package, earlier, later)
    if api.as_json:
        output.as_json(found)
    else:
        for line in difference(found):
            terminal.say(line)
    return DONE


@with_exit_code
def contents(
    package: Package,
    /,
    *,
    sha256: _Sha256 = None,
    files: Annotated[bool, Parameter(negative="", help="List the files, the largest first.")] = False,
    api: Api = DEFAULT,
) -> int:
    """Show the contents; `dagy.commands.packages.commands` has the help."""
    with connected(api) as client:
        which = _which(client, package, sha256)
        if not which:
            return FAILED
        found = client.packages.contents(package, which)
    if api.as_json:
        output.as_json(found)
    elif files:
        largest = sorted(found.files, key=lambda file: -file.size)
        lines = ((human_size(one.size), human_size(one.compressed), one.path) for one in largest)
        output.table(("SIZE", "IN ZIP", "PATH"), lines)
    else:
        rows = ((one.name, one.version or "-", human_size(one.bytes), str(one.files)) for one in found.distributions)
        output.table(("PACKAGE", "VERSION", "SIZE", "FILES"), rows)
    return DONE


@with_exit_code
def lock(package: Package, /, *, sha256: _Sha256 = None, api: Api = DEFAULT) -> int:
    """Print the lock; `dagy.commands.packages.commands` has the help."""
    with connected(api) as client:
        which = _which(client, package, sha256)
        if not which:
            return FAILED
        if api.as_json:
            output.as_json(client.packages.lock(package, which))
        else:
            terminal.say(client.packages.pylock(package, which), end="")
    return DONE


@with_exit_code
def manifest(package: Package, /, *, api: Api = DEFAULT) -> int:
    """Print the manifest; `dagy.commands.packages.commands` has the help."""
    with connected(api) as client:
        text = client.packages.manifest(package)
    if api.as_json:
        output.as_json({"manifest": text})
    else:
        terminal.say(text, end="")
    return DONE


def _which(client: Client, package: str, begins: str | None) -> str | None:
    """SHA-256 of the ZIP that is meant, or None after a word about it."""
    found = _one(_known(client.packages.get(package)), begins or "")
    if not found:
        terminal.note(f"Package {package} keeps no such ZIP. `dagy packages show {package}` lists its ZIPs.")
    return found


def difference(found: ArtifactDiff) -> Iterator[str]:
    """One line for each package that is not the same."""
    for one in found.added:
        yield f"+ {one.name} {one.version or ''}{_size(one.bytes)}"
    for one in found.removed:
        yield f"- {one.name} {one.version or ''}{_size(one.bytes)}"
    for change in found.changed:
        grown = None if change.bytes_from is None or change.bytes_to is None else change.bytes_to - change.bytes_from
        size = "" if not grown else f" ({'+' if grown > 0 else '-'}{human_size(abs(grown))})"
        yield f"~ {change.name} {change.from_version or ''} -> {change.to_version or ''}{size}"
    if not (found.added or found.removed or found.changed):
        yield "They hold the same packages."


def _size(taken: int | None) -> str:
    return "" if taken is None else f" ({human_size(taken)})"


def _known(package: DepPackageResponse) -> list[str]:
    """SHA-256 of the ZIPs, the newest first."""
    return [one.sha256 for one in (package.artifact, *package.history) if one]


def _one(known: list[str], begins: str) -> str | None:
    """The first that begins so."""
    return next((sha256 for sha256 in known if sha256.startswith(begins)), None)
