"""`python -m dagy_builder STEP --input DIR --work DIR`: one step, as a container of a build's pod runs it."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from dagy_builder.contract import LAST_STEPS, Artifact, BuildRequest, Fault, Reason, Step, StepOutcome
from dagy_builder.failure import StepError, exit_code_of
from dagy_builder.packed_lock import LOCK_FILE, unpack
from dagy_builder.steps import pipeline
from dagy_builder.steps.handover import Handover
from dagy_builder.steps.isolation import await_isolation, end_all_others, hide_from_package_code
from dagy_builder.steps.outcome import result_lines, write_termination_log
from dagy_builder.trust import trust_added_authorities
from dagy_builder.uv.runner import open_uv

# Containers may run as different users of one group.
_UMASK = 0o007
# No step takes a year: what says so is no time.
_MOST_SECONDS = 365 * 24 * 3600


class _Terminated(BaseException):
    """SIGTERM came. As process 1 of a container we'd otherwise ignore it."""


def main(arguments: list[str] | None = None) -> int:
    """Run the step; the exit code tells the party at fault for a failure (`ExitCode`)."""
    parser = argparse.ArgumentParser(prog="dagy_builder", description="Run one step of a build of a package.")
    parser.add_argument("step", type=Step, choices=list(Step), metavar="STEP", help=", ".join(Step))
    parser.add_argument(
        "--input", type=Path, required=True, help="folder with request.json, and pylock.toml.gz for builds"
    )
    parser.add_argument("--work", type=Path, required=True, help="folder that the steps of one build share")
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _terminate)
    os.umask(_UMASK)
    hide_from_package_code()
    try:
        with tempfile.TemporaryDirectory(prefix="dagy-trust-") as scratch:
            trust_added_authorities(Path(scratch), None if given.step is Step.UPLOAD else given.input)
            outcome = _run(given.step, given.input, given.work)
            write_termination_log(outcome)
            if given.step in LAST_STEPS:
                _log("\n".join(result_lines(outcome)))
            if given.step is Step.UPLOAD:
                _push(given.input, given.work, outcome)
    except _Terminated:
        _log(f"{given.step}: stopped by SIGTERM")
        return 128 + signal.SIGTERM
    return exit_code_of(outcome)


def _run(step: Step, input_dir: Path, work: Path) -> StepOutcome:
    if step is Step.RESOLVE:
        try:
            _log(_versions())
            request = _request(input_dir)
            await_isolation(request)
            return pipeline.resolve(request, _log)
        except StepError as failure:
            return failure.outcome(step, 0.0)
        finally:
            # Before the result is printed, so that it is the log's end.
            end_all_others()
    handover = Handover(work)
    if step is Step.UPLOAD:  # nobody waits for it, and it has no folder to write to
        return _run_step(step, lambda: _upload(input_dir, work, handover))
    # From before the step's end: whoever waits for the image must not wait for a container that was killed between.
    with _images(work).running(step) if step is Step.PACKAGE else nullcontext():
        with handover.running(step) as tick:
            outcome = _run_step(step, lambda: _build_step(step, input_dir, work, handover, tick))
            # Before the next step begins, or daemons of a package's build could change the files that it reads.
            end_all_others()
            handover.leave(outcome)
        if step is Step.PACKAGE and outcome.ok and (request := _request(input_dir)).image_repository:
            from dagy_builder.steps import images

            _images(work).leave(images.make_image(request, work, _log))
    return outcome


def _images(work: Path) -> Handover:
    return Handover(work, "image-")


def _push(input_dir: Path, work: Path, uploaded: StepOutcome) -> None:
    """Push the image of what was uploaded, unless it is there: the ZIP is complete, whatever becomes of it."""
    request, artifact = _request(input_dir), Artifact.from_json(uploaded.result or {}) if uploaded.ok else None
    if artifact is None or not request.image_repository:
        return
    from dagy_builder.steps import images

    if images.is_own(request, artifact.image):  # records of earlier versions name the builder's image there
        return
    made = partial(_images(work).wait_for, Step.PACKAGE)
    try:
        told = images.push_image(request, artifact, work, made, store=lambda: pipeline.open_store(request), log=_log)
        write_termination_log(replace(uploaded, result=told.to_json()))
    except _Terminated:
        _log(f"{Step.UPLOAD}: stopped by SIGTERM before the image was pushed")


