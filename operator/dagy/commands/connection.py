"""From the options of a command to a client, and from what goes wrong to an exit code."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, ParamSpec

from dagy.client import Client
from dagy.client.http.errors import ArtifactError, DagyError, InvalidError, SetupError
from dagy.client.http.kubeconfig import context_namespace
from dagy.client.references import BadReferenceError
from dagy.commands import terminal
from dagy.commands.input_files import InputError
from dagy.commands.options import Api

if TYPE_CHECKING:
    import httpx

DONE, FAILED, UNUSABLE, INTERRUPTED = 0, 1, 2, 130
"""Exit codes. 1: it failed, or there are findings. 2: what was given can't be used."""

P = ParamSpec("P")
_STORE_VARIABLE = "DAGY_S3_BUCKET"
_UNUSABLE = (ArtifactError, BadReferenceError, InputError, InvalidError, SetupError)


class UsageError(InputError):
    """Options that don't go together; the message says which do."""


def with_exit_code(command: Callable[P, int]) -> Callable[P, int]:
    """Turn what a command raises into one sentence on standard error and an exit code."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> int:
        try:
            return command(*args, **kwargs)
        except (DagyError, InputError) as error:
            terminal.note(str(error))
            for line in _faults(error):
                terminal.note(f"  {line}")
            return UNUSABLE if isinstance(error, _UNUSABLE) else FAILED
        except KeyboardInterrupt:
            return INTERRUPTED
        except BrokenPipeError:  # `| head` has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return DONE

    return run


@contextmanager
def connected(api: Api) -> Iterator[Client]:
    """The API that a command means: that of its URL, or else one inside this process.

    What needs the object store or the pods of builds goes to the cluster's own API then, which is found by itself.
    """
    if api.url:
        with Client(api.url, namespace=namespace_of(api), ca_file=api.ca_file) as client:
            yield client
        return
    from dagy.commands.in_process import in_process_api

    with in_process_api() as process:

        def open_central() -> httpx.Client:
            from dagy.commands.cluster_api import open_cluster_api

            return open_cluster_api(process, api)

        # With the settings of the store, and what it takes to use it, all is done here.
        has_store = os.environ.get(_STORE_VARIABLE) and find_spec("boto3")
        opening = None if has_store else open_central
        with Client.from_transport(process.transport, namespace=namespace_of(api), open_central=opening) as client:
            yield client


def namespace_of(api: Api) -> str:
    """The namespace of names that say none."""
    return api.namespace or (context_namespace() if not api.url else None) or "default"


def _faults(error: Exception) -> list[str]:
    """What is wrong, one by one, where the sentence alone is not the whole."""
    messages = [str(one.get("message", "")) for one in getattr(error, "errors", ())]
    return [message for message in messages if message and message not in str(error)]
