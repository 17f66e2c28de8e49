"""The files that the API serves are those that the sources make, small, and ask nobody else for anything."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

from tests.console.toolchain import CONSOLE, installed, make

STATIC = CONSOLE.parent / "dagy/web/console/static"
BUDGET = 80_000
"""Bytes of all that the page loads, compressed."""
KNOWN_ADDRESSES = {"http://www.w3.org/2000/svg", "http://www.w3.org/1998/Math/MathML", "http://www.w3.org/1999/xhtml"}


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_types_fit_and_the_files_are_up_to_date(tmp_path: Path) -> None:
    installed()
    checked = make().check()
    assert checked.returncode == 0, checked.stdout
    made = make().bundle(tmp_path / "static")
    assert made.returncode == 0, made.stderr
    assert files(tmp_path / "static") == files(STATIC), "run `make console`"


def test_it_is_small() -> None:
    sizes = {
        name: len(gzip.compress(data, mtime=0)) for name, data in files(STATIC).items() if name.startswith("assets/")
    }
    print(sizes)
    assert sum(sizes.values()) < BUDGET


def test_nothing_is_asked_of_others() -> None:
    for name, data in files(STATIC).items():
        if name != "NOTICE":
            found = set(re.findall(r"https?://[\w./-]+", data.decode()))
            assert found <= KNOWN_ADDRESSES, name


def test_what_is_in_it_is_named_with_its_licence() -> None:
    notice = (STATIC / "NOTICE").read_text()
    for name, release in json.loads((CONSOLE / "package.json").read_text())["dependencies"].items():
        assert f"{name} {release} (MIT)" in notice


def test_releases_are_exact_and_the_lock_names_no_registry() -> None:
    package = json.loads((CONSOLE / "package.json").read_text())
    for releases in (package["dependencies"], package["devDependencies"]):
        assert all(re.fullmatch(r"[\d.]+", release) for release in releases.values())
    lock = (CONSOLE / "package-lock.json").read_text()
    assert set(re.findall(r'"resolved": "https?://([^/]+)', lock)) <= {"registry.npmjs.org"}
    for name, package in json.loads(lock)["packages"].items():
        assert not name or package.get("integrity"), name


def test_no_text_becomes_markup() -> None:
    for path in (CONSOLE / "src").rglob("*.ts*"):
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", path.read_text()), path
