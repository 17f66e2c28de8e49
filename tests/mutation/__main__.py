"""Applies the mutants one after the other to a copy of the project, and says which ones no test notices.

Usage: python -m tests.mutation [WORD of a mutant's name]
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from tests.mutation.mutants import MUTANTS, ROOT, Mutant

_COPIED = ("operator", "builder-image", "crds", "manifests", "docs", "tests", "pyproject.toml", "README.md", "Makefile")
_MOST_SECONDS = 1200
_MOST_SECONDS_OF_ALL = 3600
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
_AIM = 0.95


def main(words: list[str]) -> int:
    """Return the exit code: 0 when enough mutants are noticed."""
    chosen = [mutant for mutant in MUTANTS if all(word in mutant.name for word in words)]
    if not chosen:
        print(f"No mutant's name has {' and '.join(words)} in it.")
        return 2
    missed = []
    with tempfile.TemporaryDirectory(prefix="dagy-mutant-") as folder:
        copy = Path(folder) / "project"
        copy.mkdir()
        for name in _COPIED:
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, copy / name)
        print("first without any of them", flush=True)
        where = tuple(sorted({name for mutant in chosen for name in mutant.tests}))
        if broken := first_failure(copy, where, _MOST_SECONDS_OF_ALL):
            print(f"{broken} fails without a mutant, so nothing can be told.")
            return 1
        for number, mutant in enumerate(chosen, 1):
            began = time.monotonic()
            noticed = noticing_test(copy, mutant)
            if noticed is None:
                missed.append(mutant)
            seconds = time.monotonic() - began
            print(f"{number}/{len(chosen)} {mutant.name}: {noticed or 'NOT NOTICED'} ({seconds:.0f} s)", flush=True)
    share = 1 - len(missed) / len(chosen)
    print(f"{len(chosen) - len(missed)} of {len(chosen)} mutants are noticed ({share:.0%}).")
    return 0 if share >= _AIM else 1


def noticing_test(project: Path, mutant: Mutant) -> str | None:
    """Return the first test that fails in a copy of the project with the mutant in it; None when all pass."""
    file = project / mutant.path
    original = file.read_text()
    file.write_text(mutant.applied())
    try:
        return first_failure(project, mutant.tests)
    finally:
        file.write_text(original)


def first_failure(project: Path, tests: Iterable[str], most: float = _MOST_SECONDS) -> str | None:
    """Return the first of these tests that fails in a copy of the project; None when all pass."""
    paths = os.pathsep.join(str(project / folder) for folder in ("operator", "builder-image"))
    code = (
        f"import sys; sys.path[:0] = {paths.split(os.pathsep)!r}; import dagy, pytest; "
        f"assert dagy.__file__.startswith({str(project)!r}), dagy.__file__; sys.exit(pytest.main(sys.argv[1:]))"
    )
    argv = [sys.executable, "-c", code, "-x", "-q", "-n0", "-p", "no:cacheprovider", "-m", "not e2e and not browser"]
    argv += [f"tests/{name}" for name in tests]
    environment = {**os.environ, "DAGY_CLUSTER_DIR": os.environ.get("DAGY_CLUSTER_DIR", str(ROOT / ".cluster"))}
    try:
        done = subprocess.run(
            argv, cwd=project, env=environment, capture_output=True, text=True, check=False, timeout=most
        )
    except subprocess.TimeoutExpired:
        return f"(no end within {most:.0f} s)"
    if done.returncode == 0:
        return None
    found = _FAILED.search(done.stdout)
    if found is None:
        raise RuntimeError(f"the tests did not run: {(done.stdout + done.stderr)[-2000:]}")
    return found.group(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
