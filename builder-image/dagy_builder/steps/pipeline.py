"""The four steps as functions that return their outcome: the containers run them, and the command line calls them.

Nothing here knows of Kubernetes. Each function catches all failures of its step, so an outcome always comes back. What
a step needs is imported when it runs: a container runs one step, and a package waits while it imports.
"""

from __future__ import annotations

import errno
import os
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagy_builder.contract import GATEWAY_VARIABLE, BuildRequest, Fault, Reason, Step, StepOutcome
from dagy_builder.failure import StepError
from dagy_builder.redact import redact
from dagy_builder.sizes import Limits, human_size
from dagy_builder.steps import shared_cache
from dagy_builder.steps.handover import packed_in, tree_in
from dagy_builder.uv.runner import Log, open_uv

if TYPE_CHECKING:
    from dagy_builder.archive.summary import PackageSummary
    from dagy_builder.bytecode.compiler import Compiler
    from dagy_builder.indexes.route import Route
    from dagy_builder.storage.store import ObjectStore

_Work = Callable[[], tuple[str, dict[str, Any]]]


def resolve(request: BuildRequest, log: Log = print) -> StepOutcome:
    """Find the lock: result {lock, lockHash, packages, warnings}; `resolve.lock_of_result` unpacks it."""

    def work() -> tuple[str, dict[str, Any]]:
        from dagy_builder.steps import resolve as resolution

        route = _route()
        with open_uv(shared_cache=not (request.runs_package_code or route), route=route) as uv:
            found = resolution.resolve(request, uv, log)
        return _counted(len(found.lock.packages), "package"), resolution.lock_result(found)

    return _run(Step.RESOLVE, work, log)


def graph(request: BuildRequest, log: Log = print) -> StepOutcome:
    """Find which package brings which: result {packages: [{name, requirement, brought_by}]}, and no lock."""

    def work() -> tuple[str, dict[str, Any]]:
        from dagy_builder.steps import resolve as resolution

        route = _route()
        with open_uv(shared_cache=not (request.runs_package_code or route), route=route) as uv:
            nodes = resolution.graph(request, uv, log)
        return _counted(len(nodes), "package"), {"packages": [asdict(node) for node in nodes]}

    return _run(Step.RESOLVE, work, log)


def install(request: BuildRequest, lock_text: str, work_dir: Path, log: Log = print) -> StepOutcome:
    """Install the lock into `tree_in(work_dir)`: result {packageCount}."""

    def work() -> tuple[str, dict[str, Any]]:
        from dagy_builder.steps.install import install as install_tree

        own = tree_in(work_dir)
        own.parent.mkdir(parents=True, exist_ok=True)
        route = _route()
        with _install_cache(request, own.parent, route) as cache, open_uv(cache=cache, route=route) as uv:
            lock = install_tree(request, lock_text, shared_cache.cached_tree() or own, uv, log)
        return _counted(len(lock.packages), "package"), {"packageCount": len(lock.packages)}

    return _run(Step.INSTALL, work, log)


def package(
    request: BuildRequest,
    work_dir: Path,
    log: Log = print,
    *,
    tick: Callable[[], None] = lambda: None,
    lock_text: str = "",
) -> StepOutcome:
    """Pack the tree into artifact.zip in `packed_in(work_dir)`: result as `PackageSummary`. `tick`: as it grows."""

    def work() -> tuple[str, dict[str, Any]]:
        from dagy_builder.archive.pack import package as package_tree

        tree = shared_cache.cached_tree() or tree_in(work_dir)
        try:
            compiler, notes = _compiler(request)
            summary = package_tree(
                request,
                tree,
                packed_in(work_dir),
                Limits.of(),
                tick,
                lock_text=lock_text,
                check_records=shared_cache.must_be_checked(request),
                compiler=compiler,
                kept=shared_cache.kept(request, shared_cache.DEFLATED),
                notes=notes,
            )
        finally:
            shared_cache.discard()
        for warning in summary.warnings:
            log(f"{Step.PACKAGE}: {warning}")
        sizes = f"{human_size(summary.uncompressed_bytes)} to {human_size(summary.size_bytes)}"
        return f"{_counted(summary.file_count, 'file')}, {sizes}", asdict(summary)

    return _run(Step.PACKAGE, work, log)


def _compiler(request: BuildRequest) -> tuple[Compiler | None, tuple[str, ...]]:
    """Return the compiler of bytecode, if there is to be one, and a warning if there should be and is none."""
    from dagy_builder.bytecode.compiler import NoCompilerError
    from dagy_builder.steps.compiling import compiler_for, without_bytecode

    try:
        return compiler_for(request), ()
    except NoCompilerError as error:
        return None, (without_bytecode(error),)


