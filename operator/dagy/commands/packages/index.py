"""`dagy packages search` and `dagy packages versions`: what the package index has."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from dagy.commands import output, terminal
from dagy.commands.connection import DONE, FAILED, connected, namespace_of, with_exit_code
from dagy.commands.options import DEFAULT, PYTHON_HELP, AllNamespaces, Api
from dagy.commands.packages.index_text import (
    HIT_HEADINGS,
    RELEASE_HEADINGS,
    hit_row,
    project_fields,
    release_row,
    search_notes,
)
from dagy.model.spec import SourceDistributions
from dagy_builder.platforms import Architecture, PythonVersion


@with_exit_code
def search(
    *words: Annotated[str, Parameter(name="WORDS", help="A name, or how it begins.", required=True)],
    limit: Annotated[int | None, Parameter(help="How many names at most; 20 when absent.")] = None,
    all_namespaces: AllNamespaces = False,
    api: Api = DEFAULT,
) -> int:
    """Find projects in the package index by name."""
    namespace = None if all_namespaces else namespace_of(api)
    with connected(api) as client:
        found = client.index.search(" ".join(words), limit=limit, namespace=namespace)
    if api.as_json:
        output.as_json(found)
        return DONE if found.items else FAILED
    output.listing(found.items, HIT_HEADINGS, hit_row, f"No name like {' '.join(words)!r} is known.")
    for line in search_notes(found):
        terminal.note(line)
    return DONE if found.items else FAILED


@with_exit_code
def versions(
    project: Annotated[str, Parameter(name="NAME", help="Name of the project, e.g. pandas.")],
    /,
    *,
    python: Annotated[PythonVersion | None, Parameter(help=PYTHON_HELP)] = None,
    arch: Annotated[Architecture | None, Parameter(help="CPU of the nodes that run the flows.")] = None,
    glibc: Annotated[str | None, Parameter(help="Oldest glibc among the flows' images, e.g. 2.28.")] = None,
    sources: Annotated[
        bool, Parameter(name="--source-distributions", negative="", help="Releases without wheels may be built.")
    ] = False,
    pre: Annotated[bool, Parameter(negative="", help="List pre-releases, too.")] = False,
    api: Api = DEFAULT,
) -> int:
    """List the releases of a project, the newest first, and which of them fit."""
    with connected(api) as client:
        found = client.index.project(
            project,
            python_version=python,
            architecture=arch,
            glibc=glibc,
            source_distributions=SourceDistributions.ALLOW if sources else None,
            prereleases=pre,
        )
    if api.as_json:
        output.as_json(found)
        return DONE
    output.fields(project_fields(found))
    output.listing(found.releases, RELEASE_HEADINGS, release_row, "It has no release.")
    return DONE
