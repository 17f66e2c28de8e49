"""`dagy packages compatible`: whether packages can be attached together; and the slugs that references mean."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from dagy.client import Client
from dagy.client.references import package_reference
from dagy.commands import output, terminal
from dagy.commands.connection import DONE, FAILED, UsageError, connected, with_exit_code
from dagy.commands.options import DEFAULT, Api, Packages

_ANY = "default"
"""Whether a text is a slug does not depend on the namespace."""


@with_exit_code
def compatible(
    first: Packages,
    /,
    *more: Annotated[str, Parameter(name="MORE", help="Further packages, in the order of precedence.")],
    api: Api = DEFAULT,
) -> int:
    """Ask and tell; `dagy.commands.packages.commands` has the help."""
    with connected(api) as client:
        found = client.packages.compatibility([slug_of(client, one) for one in (first, *more)])
    if api.as_json:
        output.as_json(found)
        return DONE if found.compatible else FAILED
    for warning in found.warnings:
        terminal.note(warning)
    if not found.compatible:
        terminal.note(f"{found.reason}: {found.message}")
        return FAILED
    for package in found.packages:
        terminal.say(f"{package.slug}@{package.sha256}  {package.namespace}/{package.name}")
    return DONE


def slug_of(client: Client, reference: str) -> str:
    """Return the slug that a reference means, with its pin. A slug itself is left to the API, which checks it."""
    slug, pinned, sha256 = reference.partition("@")
    meant = package_reference(slug, _ANY)
    if meant.slug is None or meant.key is not None:
        found = client.packages.get(slug)
        if found.slug is None:
            raise UsageError(f"Package {found.namespace}/{found.name} has no slug yet. Wait until it is built.")
        slug = found.slug
    return f"{slug}{pinned}{sha256}"
