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


def main() -> None:
    """Run the command line and exit with its code: 0 done, 1 findings or failure, 2 unusable input."""
    app()
