"""The command line: `dagy`, and `kubectl dagy`. Each group of commands is imported when it is used."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, MissingArgumentError, Parameter, UnusedCliTokensError

from dagy.commands.options import ALL_OPTIONS

USAGE = 2
"""Exit code for a command line that can't be understood."""
_COLLECT_EVERY = 100_000
"""Objects; about 10 MB. Python's 700 let a command without a URL spend a tenth of its time on collecting."""
_ZSH_END = """
_dagy() { _cyclopts_dagy "$@" }
if [[ $funcstack[1] == _dagy ]]; then _dagy "$@"; else compdef _dagy dagy; fi
"""
"""The script only defines a function: as a file _dagy it must be called the first time, elsewhere be registered."""


def _version() -> str:
    from importlib.metadata import version

    return version("dagy")


app = App(
    name="dagy",
    help="Python dependency packages for flows on Kubernetes.",
    help_on_error=False,
    version=_version,
    default_parameter=ALL_OPTIONS,
)
# The whole help stands here, because a command that isn't run isn't imported.
app.command(
    "dagy.commands.packages.commands:app",
    name="packages",
    help="Create, build and look at dependency packages. PACKAGE is a slug, a name, or namespace/name.",
)
app.command(
    "dagy.commands.deployments.deploy:deploy",
    name="deploy",
    help="""Deploy a flow with its dependency packages, or a new version of it. What runs goes on with what it has.

    An upload that was cut goes on where it was. Options that are left out stay as the deployment has them, packages
    excepted. Exit code 1: refused, with the reason. 2: a file or an option that cannot be used.
    """,
)
app.command(
    "dagy.commands.deployments.commands:app",
    name="deployments",
    help="Look at deployed flows and their runs, roll back, delete.",
)
app.command(
    "dagy.commands.deployments.commands:run",
    name="run",
    help="""Run a deployed flow now.

    With --wait the log is printed as it comes, and the exit code is the flow's own.
    """,
)
app.command(
    "dagy.commands.whoami:whoami",
    name="whoami",
    help="Show who you are to the cluster, and what you may do in a namespace.",
)
app.command(
    "dagy.commands.doctor:doctor",
    name="doctor",
    help="""Look at an installation, with the rights of the kubeconfig, and say what is wrong and what to do.

    CRDs, control plane, rights, bucket, package index, webhook, certificates, network policies, clocks. Some of it is
    looked at inside the control plane's pods (`kubectl exec`), where an object is written to the bucket and deleted; a
    pod is tried, and not created. Exit code 0: no problem was found. 1: there is one. 2: the kubeconfig can't be used.
    """,
)
app.command(
    "dagy.commands.console:console",
    name="console",
    help="""Open the web console in a browser, with the rights of this command line, until Ctrl-C.

    The browser reaches this machine only, and what it asks goes on to the API that the other commands use.
    """,
)
app.command(
    "dagy.commands.requirements.commands:app",
    name="requirements",
    help="Check requirements.txt files and turn them into packages.",
)
app.command(
    "dagy.commands.local.commands:validate",
    name="validate",
    help="""Resolve a package's requirements on this machine, as the cluster would: same lock, same words.

    Exit code 0: they resolve. 1: they don't, or a step failed. 2: a file that cannot be used.
    """,
)
app.command(
    "dagy.commands.local.commands:build",
    name="build",
    help="""Build a package's ZIP on this machine: the same bytes as the cluster's.

    Bytecode is that of this machine's Python of that version, whose patch release may make other bytes than the
    cluster's; where there is none, the ZIP has no bytecode, and a warning says so.

    Exit code 0: the ZIP is there. 1: the requirements don't resolve, or a step failed. 2: a file that cannot be used.
    """,
)


@app.command
def completion(shell: Annotated[Literal["bash", "zsh", "fish"], Parameter(name="SHELL", help="The shell.")], /) -> None:
    """Print a script that lets a shell complete commands, options, and the values of those that have a choice.

    For bash, put `eval "$(dagy completion bash)"` into ~/.bashrc; for zsh, write it to a file _dagy in a folder of
    $fpath; for fish, to ~/.config/fish/completions/dagy.fish. Tested in bash 5.2, zsh 5.9 and fish 3.6.
    """
    print(app.generate_completion(prog_name="dagy", shell=shell) + (_ZSH_END if shell == "zsh" else ""))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code: 0 done, 1 findings or failure, 2 unusable input or usage."""
    try:
        with _few_collections():
            app(arguments, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        command = " ".join(["dagy", *(error.command_chain or ())])
        print(f"{_said(error)} `{command} --help` says what there is.", file=sys.stderr)
        sys.exit(USAGE)


def _said(error: CycloptsError) -> str:
    """What is wrong, in a sentence."""
    match error:
        case UnusedCliTokensError(unused_tokens=[first, *_]):
            return f'"{first}" is an argument too many.'
        case MissingArgumentError(keyword=None, argument=argument) if argument:
            return f"{argument.name} is missing."
        case MissingArgumentError(keyword=keyword):
            return f"{keyword} needs a value."
        case _:
            return str(error)


@contextmanager
def _few_collections() -> Iterator[None]:
    """Collect garbage rarely: nearly all that a command makes are modules and classes, which stay to its end."""
    before = gc.get_threshold()
    gc.set_threshold(_COLLECT_EVERY, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
