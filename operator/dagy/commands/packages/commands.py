"""`dagy packages`: what is there, and what can be asked of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from dagy.client import Client
from dagy.commands import output, terminal
from dagy.commands.connection import DONE, FAILED, connected, namespace_of, with_exit_code
from dagy.commands.options import ALL_OPTIONS, DEFAULT, AllNamespaces, Api, Follow, Package, Timeout, Wait
from dagy.commands.packages.text import HEADINGS, ended, page, row
from dagy.commands.packages.wait import wait_for
from dagy.model.rest.packages import RequestResponse
from dagy.model.status import Phase
from dagy_builder.platforms import PythonVersion

app = App(name="packages", default_parameter=ALL_OPTIONS)
# Their help stands here, because a command that isn't run isn't imported.
app.command(
    "dagy.commands.packages.edit:create",
    name="create",
    help="""Create a package, which is validated and built at once.

    Exit code 1: lines of the file are wrong, the name is taken, or (with --wait) the build failed.
    """,
)
app.command(
    "dagy.commands.packages.watch:watch",
    name="watch",
    help="Print packages as they are, then whatever becomes of them, until it is interrupted.",
)
app.command(
    "dagy.commands.packages.artifacts:diff",
    name="diff",
    help="""Show how the ZIPs of a package differ: the present one and the one before it, or any two.

    Exit code 1: there are not two.
    """,
)
app.command(
    "dagy.commands.packages.artifacts:contents",
    name="contents",
    help="Show what takes the space in the ZIP of a package.",
)
app.command(
    "dagy.commands.packages.artifacts:lock",
    name="lock",
    help="Print the lock that the ZIP of a package was installed from: a pylock.toml (PEP 751).",
)
app.command(
    "dagy.commands.packages.compatible:compatible",
    name="compatible",
    help="""Say whether packages can be attached together, before a pod or a flow asks for them.

    Prints what would be attached, each pinned by its SHA-256. Exit code 1: they can't, with the reason.
    """,
)
app.command(
    "dagy.commands.packages.artifacts:manifest",
    name="manifest",
    help="Print a package as YAML to keep in Git: what users decided, without status.",
)
app.command(
    "dagy.commands.packages.edit:import_file",
    name="import",
    help="""Add a requirements.txt to a package.

    New names are added and same versions skipped. Where the package has another version that is a conflict: it is
    shown, and nothing changes until each one is settled by one of the options. Exit code 1: conflicts that aren't
    settled, or lines that are wrong.
    """,
)
app.command(
    "dagy.commands.packages.index:search",
    name="search",
    help="""Find projects in the package index by name.

    The index is the one that the administrator has configured, and the cluster's API searches it. Names that packages
    of the namespace use come first. Exit code 1: nothing is known that is like it.
    """,
)
app.command(
    "dagy.commands.packages.index:versions",
    name="versions",
    help="List the releases of a project, the newest first, and which of them fit.",
)


@app.command(name="list")
@with_exit_code
def list_packages(
    *,
    search: Annotated[
        str | None, Parameter(help="Only those with these words in name, description, slug or list.")
    ] = None,
    status: Annotated[Phase | None, Parameter(help="Only those with this status.")] = None,
    python: Annotated[PythonVersion | None, Parameter(help="Only those for this Python version.")] = None,
    all_namespaces: AllNamespaces = False,
    api: Api = DEFAULT,
) -> int:
    """List packages with their slugs."""
    namespace = None if all_namespaces else namespace_of(api)
    with connected(api) as client:
        found = list(client.packages.list(namespace, search=search, phase=status, python_version=python))
    if api.as_json:
        output.as_json(found)
    else:
        where = "in any namespace" if namespace is None else f"in namespace {namespace}"
        output.listing(
            found,
            HEADINGS,
            row,
            f"There is no such package {where}. `dagy packages create --help` says how to make one.",
        )
    return DONE


@app.command
@with_exit_code
def show(package: Package, /, *, api: Api = DEFAULT) -> int:
    """Show all about a package."""
    with connected(api) as client:
        found = client.packages.get(package)
    if api.as_json:
        output.as_json(found)
    else:
        output.fields(page(found))
    return DONE


@app.command
@with_exit_code
def validate(package: Package, /, *, wait: Wait = False, timeout: Timeout = 1800.0, api: Api = DEFAULT) -> int:
    """Check that the requirements resolve together."""
    return _requested(api, package, lambda client: client.packages.validate(package), wait, timeout)


@app.command(name=["build", "rebuild"])
@with_exit_code
def build(package: Package, /, *, wait: Wait = False, timeout: Timeout = 1800.0, api: Api = DEFAULT) -> int:
    """Build a package, or build it again: from the same versions, unless its list has changed."""
    return _requested(api, package, lambda client: client.packages.build(package), wait, timeout)


@app.command
@with_exit_code
def refresh(package: Package, /, *, wait: Wait = False, timeout: Timeout = 1800.0, api: Api = DEFAULT) -> int:
    """Resolve a package anew, with the versions that the index has now, and build that."""
    return _requested(api, package, lambda client: client.packages.refresh(package), wait, timeout)


@app.command
@with_exit_code
def cancel(
    package: Package,
    /,
    *,
    wait: Annotated[Wait, Parameter(help="Wait until it has stopped.")] = False,
    timeout: Timeout = 300.0,
    api: Api = DEFAULT,
) -> int:
    """Stop what runs for a package. It is FAILED then, until it is changed or built again; its earlier ZIP stays."""
    return _requested(api, package, lambda client: client.packages.cancel(package), wait, timeout, stops=True)


@app.command
@with_exit_code
def wait(package: Package, /, *, timeout: Timeout = 1800.0, api: Api = DEFAULT) -> int:
    """Wait until a package is built, or failed.

    Exit code 0: it is COMPLETED (or, with the build policy Manual, VALID or saved). 1: it failed, or time is over.
    """
    with connected(api) as client:
        return wait_for(client, package, timeout, as_json=api.as_json)


@app.command
@with_exit_code
def logs(
    package: Package,
    /,
    *,
    step: Annotated[Literal["validate", "build"] | None, Parameter(help="Only this step's; both when absent.")] = None,
    follow: Follow = False,
    attempt: Annotated[int | None, Parameter(help="Only that attempt's; the last one's when absent.")] = None,
    api: Api = DEFAULT,
) -> int:
    """Print the log of a package's validation and build."""
    with connected(api) as client:
        found = client.packages.logs(package, step=step, follow=follow, attempt=attempt)
        if api.as_json:
            output.as_json({"lines": list(found)})
        else:
            terminal.lines(found)
    return DONE


