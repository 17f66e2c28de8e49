"""`dagy packages create` and `import`: what a package consists of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from packaging.utils import canonicalize_name
from pydantic import ValidationError

from dagy.client import Client, ConflictError
from dagy.client.references import object_key
from dagy.commands import output, terminal
from dagy.commands.connection import DONE, FAILED, UsageError, connected, namespace_of, with_exit_code
from dagy.commands.findings import findings
from dagy.commands.input_files import read_text, shown
from dagy.commands.options import DEFAULT, PYTHON_HELP, Api, Timeout, Wait
from dagy.commands.packages.wait import wait_for
from dagy.model.rest.packages import (
    DepPackageBody,
    DepPackageCreate,
    DepPackageResponse,
    ParsedLine,
    ParseRequest,
    ParseResponse,
    Resolution,
)
from dagy.model.spec import BuildPolicy
from dagy_builder.platforms import PythonVersion

_TAKEN = "AlreadyExists"
_File = Annotated[
    Path, Parameter(name="FILE", help='A requirements.txt; "-" reads standard input.', allow_leading_hyphen=True)
]


@with_exit_code
def create(
    name: Annotated[str, Parameter(name="NAME", help="Name, or namespace/name, in Kubernetes.")],
    /,
    *dependencies: Annotated[str, Parameter(name="DEPENDENCIES", help='Requirements, e.g. "pandas>=2,<3".')],
    python: Annotated[PythonVersion, Parameter(name="--python", help=PYTHON_HELP)],
    requirements: Annotated[
        Path | None,
        Parameter(
            name=["--requirements", "-r"],
            help='A requirements.txt; "-" reads standard input. For a name that both have, DEPENDENCIES decides.',
            allow_leading_hyphen=True,
        ),
    ] = None,
    display_name: Annotated[str | None, Parameter(help="Name for people.")] = None,
    description: Annotated[str | None, Parameter(help="What the package is for.")] = None,
    manual: Annotated[
        bool, Parameter(negative="", help="Only save: `dagy packages validate` and `build` start the rest.")
    ] = False,
    replace: Annotated[
        bool, Parameter(negative="", help="Where the package exists, replace what it consists of; its slug stays.")
    ] = False,
    wait: Wait = False,
    timeout: Timeout = 1800.0,
    api: Api = DEFAULT,
) -> int:
    """Create; `dagy.commands.packages.commands` has the help."""
    key = object_key(name, namespace_of(api), "ml-pipeline")
    with connected(api) as client:
        listed = list(dependencies)
        if requirements is not None:
            request = ParseRequest(text=read_text(requirements), python_version=python, existing=listed)
            parsed = client.packages.parse(request)
            if _refused(parsed, shown(requirements), []):
                return FAILED
            listed = [one.requirement for one in parsed.dependencies]
        given = {
            "python_version": python,
            "dependencies": listed,
            "display_name": display_name,
            "description": description,
            "build_policy": BuildPolicy.MANUAL if manual else None,
        }
        made = _save(
            client, key.namespace, key.name, {k: v for k, v in given.items() if v is not None}, replace=replace
        )
        return _told(client, api, made, "created" if not replace else "saved", wait=wait, timeout=timeout)


@with_exit_code
def import_file(
    file: _File,
    /,
    *,
    into: Annotated[str, Parameter(name="--into", help="Package to add to: slug, name, or namespace/name.")],
    keep_existing: Annotated[
        bool, Parameter(negative="", help="Settle all conflicts: keep what the package has.")
    ] = False,
    use_incoming: Annotated[
        bool, Parameter(negative="", help="Settle all conflicts: take what the file says.")
    ] = False,
    keep: Annotated[
        tuple[str, ...],
        Parameter(consume_multiple=True, negative="", help="Keep what the package has for these names."),
    ] = (),
    use: Annotated[
        tuple[str, ...], Parameter(consume_multiple=True, negative="", help="Take what the file says for these names.")
    ] = (),
    dry_run: Annotated[bool, Parameter(negative="", help="Say what would change, and change nothing.")] = False,
    wait: Wait = False,
    timeout: Timeout = 1800.0,
    api: Api = DEFAULT,
) -> int:
    """Import; `dagy.commands.packages.commands` has the help."""
    chosen = _choices(keep, use, keep_existing=keep_existing, use_incoming=use_incoming)
    text = read_text(file)
    with connected(api) as client:
        package = client.packages.get(into)
        request = ParseRequest(
            text=text, python_version=package.python_version, existing=package.dependencies, resolutions=chosen
        )
        parsed = client.packages.parse(request)
        if _refused(parsed, shown(file), _unsettled(parsed, chosen)):
            return FAILED
        dependencies = [one.requirement for one in parsed.dependencies]
        settled = parsed.summary.conflicts
        terminal.note(f"{parsed.summary.kept} added, {parsed.summary.skipped} skipped, {settled} conflicts settled")
        if dry_run:
            output.as_json(parsed) if api.as_json else terminal.lines(dependencies)
            return DONE
        if not parsed.summary.kept and not _used(parsed, chosen):
            return _told(client, api, package, "unchanged", wait=wait, timeout=timeout)
        changed = client.packages.change(
            f"{package.namespace}/{package.name}", {"dependencies": dependencies}, etag=package.etag
        )
        return _told(client, api, changed, "saved", wait=wait, timeout=timeout)


def _save(client: Client, namespace: str, name: str, given: dict[str, Any], *, replace: bool) -> DepPackageResponse:
    try:
        if replace:
            return client.packages.save(f"{namespace}/{name}", DepPackageBody.model_validate(given))
        return client.packages.create(DepPackageCreate(namespace=namespace, name=name, **given))
    except ConflictError as error:
        if error.code != _TAKEN:
            raise
        raise ConflictError(
            error.status,
            f"There is a package {namespace}/{name} already. Replace what it consists of with --replace, add to it "
            f"with `dagy packages import FILE --into {namespace}/{name}`, or choose another name.",
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}.") from error


def _told(client: Client, api: Api, package: DepPackageResponse, what: str, *, wait: bool, timeout: float) -> int:
    key = f"{package.namespace}/{package.name}"
    if wait:
        terminal.note(f"{key}: {what}")
        return wait_for(client, key, timeout, as_json=api.as_json)
    if api.as_json:
        output.as_json(package)
    else:
        terminal.say(f"{key}: {what}" + (f", slug {package.slug}" if package.slug else ""))
    return DONE


def _choices(
    keep: tuple[str, ...], use: tuple[str, ...], *, keep_existing: bool, use_incoming: bool
) -> Resolution | dict[str, Resolution]:
    """The answers that the options give: one for all, or one for each normalized name. Raises UsageError."""
    if keep_existing and use_incoming:
        raise UsageError("--keep-existing and --use-incoming contradict each other. Give one of them.")
    if (keep_existing or use_incoming) and (keep or use):
        raise UsageError(
            "--keep and --use settle conflicts by name; --keep-existing and --use-incoming settle them all."
        )
    if keep_existing or use_incoming:
        return Resolution.KEEP if keep_existing else Resolution.USE
    by_name = {str(canonicalize_name(name)): Resolution.KEEP for name in keep}
    twice = by_name.keys() & {canonicalize_name(name) for name in use}
    if twice:
        raise UsageError(f"{sorted(twice)[0]} stands after --keep and after --use. Decide for one.")
    return by_name | {str(canonicalize_name(name)): Resolution.USE for name in use}


def _conflicts(parsed: ParseResponse) -> list[ParsedLine]:
    return [line for line in parsed.lines if line.outcome == "conflict"]


def _used(parsed: ParseResponse, chosen: Resolution | dict[str, Resolution]) -> list[ParsedLine]:
    """The conflicts that the file has won."""
    if isinstance(chosen, Resolution):
        return _conflicts(parsed) if chosen is Resolution.USE else []
    return [one for one in _conflicts(parsed) if one.existing and chosen.get(one.existing.name) is Resolution.USE]


def _unsettled(parsed: ParseResponse, chosen: Resolution | dict[str, Resolution]) -> list[ParsedLine]:
    """The conflicts without an answer. Raises UsageError for answers without a conflict."""
    conflicts = _conflicts(parsed)
    if isinstance(chosen, Resolution):
        return []
    names = {line.existing.name for line in conflicts if line.existing}
    if unknown := sorted(chosen.keys() - names):
        raise UsageError(f"{unknown[0]} is in no conflict, so there is nothing to settle for it. Leave it out.")
    return [line for line in conflicts if line.existing and line.existing.name not in chosen]


def _refused(parsed: ParseResponse, filename: str, unsettled: list[ParsedLine]) -> bool:
    """Say what the file came to; True when nothing must be changed."""
    settled = {line.existing.name for line in _conflicts(parsed) if line.existing and line not in unsettled}
    for line in findings(parsed, filename, settled):
        terminal.note(line)
    if unsettled:
        first = unsettled[0].existing
        name = first.name if first else ""
        terminal.note(
            f"{len(unsettled)} in conflict; nothing was changed. Settle all with --keep-existing or --use-incoming, or "
            f"one by one with --use {name} or --keep {name}."
        )
    return bool(unsettled or parsed.summary.errors or parsed.summary.too_many)
