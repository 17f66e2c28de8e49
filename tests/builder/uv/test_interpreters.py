"""Collecting interpreters for the image, with the one that runs the tests."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[3] / "builder-image/interpreters.py"
MINOR = "{}.{}".format(*sys.version_info)


@pytest.fixture
def interpreters() -> ModuleType:
    spec = importlib.util.spec_from_file_location("interpreters", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(sys.base_prefix == "/usr", reason="the distribution's Python is not copied")
def test_a_copy_runs_and_is_small(interpreters: ModuleType, tmp_path: Path) -> None:
    target = tmp_path / MINOR
    interpreters.copy_pruned(Path(sys.base_prefix), target, MINOR)
    interpreters.strip_symbols(target)
    assert interpreters.trouble_with(target, MINOR) is None
    assert interpreters.megabytes(target) < 45
    command = [target / "bin/python3", "-I", "-c", "import sys; print(sys.prefix)"]
    done = subprocess.run(
        command, env={"LD_LIBRARY_PATH": str(target / "lib")}, capture_output=True, text=True, check=True
    )
    assert Path(done.stdout.strip()) == target
    (target / f"lib/python{MINOR}/ssl.py").unlink()
    assert "ssl" in interpreters.trouble_with(target, MINOR)


def test_without_a_download_nothing_unchecked_takes_its_place(
    interpreters: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreters, "downloaded", lambda *_: None)
    monkeypatch.setattr(interpreters, "on_this_machine", lambda _: pytest.fail("nobody asked for it"))
    with pytest.raises(interpreters.NotFoundError, match="--or-of-this-machine"):
        interpreters.main(tmp_path)
    assert not (tmp_path / "3.10").exists()


def test_none_is_said_in_a_sentence(interpreters: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "bin/python3.12"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    for name in ("PYENV_ROOT", "XDG_DATA_HOME", "UV_PYTHON_INSTALL_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("PATH", str(broken.parent))
    with pytest.raises(interpreters.NotFoundError, match=r"CPython 3\.12 can neither .* Install it with `uv python"):
        interpreters.on_this_machine("3.12")
