"""Kubernetes and its companions, built from the Go modules in go/: one folder for each family.

A family's `go.mod` is the only place with versions and the list of programs (its `tool` directives). A family is built
again when its go.mod, its go.sum, code of our own beside them, the Go release or the way of building changes.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Collection
from pathlib import Path

from .families import Family, chosen
from .layout import GO_MODULES, ClusterError, Layout
from .progress import Progress
from .shell import follow
from .toolchain import Go, go_for


def tools(go_mod: str) -> list[str]:
    """The packages of a go.mod's `tool` directives, in their order."""
    block = re.search(r"^tool \(\n(.*?)^\)", go_mod, re.MULTILINE | re.DOTALL)
    if block:
        return block[1].split()
    return re.findall(r"^tool (\S+)$", go_mod, re.MULTILINE)


def program(package: str) -> str:
    """The name that Go gives to a package's program."""
    parts = package.split("/")
    return parts[-2] if re.fullmatch(r"v\d+", parts[-1]) else parts[-1]


def required_version(go_mod: str, module: str) -> str:
    """The version of `module` that a go.mod requires. Raises ClusterError if it requires none."""
    found = re.search(rf"^\s*(?:require )?{re.escape(module)} (v\S+)", go_mod, re.MULTILINE)
    if not found:
        raise ClusterError(f"go.mod does not require {module}: add it with `go get -tool`.")
    return found[1]


def link_flags(family: Family, go_mod: str) -> str:
    """Arguments of Go's linker: no debug information, and the versions that programs report."""
    flags = ["-s", "-w"]
    if family.version_of:
        version = required_version(go_mod, family.version_of)
        major, minor, *_ = version.removeprefix("v").split(".")
        flags += [f"-X {name}={version}" for name in family.versions]
        flags += [
            f"-X k8s.io/component-base/version.gitMajor={major}",
            f"-X k8s.io/component-base/version.gitMinor={minor}",
        ]
    return " ".join(flags)


def stamp(family: Family, folder: Path, go_version: str) -> str:
    """Return a hash of all that decides a family's programs: its settings, the Go release, go.mod, go.sum, our own code."""
    sources = [folder / "go.mod", folder / "go.sum", *sorted(folder.glob("*.go"))]
    text = "\0".join([repr(family), go_version, *(file.read_text() for file in sources)])
    return hashlib.sha256(text.encode()).hexdigest()


def build_all(layout: Layout, progress: Progress, families: Collection[str] | None = None) -> None:
    """Build those of the families that are not there yet; of all that the node needs, where none are named.

    Raises ClusterError when Go can't.
    """
    for family in chosen(families):
        # For each of them, so that it is the same one whatever else is asked for.
        go = go_for(layout, family.name)
        if not is_built(layout, family, go.version):
            _build(layout, progress, family, go)


def is_built(layout: Layout, family: Family, go_version: str) -> bool:
    """Return True when all programs of a family are there, built from the present content of go/."""
    folder = GO_MODULES / family.name
    programs = _programs(family, (folder / "go.mod").read_text())
    kept = _stamp_file(layout, family)
    return (
        all((layout.bin / p).exists() for p in programs)
        and kept.exists()
        and kept.read_text() == stamp(family, folder, go_version)
    )


def _build(layout: Layout, progress: Progress, family: Family, go: Go) -> None:
    folder = GO_MODULES / family.name
    go_mod = (folder / "go.mod").read_text()
    staging = layout.root / f"bin.{family.name}"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    layout.bin.mkdir(exist_ok=True)
    with progress.step(f"Build {family.name} with {go.version}") as step:
        env = {"GOBIN": str(staging), "CGO_ENABLED": "1" if family.cgo else "0", "GOFLAGS": "-mod=readonly"}
        seen: list[str] = []

        def compiled(line: str) -> None:
            seen.append(line)
            step.say(f"{len(seen)} packages, {line}")

        argv: list[str | Path] = [
            go.command,
            "install",
            "-v",
            "-trimpath",
            f"-tags={family.tags}",
            f"-ldflags={link_flags(family, go_mod)}",
        ]
        log = layout.logs / f"build-{family.name}.log"
        follow([*argv, "tool"], log=log, say=compiled, env=env, cwd=folder)
        for built in sorted(staging.iterdir()):
            built.rename(layout.bin / family.renamed.get(built.name, built.name))
        staging.rmdir()
        _stamp_file(layout, family).write_text(stamp(family, folder, go.version))
        step.done(", ".join(_programs(family, go_mod)))


def _programs(family: Family, go_mod: str) -> list[str]:
    return [family.renamed.get(p, p) for p in map(program, tools(go_mod))]


def _stamp_file(layout: Layout, family: Family) -> Path:
    return layout.bin / f".{family.name}.stamp"
