"""Package code runs only where it is allowed to, and finds nothing there."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from dagy_builder.contract import BuildRequest, Fault, Reason
from dagy_builder.steps import pipeline
from dagy_builder.steps.handover import tree_in
from dagy_builder.steps.resolve import lock_of_result
from tests.fakes.index import Release, serve

PYTHON = "{}.{}".format(*sys.version_info)

# A build backend (PEP 517) of its own, which writes all it can find into the package that it builds.
BACKEND = b"""
import json, os, pathlib, zipfile
def _spy():
    home = pathlib.Path.home()
    return json.dumps({"environment": dict(os.environ), "home": sorted(os.listdir(home))})
def get_requires_for_build_wheel(config_settings=None): return []
def build_wheel(directory, config_settings=None, metadata_directory=None):
    name = "spy-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        wheel.writestr("spy.json", _spy())
        wheel.writestr("spy-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: spy\\nVersion: 1.0\\n")
        wheel.writestr("spy-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("spy-1.0.dist-info/RECORD", "spy.json,,\\nspy-1.0.dist-info/METADATA,,\\nspy-1.0.dist-info/RECORD,,\\n")
    return name
"""
SPY = Release(
    "spy",
    "1.0",
    sdist=True,
    files={
        "spy-1.0/pyproject.toml": b'[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        b'[project]\nname = "spy"\nversion = "1.0"\n',
        "spy-1.0/backend.py": BACKEND,
    },
)


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "PIP_INDEX_URL", "UV_INDEX_URL", "KUBECONFIG"):
        monkeypatch.setenv(name, "hunter2hunter2")


def test_package_code_finds_no_secret(tmp_path: Path) -> None:
    with serve(SPY) as index:
        request = BuildRequest(PYTHON, index_url=index.url, requirements=["spy"], source_distributions="Allow")
        resolved = pipeline.resolve(request, lambda _: None)
        assert resolved.result, resolved.message
        lock = lock_of_result(resolved.result)
        installed = pipeline.install(request, lock, tmp_path, lambda _: None)
        assert installed.ok, installed.message
    seen = json.loads((tree_in(tmp_path) / "spy.json").read_text())
    assert "hunter2" not in json.dumps(seen)
    assert not [name for name in seen["environment"] if name.startswith(("AWS_", "DAGY_", "KUBE"))]


def test_a_locked_source_distribution_is_not_built_where_that_is_forbidden(tmp_path: Path) -> None:
    with serve(SPY) as index:
        allowed = BuildRequest(PYTHON, index_url=index.url, requirements=["spy"], source_distributions="Allow")
        resolved = pipeline.resolve(allowed, lambda _: None)
        assert resolved.result, resolved.message
        forbidden = BuildRequest(PYTHON, index_url=index.url)
        outcome = pipeline.install(forbidden, lock_of_result(resolved.result), tmp_path, lambda _: None)
    assert (outcome.ok, outcome.reason) == (False, Reason.INSTALL_FAILED), outcome.message
    assert not (tree_in(tmp_path) / "spy.json").exists()


def test_a_missing_interpreter_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DAGY_PYTHON_ROOT", str(tmp_path))
    other = "3.10" if PYTHON != "3.10" else "3.13"
    with serve(SPY) as index:
        request = BuildRequest(other, index_url=index.url, requirements=["spy"], source_distributions="Allow")
        outcome = pipeline.resolve(request, lambda _: None)
    assert (outcome.reason, outcome.fault) == (Reason.PYTHON_MISSING, Fault.ADMINISTRATOR)
    assert f"CPython {other} is not on this machine" in (outcome.message or "")


BROKEN = {
    # Without [project], so that uv has to run the backend to learn what it needs.
    "broken-1.0/pyproject.toml": SPY.files["spy-1.0/pyproject.toml"].partition(b"[project]")[0],
    # It says what uv says when an index is away, which would have it tried again and again.
    "broken-1.0/backend.py": b"def build_wheel(*a, **k): raise SystemExit('error sending request: Connection refused')",
}


@pytest.mark.parametrize(
    ("requires_python", "sentence"),
    [
        ("<3.8", f"built from source for Python {PYTHON}: it asks for Python <3.8."),
        (None, "broken==1.0 can't be built from source: its own build code failed"),
    ],
)
def test_what_can_not_be_built(requires_python: str | None, sentence: str) -> None:
    """uv takes no notice of upper bounds of Requires-Python; where one is the cause, that is said."""
    broken = Release("broken", "1.0", sdist=True, files=BROKEN, requires_python=requires_python)
    with serve(broken, Release("user", "1.0", ["broken"])) as index:
        request = BuildRequest(
            PYTHON, index_url=index.url, requirements=["user", "missing"], source_distributions="Allow"
        )
        outcome = pipeline.resolve(request, lambda _: None)
    told = {problem["requirement"]: problem["message"] for problem in outcome.problems or []}
    assert outcome.fault == Fault.USER
    assert told.keys() == {"user", "missing"}
    assert told["user"].startswith("user brings broken==1.0. broken==1.0 can't be built")
    assert sentence in told["user"]


def test_a_build_that_fails_is_not_tried_again() -> None:
    with serve(Release("broken", "1.0", sdist=True, files=BROKEN, requires_python="<3.8")) as index:
        request = BuildRequest(PYTHON, index_url=index.url, requirements=["broken"], source_distributions="Allow")
        outcome = pipeline.resolve(request, lambda _: None)
    assert (outcome.reason, outcome.fault) == (Reason.PYTHON_INCOMPATIBLE, Fault.USER)
