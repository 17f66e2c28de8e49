"""Running other programs: output kept, failures told in a sentence with the program's own last words."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .layout import ClusterError

LAST_LINES = 12


def run(argv: Sequence[str | Path], *, stdin: str | None = None, env: Mapping[str, str] | None = None) -> str:
    """Run a program to its end and return its standard output. Raises ClusterError when it fails.

    `stdin` is for text that must not be an argument: arguments are visible to every user of the machine.
    """
    try:
        done = subprocess.run(
            [str(a) for a in argv],
            input=stdin if stdin is not None else "",
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as e:
        raise ClusterError(f"{argv[0]} is not installed: run `make up`, which installs what is missing.") from e
    if done.returncode != 0:
        raise ClusterError(failure(argv, done.returncode, done.stderr or done.stdout))
    return done.stdout


def follow(
    argv: Sequence[str | Path],
    *,
    log: Path,
    say: Callable[[str], None],
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Run a long program: its output goes to `log`, each line of it to `say`. Raises ClusterError when it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        log.open("w") as kept,
        subprocess.Popen(
            [str(a) for a in argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, **(env or {})},
            cwd=cwd,
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            kept.write(line)
            if line.strip():
                say(line)
    if process.returncode != 0:
        raise ClusterError(failure(argv, process.returncode, log.read_text()) + f"\nAll of its output: {log}")


def failure(argv: Sequence[str | Path], code: int, output: str) -> str:
    """The sentence for a program that failed: its name, its end, and its last lines."""
    name = " ".join(str(a) for a in argv[:3])
    last = "\n".join("  " + line for line in output.strip().splitlines()[-LAST_LINES:])
    return f"`{name} …` failed with exit code {code}." + (f" Its last words:\n{last}" if last else "")
