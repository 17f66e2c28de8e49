"""`dagy validate` and `dagy build`: what the cluster would do, on this machine, by the builder's own steps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from dagy.commands import terminal
from dagy.commands.findings import findings_and_counts
from dagy.commands.input_files import InputError, shown
from dagy.commands.local.indexes import with_default_index
from dagy.commands.local.plan import FindingsError, Given, plan_of_file
from dagy.commands.local.report import Report, as_json, failure_text, findings_json, success_text
from dagy.commands.local.steps import BuilderMissingError, build_here, resolve_here
from dagy.commands.step_display import StepDisplay
from dagy_builder.platforms import PythonVersion

DONE, FAILED, UNUSABLE = 0, 1, 2

File = Annotated[
    Path,
    Parameter(
        help='A requirements.txt ("-" reads standard input), or a DepPackage manifest (.yaml, .yml, .json).',
        allow_leading_hyphen=True,
    ),
]
Python = Annotated[
    PythonVersion | None,
    Parameter(name="--python", help="Python version of the flows; may be left out where a manifest says it."),
]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print the whole result as JSON.")]


def validate(
    file: File,
    /,
    *,
    python: Python = None,
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="Write the lock (pylock.toml, PEP 751) to this file.")
    ] = None,
    json_output: Json = False,
) -> int:
    """Resolve and answer with an exit code; `dagy.cli` has the help."""
    return _answered(file, python, output, None, json_output=json_output)


def build(
    file: File,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="The ZIP to write.")],
    python: Python = None,
    json_output: Json = False,
) -> int:
    """Build and answer with an exit code; `dagy.cli` has the help."""
    return _answered(file, python, None, output, json_output=json_output)


def _answered(
    file: Path, python: str | None, lock_file: Path | None, zip_file: Path | None, *, json_output: bool
) -> int:
    """Run, print, and turn every failure into its exit code."""
    try:
        given = plan_of_file(file, python)
        if not json_output:
            _remark(given, shown(file))
        report = _run(given, zip_file)
        if lock_file is not None and report.result is not None and report.result.lock is not None:
            _write(lock_file, report.result.lock)
    except FindingsError as found:
        if json_output:
            terminal.json_text(findings_json(found.parsed, shown(file)))
        else:
            terminal.note(findings_and_counts(found.parsed, shown(file)))
        return FAILED
    except InputError as error:
        terminal.note(str(error))
        return UNUSABLE
    except BuilderMissingError as error:
        terminal.note(str(error))
        return FAILED
    _print(report, json_output=json_output)
    return FAILED if report.failure else DONE


def _remark(given: Given, filename: str) -> None:
    """Say what of the list is not used: as `requirements check` does for a requirements.txt."""
    if given.parsed is not None and len(given.parsed.lines) > given.parsed.summary.kept:
        terminal.note(findings_and_counts(given.parsed, filename))
    for one in given.plan.normalized.dropped:
        terminal.note(f"skipped: {one.text}: {one.why}")


def _run(given: Given, zip_file: Path | None) -> Report:
    if given.plan.normalized.errors:
        return Report(given, None, zip_file)
    with StepDisplay() as display:
        request = with_default_index(given.plan.request())
        result = resolve_here(request, display) if zip_file is None else build_here(request, zip_file, display)
    return Report(given, result, zip_file)


def _print(report: Report, *, json_output: bool) -> None:
    if json_output:
        terminal.json_text(as_json(report))
        return
    for warning in report.warnings:
        terminal.note(f"warning: {warning}")
    for line in failure_text(report):
        terminal.note(line)
    if report.failure is None:
        terminal.say("\n".join(success_text(report)))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError as error:
        raise InputError(f"{shown(path)}: cannot be written: {error.strerror}.") from error
