"""What the images are made of is named by a release or a hash, and checked."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.image_sources import BASE

ROOT = Path(__file__).parents[1]
_PINNED = re.compile(r"@sha256:[0-9a-f]{64}$|:[\w.]+-20\d{6}(?:-slim)?$")


def _dockerfiles() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [ROOT / name for name in listed.split("\0") if Path(name).name.startswith(("Dockerfile", "Containerfile"))]


def _commands(file: Path) -> Iterator[str]:
    """Its instructions, each on one line; a RUN's commands one by one."""
    lines = [line for line in file.read_text().splitlines() if not line.lstrip().startswith("#")]
    for instruction in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        yield from (part.strip() for part in instruction.split("&&"))


DOCKERFILES = _dockerfiles()


def test_there_are_dockerfiles_to_look_at() -> None:
    assert {file.relative_to(ROOT).as_posix() for file in DOCKERFILES} >= {
        "operator/Dockerfile",
        "builder-image/Dockerfile",
    }


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.parent.name)
def test_images_begin_with_a_release_that_stays(file: Path) -> None:
    stages = {"scratch"}
    for command in _commands(file):
        if match := re.match(r"FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", command, re.IGNORECASE):
            assert match[1] in stages or _PINNED.search(match[1]), f"{match[1]} may be another image tomorrow"
            stages.add(match[2] or "")
    assert BASE.name in file.read_text(), "the cluster's own base image stands in for it"


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.parent.name)
def test_libraries_are_checked_against_the_lock(file: Path) -> None:
    installs = [command for command in _commands(file) if re.search(r"\bpip3? install\b", command)]
    assert installs
    for command in installs:
        assert "--require-hashes" in command, command
        assert "-r " in command, command
    assert "--no-hashes" not in file.read_text()
    assert "--frozen" in file.read_text()
