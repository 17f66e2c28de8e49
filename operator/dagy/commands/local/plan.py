"""From a file of the user's to the same plan that the operator would make of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dagy.commands.input_files import InputError, is_manifest, read_file, read_manifest, shown
from dagy.core.package.plan import BuildPlan, plan_of
from dagy.core.requirements import Dependency, Target
from dagy.core.requirements.files import ManifestError, merge, to_manifest
from dagy.core.requirements.files.merge import LIST_IS_FULL
from dagy.core.requirements.files.report import has_findings, report
from dagy.model.constants import MAX_DEPENDENCIES
from dagy.model.rest.parse import ParseResponse

_NAME = "local"


class FindingsError(Exception):
    """Lines of a requirements.txt are wrong; `parsed` tells which, and why."""

    def __init__(self, parsed: ParseResponse) -> None:
        super().__init__("some lines are no requirements")
        self.parsed = parsed


@dataclass(frozen=True)
class Given:
    """What a file came to: the plan, and for a requirements.txt what each of its lines means."""

    plan: BuildPlan
    parsed: ParseResponse | None = None


def plan_of_file(path: Path, python: str | None) -> Given:
    """The plan for a requirements.txt, or for a DepPackage manifest (.yaml, .yml, .json).

    `python` is the target's minor version: a requirements.txt needs one, and it comes before a manifest's own.
    Raises InputError, and FindingsError for lines of a requirements.txt that are wrong.
    """
    parsed = None
    if is_manifest(path):
        package = _manifest(path, python)
    elif python is None:
        raise InputError(f"{shown(path)}: a requirements file doesn't say for which Python. Add --python 3.12.")
    else:
        file = read_file(path, Target(python))
        parsed = report(merge((), file), python)
        if has_findings(parsed.summary):
            raise FindingsError(parsed)
        package = _made(path, python, file.dependencies)
    try:
        plan = plan_of(package)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(["spec", *(str(part) for part in first["loc"])])
        raise InputError(f"{shown(path)}: {field}: {first['msg']}. Correct it as `kubectl explain` says.") from error
    count = len(plan.spec.dependencies)
    if not count:
        raise InputError(f"{shown(path)}: spec.dependencies is empty; a package needs at least one.")
    if count > MAX_DEPENDENCIES:
        raise InputError(f"{shown(path)}: spec.dependencies has {count} entries. {LIST_IS_FULL}")
    return Given(plan, parsed)


def _manifest(path: Path, python: str | None) -> Mapping[str, Any]:
    manifest = read_manifest(path)
    override = {} if python is None else {"pythonVersion": python}
    return _package({**manifest["spec"], **override})


def _made(path: Path, python: str, dependencies: Sequence[Dependency]) -> Mapping[str, Any]:
    try:
        return _package(to_manifest(_NAME, python, dependencies)["spec"])
    except ManifestError as error:
        raise InputError(f"{shown(path)}: {error}") from error


def _package(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the API server would have given; only `spec` decides what is resolved and built."""
    return {"metadata": {"namespace": "default", "name": _NAME, "uid": _NAME}, "spec": spec}
