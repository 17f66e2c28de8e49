"""The Go that compiles a family: the machine's, if it is new enough, or the one that the bootstrap got from PyPI."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from .families import FAMILIES, chosen
from .layout import GO_MODULES, ClusterError, Layout, current_layout
from .shell import run


class Go(NamedTuple):
    """A Go on this machine, and its release as it says it (`go1.26.6`)."""

    command: Path
    version: str


def needed_go(family: str) -> tuple[int, ...]:
    """The oldest Go that a family's module accepts, from its `go` line."""
    line = re.search(r"^go ([\d.]+)$", (GO_MODULES / family / "go.mod").read_text(), re.MULTILINE)
    if not line:
        raise ClusterError(f"{GO_MODULES / family / 'go.mod'} has no `go` line: run `go mod tidy` there.")
    return release(line[1])


def release(text: str) -> tuple[int, ...]:
    """`go1.26.6` or `1.26.6` as numbers that compare."""
    return tuple(int(n) for n in re.findall(r"\d+", text)[:3])


def installed(layout: Layout) -> list[Go]:
    """What there is: the machine's first."""
    candidates = [Path(found) for found in (shutil.which("go"), layout.root / "tools" / "bin" / "go") if found]
    return [
        Go(command, run([command, "env", "GOVERSION"], env={"GOTOOLCHAIN": "local"}).strip())
        for command in candidates
        if command.exists()
    ]


def go_for(layout: Layout, family: str) -> Go:
    """The first Go that is new enough for a family. Raises ClusterError when there is none."""
    there, needed = installed(layout), needed_go(family)
    if fit := [go for go in there if release(go.version) >= needed]:
        return fit[0]
    found = "; ".join(f"{go.command} is {go.version}" for go in there)
    raise ClusterError(
        f"Go {_text(needed)} or newer is needed to build {family}, but {found or 'there is none on this machine'}: "
        f"run `tests/cluster/bootstrap cluster {family}`, which gets one from PyPI."
    )


def missing_go(there: Iterable[Go], families: Iterable[str]) -> str:
    """The release that has to be installed for these families; empty when each of them has a Go. It serves all others, too."""
    newest = max((release(go.version) for go in there), default=())
    if all(newest >= needed_go(family) for family in families):
        return ""
    return _text(max(needed_go(family.name) for family in FAMILIES))


def _text(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))


def main() -> None:
    """Print the release of Go that has to be installed for the node, and for families that are named beside it."""
    families = [*chosen(), *chosen(sys.argv[1:])]
    if missing := missing_go(installed(current_layout()), [family.name for family in families]):
        print(missing)


if __name__ == "__main__":
    main()