def _run_step(step: Step, work: Callable[[], StepOutcome]) -> StepOutcome:
    try:
        return work()
    except StepError as failure:
        _log(f"{step}: {failure.message}")
        return failure.outcome(step, 0.0)


def _build_step(step: Step, input_dir: Path, work: Path, handover: Handover, tick: Callable[[], None]) -> StepOutcome:
    request, lock = _request(input_dir), _lock(input_dir)
    if step is Step.INSTALL:
        _log(_versions())
        await_isolation(request)
        return pipeline.install(request, lock, work, _log)
    from dagy_builder.archive import pack, sbom  # noqa: F401 now, because there is nothing else to do yet

    installed = _wait(step, Step.INSTALL, handover)
    return _with_seconds(pipeline.package(request, work, _log, tick=tick, lock_text=lock), installed)


def _upload(input_dir: Path, work: Path, handover: Handover) -> StepOutcome:
    request, lock = _request(input_dir), _lock(input_dir)
    uv_version = _uv_version()  # now, because there is nothing else to do yet
    return pipeline.upload(
        request,
        lock,
        work,
        _log,
        built_with=lambda: _built_with(uv_version, _wait(Step.UPLOAD, Step.PACKAGE, handover)),
        store=pipeline.open_store(request),
        ticks=handover.follow(Step.PACKAGE),
        packed=lambda: _wait(Step.UPLOAD, Step.PACKAGE, handover),
    )


def _wait(step: Step, previous: Step, handover: Handover) -> StepOutcome:
    outcome = handover.wait_for(previous)
    if outcome is not None and outcome.ok:
        return outcome
    why = f"failed ({outcome.reason})" if outcome and outcome.reason in tuple(Reason) else "ended without a result"
    raise StepError(
        Reason.PREVIOUS_STEP_ENDED,
        f"Step {previous} {why}, so there is nothing to {step}. See what {previous} said.",
        Fault.INFRASTRUCTURE,
    )


def _request(input_dir: Path) -> BuildRequest:
    path = input_dir / "request.json"
    try:
        return BuildRequest.from_json(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise _bad_input(path, error) from error


def _lock(input_dir: Path) -> str:
    path = input_dir / LOCK_FILE
    try:
        return unpack(path.read_bytes())
    except (OSError, ValueError) as error:
        raise _bad_input(path, error) from error


def _bad_input(path: Path, error: Exception) -> StepError:
    return StepError(
        Reason.INTERNAL_ERROR,
        f"{path} can't be used ({error}). The operator and the builder image may be of different versions.",
        Fault.INFRASTRUCTURE,
    )


def _with_seconds(packaged: StepOutcome, installed: StepOutcome) -> StepOutcome:
    """The outcome of `package` with the time that `install` says it took: `upload` sees nothing of `install` itself."""
    seconds: object = installed.seconds
    if not packaged.ok or not isinstance(seconds, int | float) or not 0 <= seconds < _MOST_SECONDS:
        return packaged
    return replace(packaged, result={**(packaged.result or {}), "installSeconds": float(seconds)})


def _built_with(uv_version: str, packaged: StepOutcome) -> Mapping[str, Any]:
    installed = (packaged.result or {}).get("installSeconds")
    seconds = {Step.INSTALL: installed, Step.PACKAGE: packaged.seconds}
    return {
        "builtWith": {
            "uv": uv_version.removeprefix("uv ").partition(" ")[0],
            "python": platform.python_version(),
            "platform": platform.platform(),
        },
        "builderImage": os.environ.get("DAGY_BUILDER_IMAGE", ""),
        "seconds": {step: took for step, took in seconds.items() if took is not None},
    }


def _versions() -> str:
    return f"{_uv_version()}; Python {platform.python_version()}; {platform.platform()}"


def _uv_version() -> str:
    with open_uv() as uv:
        return uv.version()


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    raise _Terminated


def _log(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
