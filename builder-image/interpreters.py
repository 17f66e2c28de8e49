#!/usr/bin/env python3
"""Collect CPython 3.10 to 3.13 for the builder image: `python3 interpreters.py DEST` fills DEST/3.10 ... DEST/3.13.

Each Python comes from uv (python-build-standalone, whose hashes uv knows), or it fails. On machines that can't reach
their server, `--or-of-this-machine` takes what can't be downloaded from this machine, whatever that has: pyenv's and
others' own prefixes will do, the distribution's /usr will not. What the steps of a build never use is left out.
Standard library only.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

MINORS = ("3.10", "3.11", "3.12", "3.13")
NEEDED_MODULES = "bz2, ctypes, hashlib, lzma, sqlite3, ssl, venv, zlib"
# Below lib/python3.X. What builds of source distributions import (distutils, unittest, pydoc) stays.
LEFT_OUT_OF_STDLIB = (
    "test",
    "idlelib",
    "tkinter",
    "turtledemo",
    "turtle.py",
    "lib2to3",
    "ensurepip",
    "site-packages",
    "config-3*",
    "*/test",
    "*/tests",
    "lib-dynload/_test*",
    "lib-dynload/_ctypes_test*",
    "lib-dynload/_tkinter*",
    "lib-dynload/xx*",
    "**/__pycache__",
)
_PROBE = (
    "import json, sys; print(json.dumps([sys.base_prefix, '%d.%d' % sys.version_info[:2], sys.implementation.name]))"
)
_DOWNLOAD_SECONDS = 300


class NotFoundError(Exception):
    """No usable interpreter; the message is a sentence."""


def main(destination: Path, *, or_of_this_machine: bool = False) -> None:
    """Fill `destination`; interpreters that are there and work stay. Raises NotFoundError."""
    destination.mkdir(parents=True, exist_ok=True)
    download = True
    for minor in MINORS:
        target = destination / minor
        if target.exists() and not trouble_with(target, minor):
            print(f"CPython {minor}: already in {target}")
            continue
        shutil.rmtree(target, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=destination, prefix=".download-") as scratch:
            prefix = downloaded(minor, Path(scratch)) if download else None
            download = prefix is not None
            if prefix is None and not or_of_this_machine:
                raise NotFoundError(
                    f"CPython {minor} can't be downloaded by uv: uv is not on PATH, or the server can't be reached. "
                    "Mend that, or say --or-of-this-machine to copy the one that is here, which nobody has checked."
                )
            prefix = prefix or on_this_machine(minor)
            copy_pruned(prefix, target, minor)
        strip_symbols(target)
        if trouble := trouble_with(target, minor):
            raise NotFoundError(
                f"CPython {minor} from {prefix} does not work after copying it: {trouble}. "
                f"Install one that is complete, for example with `uv python install {minor}`."
            )
        print(f"CPython {minor}: from {prefix}, {megabytes(target):.0f} MB")


def downloaded(minor: str, scratch: Path) -> Path | None:
    """The prefix of a Python that uv downloads into `scratch`, or None when there is no uv or no way to the server."""
    uv = shutil.which("uv")
    if uv is None:
        return None
    environment = {**os.environ, "UV_PYTHON_INSTALL_DIR": str(scratch), "UV_HTTP_RETRIES": "0", "UV_NO_CONFIG": "1"}
    command = [uv, "python", "install", "--no-bin", "--quiet", minor]
    try:
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=_DOWNLOAD_SECONDS)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return None
    return next((path for path in scratch.glob("cpython-*") if not path.is_symlink()), None)


def on_this_machine(minor: str) -> Path:
    """The prefix of a Python of this machine that can be copied. Raises NotFoundError."""
    for executable in candidates(minor):
        try:
            answer = subprocess.run([executable, "-I", "-c", _PROBE], check=True, capture_output=True, timeout=30)
            prefix, version, implementation = json.loads(answer.stdout)
        except (OSError, subprocess.SubprocessError, ValueError):
            continue
        # The distribution's Python shares /usr with everything else, so it can't be copied as a folder.
        if version == minor and implementation == "cpython" and prefix != "/usr":
            return Path(prefix)
    raise NotFoundError(
        f"CPython {minor} can neither be downloaded by uv nor is there one on this machine. Install it with "
        f"`uv python install {minor}` or `pyenv install {minor}`, and run this again."
    )


def candidates(minor: str) -> Iterator[str]:
    """Executables that may be CPython `minor`: pyenv's versions, uv's own, and those on PATH."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share")
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv/python")
    for pattern in (f"{minor}.*", f"cpython-{minor}.*"):
        for root in (pyenv, uv):
            yield from sorted((str(path) for path in root.glob(f"{pattern}/bin/python{minor}")), reverse=True)
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        executable = Path(folder, f"python{minor}")
        if executable.exists():
            yield str(executable)


def copy_pruned(prefix: Path, target: Path, minor: str) -> None:
    """Copy what runs: the executable, its library and the standard library without what is left out."""
    (target / "bin").mkdir(parents=True)
    shutil.copy2(prefix / "bin" / f"python{minor}", target / "bin")
    (target / "bin/python3").symlink_to(f"python{minor}")
    (target / "bin/python").symlink_to(f"python{minor}")
    (target / "lib").mkdir()
    for library in prefix.glob(f"lib/libpython{minor}.so*"):
        shutil.copy2(library, target / "lib", follow_symlinks=False)
    stdlib = target / "lib" / f"python{minor}"
    shutil.copytree(prefix / "lib" / f"python{minor}", stdlib, symlinks=True, ignore=ignore_tests_and_caches)
    for pattern in LEFT_OUT_OF_STDLIB:
        for path in list(stdlib.glob(pattern)):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.exists() or path.is_symlink():
                path.unlink()
    (stdlib / "site-packages").mkdir()


def ignore_tests_and_caches(folder: str, names: list[str]) -> list[str]:
    """For copytree: what is large and left out in any case, so that it isn't copied first."""
    large = {"__pycache__", "site-packages", "test", "idlelib", "tkinter", "ensurepip"}
    return [name for name in names if name in large and Path(folder, name).is_dir()]


def strip_symbols(target: Path) -> None:
    """Remove debugging symbols; without binutils the image is only larger."""
    strip = shutil.which("strip")
    if strip is None:
        print("strip is missing (package binutils): the interpreters keep their debugging symbols")
        return
    libraries = [path for path in target.rglob("*.so*") if not path.is_symlink()]
    for path in [*libraries, *(path for path in (target / "bin").iterdir() if not path.is_symlink())]:
        path.chmod(0o755)
        subprocess.run([strip, "--strip-unneeded", path], check=True)


def trouble_with(target: Path, minor: str) -> str | None:
    """What is wrong with a copied interpreter; None when it starts and has the modules that a build needs."""
    environment = {"LD_LIBRARY_PATH": str(target / "lib"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [target / "bin" / f"python{minor}", "-I", "-c", f"import {NEEDED_MODULES}"]
    try:
        subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=60)
    except subprocess.CalledProcessError as error:
        return str(error.stderr.strip().splitlines()[-1:] or error.returncode)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None


def megabytes(folder: Path) -> float:
    """Size of a folder's files in MB."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Collect CPython 3.10 to 3.13 for the builder image.")
    parser.add_argument("--or-of-this-machine", action="store_true", help="copy what can't be downloaded from here")
    parser.add_argument("destination", type=Path, metavar="DEST")
    given = parser.parse_args()
    try:
        main(given.destination.absolute(), or_of_this_machine=given.or_of_this_machine)
    except NotFoundError as error:
        sys.exit(f"interpreters: {error}")
