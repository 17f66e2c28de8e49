"""Step `resolve`: from requirements to a lock, or to the graph of packages that bring others, with `uv pip compile`."""

from __future__ import annotations

import base64
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from dagy_builder.contract import BuildRequest, Problem, Reason
from dagy_builder.failure import StepError
from dagy_builder.indexes.page import IndexFile, uploaded_before
from dagy_builder.packed_lock import pack, unpack
from dagy_builder.requirement import ParsedRequirement, check_url, parse_requirements, requirements_file
from dagy_builder.target import Target
from dagy_builder.uv.lock import Lock, LockError, WrongWheelError, canonical_lock
from dagy_builder.uv.runner import (
    Log,
    Uv,
    UvResult,
    build_arguments,
    index_arguments,
    python_for,
)

if TYPE_CHECKING:
    from concurrent.futures import Future

    from dagy_builder.indexes.client import IndexClient

_REQUIREMENT = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?:\[[^\]]*\])?(?: @ \S+|==\S+)")
_VIA = re.compile(r" {4}# {1,3}(?:via(?: |$))?(\S*)")
_MANY = 10
"""Requirements of which one probably gives an old release, about which the index is asked."""


@dataclass(frozen=True)
class Resolution:
    """A lock, and uv's remarks on it: withdrawn releases, extras that don't exist."""

    lock: Lock
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Node:
    """One package of a resolution."""

    name: str
    """Normalized (PEP 503)."""
    requirement: str
    """Exactly this one: "six==1.16.0", or "name @ https://..."."""
    brought_by: tuple[str, ...]
    """Normalized names of the packages that need it."""


def resolve(request: BuildRequest, uv: Uv, log: Log) -> Resolution:
    """The lock for the request. Raises StepError with every problem found."""
    compiler, requirements, output, text = _compiled(request, uv, log)
    try:
        lock = canonical_lock(text, compiler.target, _origins(requirements_file(requirements), compiler))
    except LockError as error:
        reason = Reason.NO_WHEEL if isinstance(error, WrongWheelError) else Reason.RESOLUTION_FAILED
        raise StepError(reason, str(error), problems=[Problem(message=str(error))]) from error
    for package in lock.packages:
        log(f"{package.name}=={package.version}" if package.version else f"{package.name} @ {package.file}")
    return Resolution(lock, (*warnings_in(output), *_passed_over(requirements, lock, compiler)))


def graph(request: BuildRequest, uv: Uv, log: Log) -> tuple[Node, ...]:
    """The resolution of the request, sorted by name. Raises StepError with every problem found."""
    *_, text = _compiled(request, uv, log, output="requirements.txt", extra=("--annotation-style=split",))
    return read_graph(text)


def _compiled(
    request: BuildRequest, uv: Uv, log: Log, **options: Any
) -> tuple[Compiler, list[ParsedRequirement], str, str]:
    """The request, read and resolved: compiler, requirements, uv's output, and its file. Raises StepError."""
    target = Target.of(request)
    check_sources(request)
    requirements = parse_requirements(request.requirements)
    compiler = Compiler.of(request, target, uv)
    if len(requirements) >= _MANY:
        compiler.load_index()
    answer, text = compiler.run(requirements_file(requirements), log, **options)
    if answer.code != 0:
        # Here, because half of this module's import time would be spent for failures.
        from dagy_builder.explain.search import explain_failure

        raise explain_failure(requirements, answer.output, compiler, target)
    return compiler, requirements, answer.output, text


def read_graph(text: str) -> tuple[Node, ...]:
    """Return the graph in uv's answer, a requirements.txt with annotations of the style "split"."""
    found: dict[str, tuple[str, list[str]]] = {}
    brought_by: list[str] = []
    for line in text.splitlines():
        if match := _REQUIREMENT.match(line):
            brought_by = []
            found[canonicalize_name(match[1])] = (match[0], brought_by)
        elif (match := _VIA.match(line)) and match[1] and not match[1].startswith("-"):
            brought_by.append(canonicalize_name(match[1]))
    return tuple(Node(name, text, tuple(parents)) for name, (text, parents) in sorted(found.items()))


def _passed_over(requirements: Sequence[ParsedRequirement], lock: Lock, compiler: Compiler) -> tuple[str, ...]:
    if compiler.builds_sources:
        return ()
    from dagy_builder.steps.older_releases import warnings_of_passed_over

    return warnings_of_passed_over(requirements, lock.packages, compiler, compiler.target, datetime.now(UTC))


def check_sources(request: BuildRequest) -> None:
    """Raise StepError unless the index URLs and the time are what they should be: they become arguments of uv."""
    for url in filter(None, (request.index_url, *request.extra_index_urls)):
        try:
            check_url(url)
        except ValueError as error:
            raise StepError(Reason.MALFORMED_REQUIREMENT, f"An index in spec.index: {error}") from error
    if request.exclude_newer is not None:
        try:
            datetime.fromisoformat(request.exclude_newer)
        except ValueError as error:
            message = "spec.excludeNewer is no time. Write it like 2026-01-31T00:00:00Z (RFC 3339)."
            raise StepError(Reason.MALFORMED_REQUIREMENT, message) from error


def warnings_in(output: str) -> tuple[str, ...]:
    """uv's warnings, each a sentence."""
    return tuple(line.removeprefix("warning: ") for line in output.splitlines() if line.startswith("warning: "))


def _origins(lines: str, compiler: Compiler) -> Callable[[str], str | None]:
    """Return a function from name to index. Only a second format of uv's answer tells it, where there are several."""
    if not compiler.request.extra_index_urls:
        return lambda _: compiler.request.default_index
    answer, text = compiler.run(lines, output="requirements.txt", extra=("--emit-index-annotation",))
    return indexes_by_name(text if answer.code == 0 else "").get


