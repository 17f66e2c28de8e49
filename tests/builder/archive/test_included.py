"""What goes into a ZIP, and as in a virtual environment the standard library wins, in every Python that packages are for."""

from __future__ import annotations

import json
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dagy_builder.archive import included as rules
from dagy_builder.archive.included import BACKPORTS, shadow_warnings, shadowed_module
from dagy_builder.archive.pack import package
from dagy_builder.archive.summary import PackageSummary
from dagy_builder.contract import BuildRequest
from dagy_builder.platforms import SINCE, STANDARD_LIBRARY
from dagy_builder.sizes import Limits
from tests.fakes.interpreters import interpreters

OTHER_SYSTEMS = {"_msi", "_overlapped", "_scproxy", "_winapi", "_wmi", "msvcrt", "nt", "winreg", "winsound"}
# What Python imports before it can say anything, and what nearly every program imports.
AT_THE_START = ("encodings", "codecs", "io", "abc", "os", "site", "stat", "posixpath", "genericpath", "types", "enum")
COMMON = ("typing", "dataclasses", "asyncio", "json", "logging", "re", "collections", "pathlib", "concurrent", "uuid")
IMPORTS = """
import json, sys
import typing, dataclasses, asyncio, logging, concurrent.futures, enum, uuid, pathlib, fine, spread.one
told = {name: getattr(sys.modules[name], "__file__", None) for name in json.loads(sys.argv[1]) if name in sys.modules}
print(json.dumps({"files": told, "fine": fine.__file__, "spread": spread.one.__file__}))
"""


def _run(command: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)


PYTHONS = list(interpreters().values())


