"""Step `resolve`: from requirements to a lock, with `uv pip compile`."""

from __future__ import annotations

import base64
import re
import sys
import tempfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from dagy_builder.contract import BuildRequest, Reason
from dagy_builder.failure import StepError
from dagy_builder.interpreter import bundled_interpreter
from dagy_builder.lock import Lock, LockError, canonical_lock
from dagy_builder.requirement import Asked, parse_requirements, requirements_file
from dagy_builder.target import Target
from dagy_builder.unresolvable import why_not
from dagy_builder.uv import PYPI, Log, Uv, UvResult, build_arguments, index_arguments


def resolve(request: BuildRequest, uv: Uv, log: Log) -> Lock:
    """The lock for the request. Raises StepError with every problem found."""
    target = Target.of(request)
    requirements = parse_requirements(request.requirements)
    lines = requirements_file(requirements)
    answer, text = compile_requirements(lines, request, target, uv, log)
    if answer.code != 0:
        raise why_not(requirements, answer.output, _Compiler(request, target, uv), target)
    try:
        return canonical_lock(text, target, _origins(lines, request, target, uv))
    except LockError as error:
        raise StepError(Reason.RESOLUTION_FAILED, str(error)) from error


def _origins(lines: str, request: BuildRequest, target: Target, uv: Uv) -> Callable[[str], str | None]:
    """Which index each name comes from. Only a second format of uv's answer tells it, where there are several."""
    if not request.extra_index_urls:
        return lambda _: request.index_url or PYPI
    extra = ("--emit-index-annotation",)
    answer, text = compile_requirements(
        lines, request, target, uv, lambda _: None, output="requirements.txt", extra=extra
    )
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
class _Compiler:
    """Further runs of uv, to learn more about a failure."""

    request: BuildRequest
    target: Target
    uv: Uv

    def failure_without(self, requirements: Sequence[Asked]) -> str | None:
        """What uv says to fewer requirements; None when those can be resolved."""
        answer, _ = self._compile(requirements_file(requirements), with_dependencies=True)
        return answer.output if answer.code != 0 else None

    def newest(self, name: str) -> str | None:
        """The newest version of a package that fits the target, whatever it depends on."""
        answer, text = self._compile(f"{name}\n", with_dependencies=False)
        if answer.code != 0:
            return None
        try:
            packages = canonical_lock(text, self.target).packages
        except LockError:
            return None
        return packages[0].version if packages else None

    def _compile(self, lines: str, *, with_dependencies: bool) -> tuple[UvResult, str]:
        extra = () if with_dependencies else ("--no-deps",)
        return compile_requirements(lines, self.request, self.target, self.uv, lambda _: None, extra=extra)


def lock_result(lock: Lock) -> dict[str, Any]:
    """The lock as a step's result; the text is zlib-compressed and in base64."""
    packed = base64.b64encode(zlib.compress(lock.text.encode(), 9)).decode()
    return {"lock": packed, "lockHash": lock.hash, "packages": lock.names_versions}


def lock_of_result(result: dict[str, Any]) -> str:
    """The lock's text out of a result."""
    return zlib.decompress(base64.b64decode(result["lock"])).decode()


def compile_requirements(
    lines: str,
    request: BuildRequest,
    target: Target,
    uv: Uv,
    log: Log,
    *,
    output: str = "pylock.toml",
    extra: Sequence[str] = (),
) -> tuple[UvResult, str]:
    """One run of `uv pip compile`: what it said, and the output (pylock.toml or requirements.txt) if it succeeded."""
    with tempfile.TemporaryDirectory(prefix="dagy-resolve-") as folder:
        source, target_file = Path(folder, "requirements.in"), Path(folder, output)
        source.write_text(lines)
        answer = uv.run([*compile_arguments(request, target, source, target_file), *extra], log, cwd=Path(folder))
        return answer, target_file.read_text() if target_file.exists() else ""


def compile_arguments(request: BuildRequest, target: Target, source: Path, output: Path) -> list[str]:
    """uv's arguments; nothing of the user's stands in them but the index URLs, which were parsed."""
    newest = ["--exclude-newer", request.exclude_newer] if request.exclude_newer else []
    return [
        "pip",
        "compile",
        "--no-config",
        *build_arguments(request),
        "--quiet",
        f"--format={output.name}",
        "--no-header",
        *_interpreter_arguments(request, target),
        *("--python-version", target.python_version),
        *("--python-platform", target.uv_platform),
        *index_arguments(request),
        *newest,
        *("--output-file", str(output)),
        str(source),
    ]


def _interpreter_arguments(request: BuildRequest, target: Target) -> list[str]:
    """Wheels are chosen by tags alone, so any Python will do; searching for the right one costs half a second."""
    bundled = bundled_interpreter(target)
    if bundled is None and request.source_distributions == "Allow":
        return []
    return ["--python", str(bundled or sys.executable)]