def indexes_by_name(requirements: str) -> dict[str, str]:
    """Normalized names to index URLs, out of a requirements.txt with uv's index annotations."""
    found: dict[str, str] = {}
    name = ""
    for line in requirements.splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)", line):
            name = canonicalize_name(match[1])
        elif match := re.match(r"\s+# from (\S+)$", line):
            found[name] = match[1]
    return found


@dataclass(frozen=True)
class Compiler:
    """`uv pip compile` for one request."""

    request: BuildRequest
    target: Target
    uv: Uv
    python: Path

    @classmethod
    def of(cls, request: BuildRequest, target: Target, uv: Uv) -> Compiler:
        """A compiler with a Python that will do. Raises StepError."""
        return cls(request, target, uv, python_for(target, uv, builds_sources=request.runs_package_code))

    @property
    def builds_sources(self) -> bool:
        """True when source distributions may be built."""
        return self.request.runs_package_code

    def load_index(self) -> None:
        """Begin to import what asks the index and to read certificates: 0.2 s, while uv waits for the network."""
        _ = self._client

    @cached_property
    def _client(self) -> Future[IndexClient]:
        from concurrent.futures import ThreadPoolExecutor

        def client() -> IndexClient:
            from dagy_builder.indexes.client import IndexClient
            from dagy_builder.steps import older_releases  # noqa: F401

            return IndexClient([self.uv.local(url) for url in self.request.indexes], direct=self.uv.route is not None)

        pool = ThreadPoolExecutor(1)
        try:
            return pool.submit(client)
        finally:
            pool.shutdown(wait=False)

    @property
    def _index(self) -> IndexClient:
        return self._client.result()

    def run(
        self,
        lines: str,
        log: Log = lambda _: None,
        *,
        output: str = "pylock.toml",
        extra: Sequence[str] = (),
        seconds: float | None = None,
    ) -> tuple[UvResult, str]:
        """Run uv once. Return its result, and its file (pylock.toml or requirements.txt) if it succeeded."""
        with tempfile.TemporaryDirectory(prefix="dagy-resolve-") as folder:
            source, target = Path(folder, "requirements.in"), Path(folder, output)
            source.write_text(self.uv.route.local_requirements(lines) if self.uv.route else lines)
            arguments = [*self._arguments(output), *extra, "--output-file", str(target), str(source)]
            answer = self.uv.run(arguments, log, Path(folder), with_stdout=False, seconds=seconds)
            return answer, self.uv.public(target.read_text()) if target.exists() else ""

    def failure_without(self, requirements: Sequence[ParsedRequirement], deadline: float) -> str | None:
        """Return uv's output for fewer requirements; None when those can be resolved, or nothing came out in time."""
        if (seconds := deadline - time.monotonic()) <= 0:
            return None
        answer, _ = self.run(requirements_file(requirements), seconds=seconds)
        return answer.output if answer.code > 0 else None

    def newest(self, name: str, deadline: float) -> str | None:
        """The newest version of a package that fits the target, whatever it depends on."""
        return self._version_of(name, f"{name}\n", deadline, extra=("--no-deps",))

    def version_within(
        self, asked: ParsedRequirement, others: Sequence[ParsedRequirement], deadline: float
    ) -> str | None:
        """The version that `asked` gets when it is resolved with the others; None when it can't be."""
        return self._version_of(asked.name, requirements_file([asked, *others]), deadline)

    def files(self, name: str, deadline: float) -> list[IndexFile] | None:
        """Return the index's files of a package: none when it doesn't know the package, None when it doesn't tell."""
        files = self._index.files(name, deadline)
        newest = self.request.exclude_newer
        return uploaded_before(files, datetime.fromisoformat(newest)) if files and newest else files

    def index_before_others(self, name: str) -> str:
        """URL of the index whose files `files` gave, where further ones were not asked for that; else ""."""
        urls, position = self.request.indexes, self._index.position(name)
        return "" if position is None or position == len(urls) - 1 else urls[position]

    def _version_of(self, name: str, lines: str, deadline: float, extra: Sequence[str] = ()) -> str | None:
        if (seconds := deadline - time.monotonic()) <= 0:
            return None
        answer, text = self.run(lines, extra=extra, seconds=seconds)
        if answer.code != 0:
            return None
        try:
            locked = canonical_lock(text, self.target)
        except LockError:
            return None
        return next((package.version for package in locked.packages if package.name == name), None)

    def _arguments(self, output: str) -> list[str]:
        """Return uv's arguments. Of the user's texts they hold only the index URLs and a time, which were parsed."""
        newest = self.request.exclude_newer
        return [
            "pip",
            "compile",
            "--no-config",
            *build_arguments(self.request),
            f"--format={output}",
            "--no-header",
            *("--python", str(self.python)),
            *("--python-version", self.target.python_version),
            *("--python-platform", self.target.uv_platform),
            *index_arguments(self.request, self.uv),
            *(("--exclude-newer", newest) if newest else ()),
        ]


def lock_result(resolution: Resolution) -> dict[str, Any]:
    """The lock as a step's result; the text is packed and in base64."""
    lock = resolution.lock
    packed = base64.b64encode(pack(lock.text)).decode()
    result = {"lock": packed, "lockHash": lock.hash, "packages": lock.names_versions}
    return {**result, "warnings": list(resolution.warnings)} if resolution.warnings else result


def lock_of_result(result: dict[str, Any]) -> str:
    """The lock's text out of a result."""
    return unpack(base64.b64decode(result["lock"]))