@pytest.fixture(params=PYTHONS, ids=lambda path: path.name)
def python(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def _version(python: Path) -> str:
    done = _run([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
    return done.stdout.strip()


def _tree(root: Path) -> Path:
    """An installed tree of two distributions, one of which wants to be the standard library."""
    hijack = "raise SystemExit('the package has taken the place of the standard library')\n"
    paths = []
    for name in (*AT_THE_START, *COMMON):
        for path in (f"{name}.py", f"{name}/__init__.py", f"{name}/below.py", f"{name}/data.txt"):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(hijack)
            paths.append(path)
    (root / "bad-1.0.dist-info").mkdir()
    (root / "bad-1.0.dist-info/RECORD").write_text("".join(f"{path},,\n" for path in paths))
    (root / "fine.py").write_text("")
    (root / "spread").mkdir()
    (root / "spread/one.py").write_text("")
    (root / "fine-1.0.dist-info").mkdir()
    (root / "fine-1.0.dist-info/RECORD").write_text("fine.py,,\nspread/one.py,,\n")
    return root


def _packed(tree: Path, out: Path, version: str) -> tuple[PackageSummary, Path]:
    summary = package(BuildRequest(version), tree, out, Limits())
    extracted = out / "extracted"
    with zipfile.ZipFile(out / "artifact.zip") as archive:
        archive.extractall(extracted)
    return summary, extracted


def test_the_table_is_that_of_the_interpreters(python: Path) -> None:
    code = "import json, sys; print(json.dumps([sys.version_info[:2], sorted(sys.stdlib_module_names)]))"
    version, names = json.loads(_run([python, "-c", code]).stdout)
    table = STANDARD_LIBRARY["{}.{}".format(*version)]
    assert set(names) - table <= OTHER_SYSTEMS
    assert table <= set(names)
    assert {*SINCE, *BACKPORTS.values()} <= STANDARD_LIBRARY["3.13"]


@pytest.mark.parametrize("options", [[], ["-s"], ["-S"], ["-P"], ["-O"]], ids="".join)
def test_every_interpreter_starts_and_imports_its_own(python: Path, options: list[str], tmp_path: Path) -> None:
    version = _version(python)
    if "-P" in options and version == "3.10":
        options = []
    summary, folder = _packed(_tree(tmp_path / "tree"), tmp_path / "out", version)
    names = [*AT_THE_START, *COMMON]
    environment = {"PYTHONPATH": f"{folder}:/mine", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [python, *options, "-c", IMPORTS, json.dumps(names)]
    done = _run(command, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert not [file for file in told["files"].values() if file and file.startswith(str(tmp_path))]
    assert told["fine"] == str(folder / "fine.py")
    assert told["spread"] == str(folder / "spread/one.py")
    assert len(summary.warnings) == 1
    assert summary.warnings[0].startswith("bad brings abc, asyncio, codecs")


def test_in_a_virtual_environment_and_in_its_children(python: Path, tmp_path: Path) -> None:
    """The packages win over the environment's own site-packages, in a child as well."""
    version = _version(python)
    _, folder = _packed(_tree(tmp_path / "tree"), tmp_path / "out", version)
    _run([python, "-m", "venv", "--without-pip", tmp_path / "venv"])
    site = tmp_path / f"venv/lib/python{version}/site-packages"
    (site / "fine.py").write_text("raise SystemExit('the image has won')\n")
    child = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', sys.argv[1], '[]']))"
    done = _run([tmp_path / "venv/bin/python", "-c", child, IMPORTS], env={"PYTHONPATH": str(folder)})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["fine"] == str(folder / "fine.py")


def test_the_zip_itself_on_the_path(python: Path, tmp_path: Path) -> None:
    _packed(_tree(tmp_path / "tree"), tmp_path / "out", _version(python))
    environment = {"PYTHONPATH": str(tmp_path / "out/artifact.zip")}
    done = _run([python, "-c", "import typing, enum, fine"], env=environment)
    assert done.returncode == 0, done.stderr


def test_another_ones_sitecustomize_still_runs(python: Path, tmp_path: Path) -> None:
    """Instrumentation (OpenTelemetry's, Datadog's) puts a folder with one before everything else."""
    _, folder = _packed(_tree(tmp_path / "tree"), tmp_path / "out", _version(python))
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent/sitecustomize.py").write_text("import fine; print('instrumented', fine.__file__)\n")
    environment = {"PYTHONPATH": f"{tmp_path / 'agent'}:{folder}"}
    done = _run([python, "-c", "import fine"], env=environment)
    assert done.stdout.split() == ["instrumented", str(folder / "fine.py")]


def test_data_stays_where_its_package_looks_for_it(tmp_path: Path) -> None:
    _, folder = _packed(_tree(tmp_path / "tree"), tmp_path / "out", "3.12")
    assert (folder / "json/data.txt").exists()
    assert not (folder / "json/__init__.py").exists()
    assert "json/__init__.py" not in (folder / "bad-1.0.dist-info/RECORD").read_text()


@pytest.mark.parametrize(
    ("path", "version", "module"),
    [
        ("typing.py", "3.12", "typing"),
        ("typing.cpython-312-x86_64-linux-gnu.so", "3.12", "typing"),
        ("typing.abi3.so", "3.12", "typing"),
        ("asyncio/__init__.py", "3.13", "asyncio"),
        ("asyncio/__init__.cpython-313-x86_64-linux-gnu.so", "3.13", "asyncio"),
        ("asyncio/tasks.py", "3.13", None),
        ("asyncio/__init__/x.py", "3.13", None),
        ("mine/typing.py", "3.12", None),
        ("typing.pyi", "3.12", None),
        ("typing_extensions.py", "3.12", None),
        ("tomllib.py", "3.10", None),
        ("tomllib.py", "3.11", "tomllib"),
        ("asyncore.py", "3.11", "asyncore"),
        ("asyncore.py", "3.12", None),
        ("cgi.py", "3.12", "cgi"),
        ("cgi.py", "3.13", None),
        ("winreg.py", "3.12", None),
    ],
)
def test_what_would_take_the_place_of_a_module(path: str, version: str, module: str | None) -> None:
    assert shadowed_module(path, version) == module


def test_backports_do_no_harm_and_others_are_named() -> None:
    paths = ["asyncio/__init__.py", "enum/__init__.py", "string.py", "code.py", "fine.py"]
    owners = {"asyncio/__init__.py": "asyncio", "enum/__init__.py": "enum34", "string.py": "odd", "code.py": "odd"}
    assert shadow_warnings(paths, owners, "3.12") == [
        "asyncio is for Pythons that lack asyncio, and Python 3.12 has it: Python's own is imported. It does no harm; "
        "remove asyncio from the list unless another package asks for it.",
        "enum34 is for Pythons that lack enum, and Python 3.12 has it: Python's own is imported. It does no harm; "
        "remove enum34 from the list unless another package asks for it.",
        "odd brings code, string, which Python 3.12 has in its standard library: Python's own is imported, as in a "
        "virtual environment, and the package's never. Leave it out if it is there for that.",
    ]


def test_warnings_have_a_bound() -> None:
    names = sorted(STANDARD_LIBRARY["3.12"])
    told = shadow_warnings([f"{n}.py" for n in names], {f"{n}.py": f"dist-{n}" for n in names}, "3.12")
    assert len(told) == 6
    assert f"{len(names) - 5} more" in told[-1]
    one = shadow_warnings([f"{n}.py" for n in names], {f"{n}.py": "dist" for n in names}, "3.12")
    assert len(one[0]) < 400


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"#!/opt/python/3.12/bin/python3.12\nimport x\n", b"#!/usr/bin/env python3\nimport x\n"),
        (
            b"#!/bin/sh\n'''exec' '/a b/bin/python3.12' \"$0\" \"$@\"\n' '''\nimport x\n",
            b"#!/usr/bin/env python3\nimport x\n",
        ),
        (b"#!/bin/bash\necho python\n", b"#!/bin/bash\necho python\n"),
        (b"\x7fELF\x02", b"\x7fELF\x02"),
        (b"", b""),
    ],
)
def test_portable_scripts(before: bytes, after: bytes) -> None:
    assert rules.portable_script(before) == after
    assert rules.portable_script(after) == after


@pytest.mark.parametrize(
    ("path", "out"),
    [
        ("a/__pycache__/b.cpython-312.pyc", True),
        ("a/b.pyc", True),
        (".lock", True),
        ("a/.lock", False),
        ("a-1.dist-info/direct_url.json", True),
        ("a-1.dist-info/METADATA", False),
        ("a/INSTALLER", False),
        ("a.pth", False),
    ],
)
def test_what_is_left_out(path: str, out: bool) -> None:
    assert rules.is_left_out(path, "3.12") is out
