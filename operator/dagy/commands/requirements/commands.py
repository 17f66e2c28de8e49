"""`dagy requirements`: check a requirements.txt, or make a package of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from dagy.commands import terminal
from dagy.commands.findings import findings_and_counts
from dagy.commands.input_files import InputError, read_file, read_list, shown
from dagy.commands.options import ALL_OPTIONS
from dagy.core.requirements import Target
from dagy.core.requirements.files import ManifestError, merge, to_manifest
from dagy.core.requirements.files.report import has_findings, report
from dagy_builder.platforms import PythonVersion

CLEAN, FINDINGS, UNUSABLE = 0, 1, 2

Python = Annotated[PythonVersion, Parameter(name="--python", help="Python version of the flows.")]
File = Annotated[Path, Parameter(help='A requirements.txt; "-" reads standard input.', allow_leading_hyphen=True)]

app = App(
    name="requirements", default_parameter=ALL_OPTIONS, help="Check requirements.txt files and turn them into packages."
)


# Their help stands here, because a command that isn't run isn't imported.
app.command(
    "dagy.commands.requirements.resolve:reduce",
    name="reduce",
    help="""Print a requirements.txt without what others in it bring, such as a `pip freeze` without dependencies.

    What is left out, and which versions change by it, is told on standard error. Exit code 1: lines that are wrong, or
    requirements that don't resolve. 2: a file that cannot be used.
    """,
)
app.command(
    "dagy.commands.requirements.resolve:split",
    name="split",
    help="""Print DepPackage manifests that can be attached together, ready for kubectl apply -f -.

    One file becomes as few packages as hold it; several files become a package each. All are resolved at once, and
    each package names the exact version of all that it needs. Exit codes are those of reduce.
    """,
)


@app.command
def check(
    file: File,
    /,
    *,
    python: Python,
    into: Annotated[
        Path | None,
        Parameter(help="A list to merge the file into: a requirements.txt, or a DepPackage manifest (.yaml, .json)."),
    ] = None,
    json_output: Annotated[bool, Parameter(name="--json", negative="", help="Print the whole result as JSON.")] = False,
) -> int:
    """Say what every line of a requirements.txt means for a package.

    Exit code 0: clean. 1: lines that are wrong, or conflict with the list. 2: a file that cannot be used.
    """
    try:
        target = Target(python)
        existing = read_list(into, target) if into is not None else ()
        parsed = report(merge(existing, read_file(file, target)), python)
    except InputError as error:
        return _unusable(error)
    if json_output:
        terminal.json_text(parsed.model_dump(mode="json"))
    else:
        terminal.say(findings_and_counts(parsed, shown(file)))
    return FINDINGS if has_findings(parsed.summary) else CLEAN


@app.command(name="to-manifest")
def manifest(
    file: File,
    /,
    *,
    name: Annotated[str, Parameter(help="Name of the package in Kubernetes.")],
    python: Python,
) -> int:
    """Print a DepPackage manifest made of a requirements.txt, ready for kubectl apply -f -.

    What was skipped is told on standard error. Exit code 1: lines that are wrong, and nothing is printed. 2: a file
    or a name that cannot be used.
    """
    from dagy.core.common.yaml_text import yaml_text

    try:
        read = read_file(file, Target(python))
        parsed = report(merge((), read), python)
        if len(parsed.lines) > len(read.dependencies):
            terminal.note(findings_and_counts(parsed, shown(file)))
        if has_findings(parsed.summary):
            return FINDINGS
        document = to_manifest(name, python, read.dependencies)
    except (InputError, ManifestError) as error:
        return _unusable(error)
    terminal.say(yaml_text(document), end="")
    return CLEAN


def _unusable(error: Exception) -> int:
    terminal.note(str(error))
    return UNUSABLE
