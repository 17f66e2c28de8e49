"""Figures of the requirements library: `python -m tests.core.requirements.bench`. Printed, never asserted."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from dagy.core.requirements import Target, normalize, parse_dependency
from dagy.core.requirements.files import merge, read_requirements

PINS = [f"Package_{n}=={n % 9}.{n % 7}.1" for n in range(200)]
RANGES = [f"package-{n}[extra]>={n % 9}.1,<{n % 9 + 1}; python_version >= '3.8'" for n in range(200)]
EXPORT = "".join(f"{pin} \\\n    --hash=sha256:{'ab' * 32}\n    # via something\n" for pin in PINS)


def best(action: Callable[[], object], times: int = 20) -> float:
    """Shortest of several runs, in milliseconds: the one that was disturbed least."""

    def once() -> float:
        start = time.perf_counter()
        action()
        return (time.perf_counter() - start) * 1000

    return min(once() for _ in range(times))


def python(code: str) -> Callable[[], object]:
    return lambda: subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def imported(module: str) -> float:
    """Shortest import time of several fresh interpreters, in milliseconds."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    runs = [subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True) for _ in range(5)]
    return min(float(run.stdout) for run in runs) * 1000


def main() -> None:
    target = Target("3.12")
    existing = tuple(map(parse_dependency, PINS))
    list_file = Path(__file__).parent / "files" / "by-hand.txt"
    figures = {
        "parse 200 pins": best(lambda: [parse_dependency(text) for text in PINS]),
        "parse 200 ranges with extras and markers": best(lambda: [parse_dependency(text) for text in RANGES]),
        "normalize the 200 pins": best(lambda: normalize(PINS, "3.12")),
        "normalize the 200 ranges": best(lambda: normalize(RANGES, "3.12")),
        "read an export of 200 with hashes (600 lines)": best(lambda: read_requirements(EXPORT, target)),
        "merge that into a list of 200": best(lambda: merge(existing, read_requirements(EXPORT, target))),
        "import dagy.core.requirements": imported("dagy.core.requirements"),
        "import dagy.cli": imported("dagy.cli"),
        "a Python that does nothing": best(python("pass"), 5),
        "dagy requirements check, as a process": best(
            python(
                "import sys; from dagy.cli import main; "
                f"sys.argv = ['dagy', 'requirements', 'check', {str(list_file)!r}, '--python=3.12']; main()"
            ),
            5,
        ),
    }
    for name, milliseconds in figures.items():
        print(f"{name:<48}{milliseconds:8.1f} ms")


if __name__ == "__main__":
    main()