@app.command
@with_exit_code
def delete(
    first: Package, /, *more: Annotated[str, Parameter(name="MORE", help="Further packages.")], api: Api = DEFAULT
) -> int:
    """Delete packages. Their ZIPs go, too, unless the deletion policy is Retain; their slugs are never given again."""
    with connected(api) as client:
        deleted = [client.packages.delete(one) for one in (first, *more)]
    if api.as_json:
        output.as_json({"deleted": [str(key) for key in deleted]})
    else:
        for key in deleted:
            terminal.note(f"{key}: is being deleted")
    return DONE


@app.command
@with_exit_code
def download(
    package: Package,
    /,
    *,
    file: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="The file to write; SLUG.zip here when absent.")
    ] = None,
    sha256: Annotated[
        str | None, Parameter(help="SHA-256 of an earlier ZIP, see `dagy packages show`; the usable one when absent.")
    ] = None,
    api: Api = DEFAULT,
) -> int:
    """Download a package's ZIP, and check its SHA-256."""
    with connected(api) as client:
        target = file or Path(f"{client.packages.get(package).slug}.zip")
        with output.progress_bar(str(target)) as progress:
            link = client.packages.download(package, target, sha256=sha256, progress=progress)
    if api.as_json:
        output.as_json({"path": str(target), "sha256": link.sha256, "size_bytes": link.size_bytes})
    else:
        terminal.say(f"{target}: sha256 {link.sha256}")
    return DONE


def _requested(
    api: Api,
    package: str,
    ask: Callable[[Client], RequestResponse],
    wait: bool,
    timeout: float,
    *,
    stops: bool = False,
) -> int:
    """Ask, and wait or say how one can."""
    with connected(api) as client:
        accepted = ask(client)
        key = f"{accepted.namespace}/{accepted.name}"
        if wait:
            code = wait_for(client, key, timeout, as_json=api.as_json)
            return DONE if stops and code == FAILED else code
    if api.as_json:
        output.as_json(accepted)
    elif stops and ended(accepted):
        terminal.note(f"{key}: accepted, but nothing runs for it now: it is {accepted.build_status}.")
    else:
        terminal.note(f"{key}: accepted. See it with `dagy packages wait {key}`.")
    return DONE
