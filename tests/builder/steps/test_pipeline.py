"""What every step does when the machine fails it."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from dagy_builder.contract import BuildRequest, Fault, Reason
from dagy_builder.failure import StepError
from dagy_builder.steps import pipeline
from dagy_builder.steps.resolve import warnings_in
from dagy_builder.uv import runner as uv
from tests.fakes.index import Index

REQUEST = BuildRequest("3.12", requirements=["beta"])


def test_a_step_does_not_import_what_the_others_need() -> None:
    """A container runs one step, and what it imports takes longer than some steps."""
    loaded = "import sys, dagy_builder.__main__; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", loaded], check=True, capture_output=True, text=True).stdout.split()
    others = ("archive", "bytecode", "explain", "image", "indexes", "registry", "storage")
    needless = ("boto3", "concurrent.futures", "deflate", "html", "packaging.requirements", "tomllib")
    assert not {f"dagy_builder.{name}" for name in others}.union(needless).intersection(modules)


def test_without_uv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nothing() -> str:
        raise FileNotFoundError

    monkeypatch.setattr("uv.find_uv_bin", nothing)
    monkeypatch.setenv("PATH", str(tmp_path))
    outcome = pipeline.resolve(REQUEST, lambda _: None)
    assert (outcome.reason, outcome.fault) == (Reason.UV_MISSING, Fault.ADMINISTRATOR)
    assert (outcome.message or "").startswith("uv is not installed in the builder image: ")


@pytest.mark.parametrize(
    ("error", "reason", "fault"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "DiskFull", "User"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "DiskFull", "User"),
        (OSError(errno.EIO, "I/O error"), "InternalError", "Infrastructure"),
        (RuntimeError("at https://user:secret@h.example/"), "InternalError", "Infrastructure"),
    ],
)
def test_a_machine_that_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception, reason: str, fault: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("dagy_builder.archive.pack.package", fail)
    log: list[str] = []
    outcome = pipeline.package(REQUEST, tmp_path, log.append)
    assert (outcome.reason, outcome.fault) == (reason, fault)
    assert "secret" not in outcome.to_text() + "\n".join(log)


def test_warnings_reach_the_user(index: Index) -> None:
    request = BuildRequest("3.12", index_url=index.url, requirements=["withextra[nope]", "yank==1.0"])
    outcome = pipeline.resolve(request, lambda _: None)
    assert outcome.result, outcome.message
    told = " ".join(outcome.result["warnings"])
    assert "does not have an extra named `nope`" in told
    assert "is yanked" in told
    assert warnings_in("Resolved 1 package\n") == ()


def test_nothing_of_this_machine_reaches_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    with uv.open_uv(
        {"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "x", "UV_INDEX": "http://evil", "HTTPS_PROXY": "p"}
    ) as opened:
        environment = opened._environment
    assert environment["HTTPS_PROXY"] == "p"
    assert not {"AWS_SECRET_ACCESS_KEY", "UV_INDEX"} & set(environment)
    assert environment["UV_PYTHON_DOWNLOADS"] == "never"


def test_a_uv_that_is_killed_ran_out_of_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    killed = tmp_path / "uv"
    killed.write_text("#!/bin/sh\necho Resolving >&2\nkill -9 $$\n")
    killed.chmod(0o755)
    monkeypatch.setattr("dagy_builder.uv.runner.find_uv", lambda: str(killed))
    outcome = pipeline.resolve(REQUEST, lambda _: None)
    assert (outcome.reason, outcome.fault) == (Reason.OUT_OF_MEMORY, Fault.USER)
    with uv.open_uv({}) as opened, pytest.raises(StepError, match="no memory left"):
        opened.run(["--version"], lambda _: None, seconds=60)
