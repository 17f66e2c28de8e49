"""The command line: `dagy`. Each group of commands is imported when it is used."""

from __future__ import annotations

from cyclopts import App


def _version() -> str:
    from importlib.metadata import version

    return version("dagy")


app = App(
    name="dagy",
    help="Python dependency packages for flows on Kubernetes.",
    help_on_error=False,
    version=_version,
)
app.command(
    "dagy.commands.requirements:app",
    name="requirements",
    help="Check requirements.txt files and turn them into packages.",
)
# The whole help stands here, because a command that isn't run isn't imported.
app.command(
    "dagy.commands.local:validate",
    name="validate",
    help="""Resolve a package's requirements on this machine, as the cluster would: same lock, same words.

    Exit code 0: they resolve. 1: they don't, or a step failed. 2: a file that cannot be used.
    """,
)
app.command(
    "dagy.commands.local:build",
    name="build",
    help="""Build a package's ZIP on this machine: the same bytes as the cluster's.

    Exit code 0: the ZIP is there. 1: the requirements don't resolve, or a step failed. 2: a file that cannot be used.
    """,
)


def main() -> None:
    """Run the command line and exit with its code: 0 done, 1 findings or failure, 2 unusable input."""
    app()
