"""One lock, built under other circumstances: the same SHA-256."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dagy_builder.contract import BuildRequest
from dagy_builder.steps import pipeline
from dagy_builder.steps.handover import tree_in
from dagy_builder.steps.resolve import lock_of_result
from tests.fakes.index import Index, Release, serve

BUILD = """
import json, os, sys, time
from pathlib import Path
given = json.loads(sys.argv[1])
real = time.time
time.time = lambda: real() + given["clock"]
from dagy_builder.steps import pipeline
from dagy_builder.contract import BuildRequest
request, work = BuildRequest.from_json(given["request"]), Path(given["work"])
if given["install"]:
    installed = pipeline.install(request, given["lock"], work, lambda _: None)
    assert installed.ok, installed.message
packed = pipeline.package(request, work, lambda _: None)
assert packed.ok, packed.message
print(json.dumps(packed.result))
"""


# A console script, whose first line names the interpreter; names whose order depends on the language; data.
RELEASES = (
    Release(
        "tool",
        "1.0",
        ["text"],
        files={"tool.py": b"def main():\n    print('hello')\n"},
        entry_points="[console_scripts]\ntool = tool:main\n",
    ),
    Release(
        "text",
        "1.0",
        files={
            **{f"text/{name}.py": b"VALUE = 1\n" * 200 for name in ("I", "i1", "z", "\u00e4", "_", "Zz", "a-b", "a_b")},
            "text/data.bin": bytes(range(256)) * 40,
        },
    ),
)


@dataclass(frozen=True)
class Circumstances:
    """What is different on another machine."""

    umask: int = 0o022
    clock: int = 0
    user: int | None = None
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "work"
    on: str = "/tmp"


CIRCUMSTANCES = {
    "a strict umask": Circumstances(umask=0o077),
    "a careless umask": Circumstances(umask=0),
    "an hour later": Circumstances(clock=3600),
    "before ZIP's first day": Circumstances(clock=-60 * 365 * 24 * 3600),
    "elsewhere on earth": Circumstances(environment={"TZ": "Pacific/Kiritimati"}),
    "in another language": Circumstances(environment={"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"}),
    "without a language": Circumstances(environment={"LC_ALL": "C", "PYTHONUTF8": "0"}),
    "with hashes in another order": Circumstances(environment={"PYTHONHASHSEED": "4711"}),
    "in another folder": Circumstances(folder="some where/else entirely"),
    "on another file system": Circumstances(on="/dev/shm"),
}


@dataclass
class Lab:
    request: BuildRequest
    lock: str
    folder: Path

    def build(self, how: Circumstances, work: Path, *, install: bool = True) -> dict[str, Any]:
        """Install and pack in a process of its own."""
        given = {
            "request": self.request.to_json(),
            "lock": self.lock,
            "work": str(work),
            "clock": how.clock,
            "install": install,
        }
        done = subprocess.run(
            [sys.executable, "-c", BUILD, json.dumps(given)],
            env={"PATH": "/usr/bin:/bin", "UV_CACHE_DIR": str(self.folder / "uv"), **how.environment},
            umask=how.umask,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
        )
        assert done.returncode == 0, done.stderr
        result: dict[str, Any] = json.loads(done.stdout)
        return result


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with serve(*RELEASES) as index:
        yield _lab(index, tmp_path_factory.mktemp("lab"))


def _lab(index: Index, folder: Path) -> Lab:
    request = BuildRequest("3.12", index_url=index.url, requirements=["tool"])
    resolved = pipeline.resolve(request, lambda _: None)
    assert resolved.result, resolved.message
    return Lab(request, lock_of_result(resolved.result), folder)


@pytest.fixture(scope="module")
def usual(lab: Lab) -> dict[str, Any]:
    return lab.build(Circumstances(), lab.folder / "usual")


@pytest.mark.parametrize("name", CIRCUMSTANCES)
def test_the_same_bytes_under_other_circumstances(lab: Lab, usual: dict[str, Any], name: str) -> None:
    how = CIRCUMSTANCES[name]
    if not Path(how.on).is_dir():
        pytest.skip(f"there is no {how.on}")
    with tempfile.TemporaryDirectory(dir=how.on) as folder:
        assert lab.build(how, Path(folder, how.folder)) == usual


def test_the_same_bytes_whatever_order_the_folder_has(lab: Lab, usual: dict[str, Any]) -> None:
    """The files are made anew, the last one first, with other times."""
    work = lab.folder / "order"
    lab.build(Circumstances(), work)
    old, tree = work / "before", tree_in(work)
    tree.rename(old)
    for path in sorted((p for p in old.rglob("*") if p.is_file()), reverse=True):
        copy = tree / path.relative_to(old)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
        os.utime(copy, (1_000_000_000, 1_000_000_000))
    assert lab.build(Circumstances(), work, install=False) == usual


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_the_same_bytes_for_files_of_somebody_else(lab: Lab, usual: dict[str, Any]) -> None:
    work = lab.folder / "owner"
    lab.build(Circumstances(), work)
    for path in [tree_in(work), *tree_in(work).rglob("*")]:
        if path.is_file():  # a file of one's own, not the cache's
            data, mode = path.read_bytes(), path.stat().st_mode
            path.unlink()
            path.write_bytes(data)
            path.chmod(mode)
        os.chown(path, 12345, 54321)
    assert lab.build(Circumstances(), work, install=False) == usual
