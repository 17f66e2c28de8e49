"""Running the builder's own steps on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagy.commands.input_files import InputError, shown
from dagy.commands.local.indexes import indexes_of_user
from dagy.commands.step_display import StepDisplay
from dagy_builder.contract import SHARED_CACHE_VARIABLE, BuildRequest, Step, StepOutcome

_LIBRARIES_OF_LOCAL = {"deflate", "tomli_w", "urllib3", "uv"}


class BuilderMissingError(Exception):
    """The builder's libraries are not installed; the message says how to get them."""


@dataclass(frozen=True)
class LocalResult:
    """How the steps ended, in their order; the last one decides. `lock` is there once the requirements resolved."""

    outcomes: tuple[StepOutcome, ...]
    lock: str | None = None

    @property
    def last(self) -> StepOutcome:
        """The step that failed, or the last one."""
        return self.outcomes[-1]

    @property
    def resolution(self) -> dict[str, Any]:
        """Result of `resolve`; empty when it failed."""
        first = self.outcomes[0]
        return first.result or {} if first.ok else {}


def resolve_here(request: BuildRequest, display: StepDisplay) -> LocalResult:
    """Step `resolve`. Raises BuilderMissingError, and InputError for a netrc that can't be read."""
    _require_builder()
    with _users_caches(), indexes_of_user(request):
        return _resolve(request, display)


def graph_here(request: BuildRequest, display: StepDisplay) -> StepOutcome:
    """Which package brings which; result as of `pipeline.graph`. Raises as `resolve_here` does."""
    _require_builder()
    with _users_caches(), indexes_of_user(request):
        from dagy_builder.steps import pipeline

        return display.run(Step.RESOLVE, lambda say: pipeline.graph(request, say))


def build_here(request: BuildRequest, output: Path, display: StepDisplay) -> LocalResult:
    """Steps `resolve`, `install` and `package`; the ZIP lies at `output` when all of them ended well.

    Raises BuilderMissingError, and InputError when `output` can't be written.
    """
    if not output.parent.is_dir():
        raise InputError(f"{shown(output)}: its folder doesn't exist. Create {shown(output.parent)} first.")
    if output.is_dir():
        raise InputError(f"{shown(output)}: is a folder. Give the name of a file, such as packages.zip.")
    _require_builder()
    with _users_caches(), indexes_of_user(request), _work_folder(output) as work:
        resolved = _resolve(request, display)
        return _build(request, resolved, work, output, display) if resolved.lock is not None else resolved


@contextmanager
def _work_folder(output: Path) -> Iterator[Path]:
    """Beside the result and not in /tmp, often another file system: uv could not link to it, nor the ZIP be renamed."""
    try:
        folder = tempfile.TemporaryDirectory(prefix=".dagy-build-", dir=output.parent)
    except OSError as error:
        raise InputError(f"{shown(output)}: cannot be written: {error.strerror}.") from error
    with folder as path:
        yield Path(path)


def _resolve(request: BuildRequest, display: StepDisplay) -> LocalResult:
    from dagy_builder.steps import pipeline
    from dagy_builder.steps.resolve import lock_of_result

    outcome = display.run(Step.RESOLVE, lambda say: pipeline.resolve(request, say))
    lock = lock_of_result(outcome.result) if outcome.ok and outcome.result else None
    return LocalResult((outcome,), lock)


def _build(request: BuildRequest, resolved: LocalResult, work: Path, output: Path, display: StepDisplay) -> LocalResult:
    from dagy_builder.archive.summary import ARTIFACT
    from dagy_builder.steps import pipeline
    from dagy_builder.steps.handover import packed_in

    lock = resolved.lock or ""
    installed = display.run(Step.INSTALL, lambda say: pipeline.install(request, lock, work, say))
    if not installed.ok:
        return LocalResult((*resolved.outcomes, installed), lock)
    packaged = display.run(Step.PACKAGE, lambda say: pipeline.package(request, work, say))
    if packaged.ok:
        _place(packed_in(work) / ARTIFACT, output)
    return LocalResult((*resolved.outcomes, installed, packaged), lock)


def _place(artifact: Path, output: Path) -> None:
    """Put the ZIP in its place whole or not at all."""
    partial = output.with_name(output.name + ".partial")
    try:
        shutil.move(artifact, partial)
        partial.replace(output)
    except OSError as error:
        raise InputError(f"{shown(output)}: cannot be written: {error.strerror}.") from error
    finally:
        partial.unlink(missing_ok=True)


def _require_builder() -> None:
    try:
        import dagy_builder.archive.pack
        import dagy_builder.steps.install
        import dagy_builder.steps.resolve  # noqa: F401 what the steps import when they run
    except ModuleNotFoundError as error:
        if error.name not in _LIBRARIES_OF_LOCAL:
            raise
        raise BuilderMissingError(
            f"To validate and build on this machine dagy needs {error.name}, which is not installed. "
            "Run pip install 'dagy[local]', which brings it and the right uv."
        ) from error


@contextmanager
def _users_caches() -> Iterator[None]:
    """Let the steps use the cache that the user's own uv uses, and what earlier builds made of its wheels.

    By themselves they start with empty ones.
    """
    with _shared_cache(), _users_uv_cache():
        yield


@contextmanager
def _shared_cache() -> Iterator[None]:
    if SHARED_CACHE_VARIABLE in os.environ:
        yield
        return
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    os.environ[SHARED_CACHE_VARIABLE] = str(Path(caches, "dagy"))
    try:
        yield
    finally:
        os.environ.pop(SHARED_CACHE_VARIABLE, None)


@contextmanager
def _users_uv_cache() -> Iterator[None]:
    from dagy_builder.failure import StepError
    from dagy_builder.uv.runner import find_uv

    if os.environ.get("UV_CACHE_DIR"):
        yield
        return
    try:
        asked = subprocess.run([find_uv(), "cache", "dir"], capture_output=True, text=True, check=False, timeout=30)
    except StepError:  # the step says so itself
        yield
        return
    if asked.returncode == 0 and asked.stdout.strip():
        os.environ["UV_CACHE_DIR"] = asked.stdout.strip()
    try:
        yield
    finally:
        os.environ.pop("UV_CACHE_DIR", None)