def _route() -> Route | None:
    """The index gateway, where DAGY_INDEX_GATEWAY names one, once it serves."""
    base = os.environ.get(GATEWAY_VARIABLE)
    if not base:
        return None
    from dagy_builder.indexes.route import Route

    route = Route(base)
    route.wait()
    return route


@contextmanager
def _install_cache(request: BuildRequest, beside: Path, route: Route | None) -> Iterator[Path | None]:
    """None for the machine's cache (UV_CACHE_DIR); otherwise one beside the tree, so that uv can link instead of copy.

    Package code must never write to a cache that others read, and a build without credentials must not find in
    it the files that others got with theirs.
    """
    if "UV_CACHE_DIR" in os.environ and not request.runs_package_code and route is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="cache-", dir=beside) as folder:
        yield Path(folder)


def open_store(request: BuildRequest) -> ObjectStore:
    """The request's bucket, or DAGY_S3_BUCKET's. Nothing is sent, but it takes 0.4 s: do it while waiting."""
    from dagy_builder.storage.store import ObjectStore, bucket_of

    return ObjectStore(request.bucket or bucket_of())


def upload(
    request: BuildRequest,
    lock_text: str,
    work_dir: Path,
    log: Log = print,
    *,
    built_with: Callable[[], Mapping[str, Any]] = dict,
    store: ObjectStore | None = None,
    ticks: Iterable[None] = (),
    packed: Callable[[], object] = lambda: None,
) -> StepOutcome:
    """Upload the files in `packed_in(work_dir)`: result is an `Artifact`.

    It may still be growing, as long as `ticks` yields; `packed` waits for the end and raises StepError when it was not
    a good one. The seconds count from then on.
    """
    clock = _Clock()

    def work() -> tuple[str, dict[str, Any]]:
        from dagy_builder.archive.summary import read_summary
        from dagy_builder.steps.upload import Upload
        from dagy_builder.steps.upload import upload as upload_files
        from dagy_builder.storage.errors import StorageError
        from dagy_builder.storage.retry import retry_budget

        out = packed_in(work_dir)

        def summary() -> PackageSummary:
            packed()
            clock.restart()
            return read_summary(out)

        what = Upload(request, out, lock_text, summary, ticks, built_with)
        try:
            artifact = upload_files(
                what, store or open_store(request), lambda line: log(f"{Step.UPLOAD}: {line}"), retry_budget()
            )
        except StorageError as error:
            packed()  # where packing failed, that is what is to be told
            raise StepError(error.reason, error.message, error.fault) from error
        return human_size(artifact.size_bytes), artifact.to_json()

    return _run(Step.UPLOAD, work, log, clock)


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


class _Clock:
    """The time that a step takes, in seconds."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Start counting from now; the time before does not count."""
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds until now."""
        return time.monotonic() - self._start


def _run(step: Step, work: _Work, log: Log, clock: _Clock | None = None) -> StepOutcome:
    log(f"{step}: started")
    clock = clock or _Clock()
    try:
        done, result = work()
    except StepError as failure:
        outcome = failure.outcome(step, clock.seconds)
    except OSError as error:
        outcome = _of_os_error(step, error, log).outcome(step, clock.seconds)
    except Exception as error:
        outcome = _unexpected(step, error, log).outcome(step, clock.seconds)
    else:
        seconds = clock.seconds
        log(f"{step}: {done} in {seconds:.1f} s")
        return StepOutcome(step=step, ok=True, seconds=round(seconds, 3), result=result)
    log(f"{step}: failed after {outcome.seconds:.1f} s: {outcome.reason}: {outcome.message}")
    for problem in outcome.problems or []:
        log(f"{step}:   {problem['message']}")
    return outcome


def _of_os_error(step: Step, error: OSError, log: Log) -> StepError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StepError(
            Reason.DISK_FULL,
            f"Step {step} ran out of disk space. Give the build more (its volume, or its ephemeral-storage limit), or "
            "split the package.",
        )
    return _unexpected(step, error, log)


def _unexpected(step: Step, error: Exception, log: Log) -> StepError:
    log(redact("".join(traceback.format_exception(error))).rstrip())
    return StepError(
        Reason.INTERNAL_ERROR,
        redact(f"Step {step} failed unexpectedly: {type(error).__name__}: {error}")[:500]
        + ". Its log has the details.",
        Fault.INFRASTRUCTURE,
    )
