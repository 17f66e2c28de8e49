"""Step `install`: the lock's files into a folder, hashes checked, with `uv pip install --target`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from dagy_builder.archive.records import overlaps, winners
from dagy_builder.contract import BuildRequest, Reason
from dagy_builder.failure import StepError
from dagy_builder.requirement import parse_requirements
from dagy_builder.steps import shared_cache
from dagy_builder.target import Target
from dagy_builder.uv.lock import Lock, LockError, lock_of, read_lock
from dagy_builder.uv.runner import Log, Uv, UvResult, build_arguments, python_for


def install(request: BuildRequest, lock_text: str, tree: Path, uv: Uv, log: Log) -> Lock:
    """Fill `tree`, which is emptied first, with the packages of the lock. Raises StepError."""
    target = Target.of(request)
    try:
        lock = read_lock(lock_text, target)
    except (LockError, ValueError) as error:
        raise StepError(Reason.INSTALL_FAILED, str(error)) from error
    builds_sources = not all(package.is_wheel for package in lock.packages)
    python = python_for(target, uv, builds_sources=builds_sources)
    shared_cache.prepare(request, [package.name for package in lock.packages], uv, log)
    _empty(tree)
    with tempfile.TemporaryDirectory(prefix="dagy-install-") as folder:
        file = Path(folder, "pylock.toml")
        try:
            file.write_text(uv.route.local_lock(lock_text) if uv.route else lock_text)
            index = uv.local(request.default_index)
        except ValueError as error:
            message = f"The lock names a URL that is not fetched, because {error}. Validate again."
            raise StepError(Reason.INSTALL_FAILED, message) from error
        arguments = [*install_arguments(request, target, python, file, tree), "--default-index", index]

        def run(*more: str) -> UvResult:
            return uv.run([*arguments, *more], log, cwd=Path(folder))

        answer = run()
        if answer.code == 0:
            answer = _settle_overlaps(request, tree, file, lambda: run("--reinstall"), log) or answer
    if answer.code != 0:
        raise _explained(answer.output, request, target)
    return lock


def _settle_overlaps(
    request: BuildRequest, tree: Path, lock: Path, again: Callable[[], UvResult], log: Log
) -> UvResult | None:
    """Write the winners of shared paths once more, one after the other: uv wrote all of them at the same time.

    `again` installs what the file `lock` names. Gives uv's first failure.
    """
    whole = lock.read_text()
    for name in winners(overlaps(_records(tree), request.python_version)):
        log(f"{name} shares paths with other packages, and is written once more: it wins them.")
        lock.write_text(lock_of(whole, name))
        if (answer := again()).code != 0:
            return answer
    return None


def _records(tree: Path) -> Iterator[tuple[str, bytes]]:
    for path in tree.glob("*.dist-info/RECORD"):
        if path.is_file() and not path.is_symlink():
            yield str(path.relative_to(tree)), path.read_bytes()


def _explained(output: str, request: BuildRequest, target: Target) -> StepError:
    """The failure; that of a build comes first, because its output may hold any words."""
    from dagy_builder.explain.build_failure import failed_build, problem_with_build
    from dagy_builder.explain.fetch_failures import environment_failure, first_sentence, malformed_wheel

    if build := failed_build(output, parse_requirements(request.requirements)):
        _, problem = problem_with_build(build, output, (), target)
        return StepError(Reason.INSTALL_FAILED, problem.message, problems=[problem], raw=output)
    return (
        environment_failure(output)
        or malformed_wheel(output)
        or StepError(Reason.INSTALL_FAILED, f"The packages can't be installed: {first_sentence(output)}", raw=output)
    )


def install_arguments(request: BuildRequest, target: Target, python: Path, lock: Path, tree: Path) -> list[str]:
    """uv's arguments, but for the index.

    Copying takes ten times as long as linking on a busy disk. Where package code runs, it could change a cache through
    a tree that shares files with it; wheels alone are only read.
    """
    link_mode = "copy" if request.runs_package_code else "hardlink"
    return [
        "pip",
        "install",
        "--no-config",
        "--preview-features=pylock",
        *build_arguments(request),
        "--no-deps",
        "--require-hashes",
        f"--link-mode={link_mode}",
        "--no-compile-bytecode",
        *("--python", str(python)),
        *("--python-version", target.python_version),
        *("--python-platform", target.uv_platform),
        *("--keyring-provider", "disabled"),
        # Absolute, because uv runs in a folder of its own, where no configuration of a project lies.
        *("--target", str(tree.absolute())),
        *("--requirements", str(lock)),
    ]


def _empty(tree: Path) -> None:
    if tree.exists():
        shutil.rmtree(tree)
    tree.mkdir(parents=True)
