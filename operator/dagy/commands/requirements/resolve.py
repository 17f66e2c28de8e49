"""`dagy requirements reduce` and `split`: lists that are longer than a package, or that are to be attached together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from dagy.commands import terminal
from dagy.commands.findings import findings_and_counts, headline, numbered
from dagy.commands.input_files import InputError, read_file, shown
from dagy.commands.local.indexes import with_default_index
from dagy.commands.local.steps import BuilderMissingError, graph_here
from dagy.commands.requirements.commands import CLEAN, FINDINGS, UNUSABLE, File, Python
from dagy.commands.step_display import StepDisplay
from dagy.core.outcomes.diagnosis import failure_of
from dagy.core.requirements import Dependency, Target
from dagy.core.requirements.files import ManifestError, merge, to_manifest
from dagy.core.requirements.files.report import report, summary
from dagy.core.requirements.reduction import Resolved, SplitError, lost, needed
from dagy.core.requirements.reduction import split as split_lists
from dagy_builder.contract import BuildRequest

Files = Annotated[list[Path], Parameter(help="One requirements.txt or several.", allow_leading_hyphen=True)]


class _StoppedError(Exception):
    """Something is wrong with what was given, and has been told."""


def reduce(file: File, /, *, python: Python) -> int:
    """Print the shorter list; `dagy.commands.requirements.commands` has the help."""
    try:
        (listed,) = _lists([file], python)
        with StepDisplay() as display:
            before = _resolution(listed, python, display)
            kept = list(needed(listed, before))
            after = _resolution(kept, python, display)
            # An extra that only what was left out asks for is lost with it, and so is what the extra brings.
            while missing := lost(listed, after):
                kept += missing
                after = _resolution(kept, python, display)
    except _StoppedError:
        return FINDINGS
    except (InputError, BuilderMissingError) as error:
        return _unusable(error)
    for line in _left_out(listed, kept, before, after):
        terminal.note(line)
    names = {one.normalized_name for one in kept}
    terminal.say("\n".join(str(one) for one in listed if one.normalized_name in names))
    return CLEAN


def split(
    files: Files,
    /,
    *,
    name: Annotated[str, Parameter(help="Name of the packages in Kubernetes; a number follows it.")],
    python: Python,
) -> int:
    """Print the manifests; `dagy.commands.requirements.commands` has the help."""
    from dagy.core.common.yaml_text import yaml_text

    try:
        lists = _lists(files, python)
        with StepDisplay() as display:
            resolution = _resolution([one for listed in lists for one in listed], python, display)
        groups = split_lists(lists, resolution)
        documents = [_manifest(f"{name}-{number}", python, group) for number, group in enumerate(groups, 1)]
    except _StoppedError:
        return FINDINGS
    except (InputError, BuilderMissingError, ManifestError, SplitError) as error:
        return _unusable(error)
    for number, group in enumerate(groups, 1):
        terminal.note(f"{name}-{number}: {len(group)} packages")
    terminal.say(yaml_text(*documents), end="")
    return CLEAN


def _lists(files: Sequence[Path], python: str) -> list[tuple[Dependency, ...]]:
    """What the files ask for, of any length. What is wrong or skipped is told."""
    lists = []
    for file in files:
        merged = merge((), read_file(file, Target(python)))
        if len(merged.outcomes) > len(merged.added):
            terminal.note(findings_and_counts(report(merged, python), shown(file)))
        if summary(merged).errors:
            raise _StoppedError
        if not merged.added:
            raise InputError(f"{shown(file)}: There is no requirement in the list.")
        lists.append(merged.added)
    return lists


def _resolution(listed: Iterable[Dependency], python: str, display: StepDisplay) -> list[Resolved]:
    request = with_default_index(BuildRequest(python_version=python, requirements=[str(one) for one in listed]))
    outcome = graph_here(request, display)
    if not outcome.ok:
        failure = failure_of(outcome)
        first, further = headline(failure.message, failure.problems)
        terminal.note(first)
        for line in numbered(further):
            terminal.note(f"  {line}")
        raise _StoppedError
    found = (outcome.result or {})["packages"]
    return [Resolved(one["name"], one["requirement"], tuple(one["brought_by"])) for one in found]


def _left_out(
    listed: Sequence[Dependency], kept: Sequence[Dependency], before: Sequence[Resolved], after: Sequence[Resolved]
) -> Iterator[str]:
    now, then = {one.name: one for one in after}, {one.name: one for one in before}
    names = {one.normalized_name for one in kept}
    for one in listed:
        if one.normalized_name in names:
            continue
        brought = now[one.normalized_name]
        verb = "bring" if len(brought.brought_by) > 1 else "brings"
        what = "it" if brought.requirement == then[one.normalized_name].requirement else brought.requirement
        yield f"left out: {one}: {' and '.join(brought.brought_by)} {verb} {what}"
    changes = sum(1 for name in then.keys() & now.keys() if then[name].requirement != now[name].requirement)
    yield (
        f"{len(listed)} requirements become {len(kept)}, {len(now)} packages with all that they need; "
        f"{changes} of them in another version than before"
    )


def _manifest(name: str, python: str, group: Sequence[str]) -> dict[str, object]:
    from dagy.core.requirements import parse_dependency

    return to_manifest(name, python, [parse_dependency(one) for one in group])


def _unusable(error: Exception) -> int:
    terminal.note(str(error))
    return UNUSABLE
