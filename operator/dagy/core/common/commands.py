"""Commands that messages name, for a terminal. Pure."""

from __future__ import annotations

from dagy.model.base import NamespacedName
from dagy.model.constants import REQUEST_BUILD


def request_build(key: NamespacedName) -> str:
    """Return the command that requests a build of a package, however often it is given: each value is a new one."""
    return f'kubectl -n {key.namespace} annotate deppackage {key.name} {REQUEST_BUILD}="$(date +%s)" --overwrite'
