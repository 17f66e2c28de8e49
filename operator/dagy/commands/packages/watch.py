"""`dagy packages watch`."""

from __future__ import annotations

from dagy.commands import terminal
from dagy.commands.connection import DONE, connected, namespace_of, with_exit_code
from dagy.commands.options import DEFAULT, AllNamespaces, Api
from dagy.model.rest.summaries import DepPackageSummary, GonePackage


@with_exit_code
def watch(*, all_namespaces: AllNamespaces = False, api: Api = DEFAULT) -> int:
    """Print one line for each package, and for each change; with --json one object a line."""
    namespace = None if all_namespaces else namespace_of(api)
    with connected(api) as client:
        for found in client.packages.watch(namespace):
            terminal.lines([found.model_dump_json() if api.as_json else line(found)])
    return DONE


def line(found: DepPackageSummary | GonePackage) -> str:
    """One package, or its end."""
    name = f"{found.namespace}/{found.name}"
    if isinstance(found, GonePackage):
        return f"{name}: is gone"
    told = f"{name} ({found.slug or 'no slug yet'}): {found.build_status}"
    return f"{told}: {found.message}" if found.message else told
