"""What only the real index can show."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from dagy_builder.archive import included as rules
from dagy_builder.contract import BuildRequest, StepOutcome
from dagy_builder.steps import pipeline
from dagy_builder.steps.handover import packed_in
from dagy_builder.steps.resolve import lock_of_result
from dagy_builder.uv.runner import find_uv

pytestmark = pytest.mark.network


def _resolve(*requirements: str, python: str = "3.12") -> StepOutcome:
    return pipeline.resolve(BuildRequest(python, requirements=list(requirements)), lambda _: None)


@pytest.mark.parametrize("python", ["3.10", "3.13"])
def test_the_zip_holds_what_uv_installs(tmp_path: Path, python: str) -> None:
    """Everything that `uv pip install --target` writes from the same lock, but what is left out on purpose."""
    resolved = _resolve("requests", "markupsafe", python=python)
    assert resolved.result, resolved.message
    lock = lock_of_result(resolved.result)
    request = BuildRequest(python)
    assert pipeline.install(request, lock, tmp_path, lambda _: None).ok
    assert pipeline.package(request, tmp_path, lambda _: None).ok

    plain = tmp_path / "plain"
    (tmp_path / "pylock.toml").write_text(lock)
    options = ["--python-version", python, "--python-platform", "x86_64-manylinux_2_28", "--preview-features=pylock"]
    command = [find_uv(), "pip", "install", "-q", "--python", sys.executable, "--target", str(plain), *options]
    # A cache of its own: files of the machine's are hard links, and whoever changed one would change this one.
    environment = {**os.environ, "UV_CACHE_DIR": str(tmp_path / "plain-cache")}
    subprocess.run([*command, "-r", str(tmp_path / "pylock.toml")], check=True, env=environment)
    expected = {
        path.relative_to(plain).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in plain.rglob("*")
        if path.is_file() and not rules.is_left_out(path.relative_to(plain).as_posix(), python)
    }
    with zipfile.ZipFile(packed_in(tmp_path) / "artifact.zip") as archive:
        found = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}
    assert found.keys() == expected.keys()
    changed = {name for name in found if found[name] != expected[name]}
    assert all(rules.is_record(name) or rules.is_script(name) for name in changed), changed
    tag = f"cpython-{python.replace('.', '')}-"
    assert any(tag in name for name in found if name.endswith(".so"))


UNSATISFIABLE = [
    (
        ["pandas==99.0"],
        "3.12",
        "NoMatchingVersion",
        ["pandas==99.0 does not exist", "newest release for Python 3.12 is"],
    ),
    (
        ["flask==3.0.0", "werkzeug<2"],
        "3.12",
        "UnsatisfiableRequirements",
        ["flask==3.0.0 needs werkzeug>=3.0.0", "tried"],
    ),
    (["requests==2.31.0", "urllib3<1.21"], "3.12", "UnsatisfiableRequirements", ["requests==2.31.0", "urllib3<1.21"]),
    (["tensorflow==1.15.0"], "3.12", "PythonIncompatible", ["its wheels are for Python 2.7, 3.5 to 3.7"]),
    (
        ["numpy==1.21.0"],
        "3.13",
        "PythonIncompatible",
        ["for Python 3.13", "its wheels are for Python 3.7 to 3.9", "numpy>=2"],
    ),
    (["pywin32==306"], "3.12", "NoWheel", ["its wheels are for Windows"]),
    (["uwsgi==2.0.28"], "3.12", "NoWheel", ["published as source code only", "spec.sourceDistributions"]),
    (
        ["numpy>=2", "pandas<2", "scikit-learn"],
        "3.12",
        "PythonIncompatible",
        ["pandas<2 (newest: 1.5.3)", "3.8 to 3.11"],
    ),
    (
        ["no-such-package-dagy-test"],
        "3.12",
        "PackageNotFound",
        ["no-such-package-dagy-test is not in the package index"],
    ),
    (["sklearn"], "3.12", "NoWheel", ["The module sklearn is part of scikit-learn"]),
]


@pytest.mark.parametrize(("requirements", "python", "reason", "sentences"), UNSATISFIABLE, ids=lambda v: str(v)[:40])
def test_failures_on_pypi(requirements: list[str], python: str, reason: str, sentences: list[str]) -> None:
    outcome = _resolve(*requirements, python=python)
    assert (outcome.ok, outcome.reason) == (False, reason), outcome.message
    for sentence in sentences:
        assert sentence in (outcome.message or "")
