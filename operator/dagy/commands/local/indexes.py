"""The user's own way to package indexes: a default index from the environment, passwords from netrc."""

from __future__ import annotations

import netrc
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dagy.commands.input_files import InputError, shown
from dagy_builder.contract import GATEWAY_VARIABLE, BuildRequest
from dagy_builder.indexes.credentials import Credential
from dagy_builder.url import IndexUrl

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_INDEX_VARIABLE = "DAGY_INDEX_URL"


def with_default_index(request: BuildRequest, environment: Mapping[str, str] = os.environ) -> BuildRequest:
    """The request, with DAGY_INDEX_URL's index where the package names none."""
    return replace(request, index_url=request.index_url or environment.get(DEFAULT_INDEX_VARIABLE) or None)


def netrc_credentials(urls: Sequence[str], environment: Mapping[str, str] = os.environ) -> list[Credential]:
    """What NETRC, or else ~/.netrc, has for the hosts of these indexes; its `default` entry is never sent.

    Raises InputError when the file can't be read.
    """
    path = Path(environment.get("NETRC") or Path.home() / ".netrc")
    if not path.is_file():
        return []
    try:
        hosts = netrc.netrc(str(path)).hosts
    except netrc.NetrcParseError as error:
        raise InputError(f"{shown(path)}:{error.lineno}: {error.msg}. Correct it, or point NETRC elsewhere.") from None
    except OSError as error:
        raise InputError(f"{shown(path)}: cannot be read: {error.strerror}.") from None
    found = []
    for url in dict.fromkeys(urls):
        with suppress(ValueError):  # the steps tell what is wrong with it
            index = IndexUrl(url)
            if entry := hosts.get(index.host):
                username, account, password = entry
                host = IndexUrl(f"{index.scheme}://{index.authority}/")
                found.append(Credential(shown(path), host, username or account, password or ""))
    return found


@contextmanager
def indexes_of_user(request: BuildRequest, say: Callable[[str], None] = lambda _: None) -> Iterator[None]:
    """Let the steps reach the request's indexes with the user's passwords: as in a pod, uv itself gets none."""
    credentials = netrc_credentials(request.indexes)
    if not credentials or os.environ.get(GATEWAY_VARIABLE):
        yield
        return
    from dagy_builder.indexes.gateway import Gateway, files_of_build, serving

    gateway = Gateway(request.indexes, files_of_build(request, ""), credentials, say)
    with serving(gateway) as route:
        os.environ[GATEWAY_VARIABLE] = route.base
        try:
            yield
        finally:
            os.environ.pop(GATEWAY_VARIABLE, None)
