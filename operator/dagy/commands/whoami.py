"""`dagy whoami`."""

from __future__ import annotations

from collections.abc import Iterator

from dagy.commands import output
from dagy.commands.connection import DONE, connected, namespace_of, with_exit_code
from dagy.commands.options import DEFAULT, Api
from dagy.model.rest.whoami import WhoAmI


@with_exit_code
def whoami(*, api: Api = DEFAULT) -> int:
    """Show who the caller is."""
    with connected(api) as client:
        found = client.whoami(namespace_of(api))
    if api.as_json:
        output.as_json(found)
    else:
        output.fields(page(found))
    return DONE


def page(me: WhoAmI) -> Iterator[tuple[str, str | None]]:
    """All that is said of the caller: names and values."""
    yield "User", me.username
    yield "Groups", "\n".join(me.groups)
    yield "Token ends", me.expires_at
    if me.rights:
        yield "Namespace", me.namespace
        yield "Packages", ", ".join(me.rights.dep_packages) or "nothing"
        yield "Deployments", ", ".join(me.rights.deployments) or "nothing"
    yield "API", f"in this command, {me.server.version}" if me.server.local else me.server.version
    yield "Context", me.server.context
