"""`dagy requirements`: exit codes, and the same result as the library."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import yaml

from dagy.commands.requirements.commands import Python
from dagy.core.requirements import Target, parse_dependency
from dagy.core.requirements.files import merge, read_requirements
from dagy.core.requirements.files.report import report
from dagy.model.spec import DepPackageSpec
from dagy_builder.platforms import PYTHON_VERSIONS
from tests.fakes import local_commands as local

GOOD = "# ours\nNumPy>=2\npywin32; sys_platform == 'win32'\n"
BAD = "numpy\npandas=2\nreports @ https://user:secret@host/reports-1-py3-none-any.whl\n"


@pytest.fixture
def folder(folder: Path) -> Path:
    """A folder with three files."""
    (folder / "good.txt").write_text(GOOD)
    (folder / "bad.txt").write_text(BAD)
    (folder / "list.txt").write_text("numpy==1.26\nflask\n")
    return folder


def run(*arguments: str) -> int:
    return local.run("requirements", *arguments)


def test_a_clean_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "good.txt", "--python", "3.12") == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "good.txt:3: skipped: pywin32; sys_platform == 'win32': "
        'not needed on Python 3.12 for Linux: sys_platform == "win32" is false',
        "1 kept, 2 skipped (Comment 1, NotNeeded 1), 0 in conflict, 0 wrong",
    ]
    assert err == ""


def test_findings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "bad.txt", "--python", "3.12") == 1
    out, err = capsys.readouterr()
    assert out.startswith(
        'bad.txt:2: error: "=" is not a version operator. Write "==" for an exact version.\n    pandas=2\n          ^\n'
    )
    assert "secret" not in out + err


def test_conflicts_with_a_list(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "good.txt", "--python", "3.12", "--into", "list.txt") == 1
    out = capsys.readouterr().out
    assert out.startswith("good.txt:2: conflict: numpy\n    existing  numpy==1.26\n    incoming  numpy>=2\n")


@pytest.mark.parametrize("name", ["good.txt", "bad.txt", "list.txt"])
def test_json_is_the_librarys_result(folder: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    run("check", name, "--python", "3.11", "--into", "list.txt", "--json")
    existing = (parse_dependency("numpy==1.26"), parse_dependency("flask"))
    merged = merge(existing, read_requirements((folder / name).read_text(), Target("3.11")))
    assert json.loads(capsys.readouterr().out) == report(merged, "3.11").model_dump(mode="json")


def test_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"pandas==")))
    assert run("check", "-", "--python", "3.12") == 1
    assert capsys.readouterr().out.startswith("standard input:1: error: The version is missing.")


def test_a_manifest_for_kubectl(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("to-manifest", "good.txt", "--name", "ml", "--python", "3.10") == 0
    out, err = capsys.readouterr()
    manifest = yaml.safe_load(out)
    assert DepPackageSpec.model_validate(manifest["spec"]).dependencies == ["numpy>=2"]
    assert manifest["spec"]["pythonVersion"] == "3.10", "a text, not the number 3.1"
    assert "pywin32" in err, "what was left out is told, beside the manifest"


def test_a_manifest_can_be_merged_into(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("to-manifest", "list.txt", "--name", "ml", "--python", "3.12")
    (folder / "package.yaml").write_text(capsys.readouterr().out)
    assert run("check", "list.txt", "--python", "3.12", "--into", "package.yaml") == 0
    assert capsys.readouterr().out == "0 kept, 2 skipped (SameVersion 2), 0 in conflict, 0 wrong\n"


def test_no_half_manifest(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("to-manifest", "bad.txt", "--name", "ml", "--python", "3.12") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "bad.txt:2: error" in err
    assert "secret" not in err


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        (None, ["check", "x.txt"], "x.txt: cannot be read: No such file or directory."),
        (None, ["check", "."], ".: cannot be read: Is a directory."),
        (b"\0\0", ["check", "x.txt"], "x.txt: The file holds binary data."),
        (b"x" * (1024 * 1024 + 1), ["check", "x.txt"], "x.txt: The file has "),
        (b"a==\n", ["check", "good.txt", "--into", "x.txt"], "x.txt:1: The version is missing."),
        (b"a: [", ["check", "good.txt", "--into", "x.yaml"], "x.yaml: is not valid YAML at line 1."),
        (b"[" * 9000, ["check", "good.txt", "--into", "x.json"], "x.json: is not valid YAML"),
        (b"a: 1\n---\nb: 2\n", ["check", "good.txt", "--into", "x.yaml"], "x.yaml: holds 2 manifests."),
        (b"kind: Pod", ["check", "good.txt", "--into", "x.yaml"], "x.yaml: The manifest is not a DepPackage."),
        (
            b"kind: DepPackage\nspec: {dependencies: ['a==']}",
            ["check", "good.txt", "--into", "x.yaml"],
            'x.yaml: Dependency 1 ("a=="): The version is missing.',
        ),
        (None, ["to-manifest", "good.txt", "--name", "ML"], "The name of a package has"),
        (b"# nothing\n", ["to-manifest", "x.txt", "--name", "ml"], "There is no requirement in the list"),
    ],
)
def test_unusable_input(
    folder: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, arguments: list[str], message: str
) -> None:
    if content is not None:
        (folder / next(one for one in arguments if one.startswith("x."))).write_bytes(content)
    assert run(*arguments, "--python", "3.12") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert "Traceback" not in err


def test_wrong_usage_is_unusable_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "good.txt", "--python", "3.9") == 2
    assert run("check", "good.txt") == 2
    assert '"3.13"' in capsys.readouterr().err


def test_the_choice_of_pythons_is_that_of_the_api() -> None:
    choice, _ = get_args(Python)
    assert get_args(choice) == PYTHON_VERSIONS


def test_the_installed_command(folder: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from dagy.cli import main; main()",
            "requirements",
            "check",
            "bad.txt",
            "--python=3.12",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.endswith("1 kept, 0 skipped, 0 in conflict, 2 wrong\n")


def test_importing_the_command_line_imports_nothing_that_is_slow() -> None:
    code = "import sys, dagy.cli; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    slow = {"pydantic", "kopf", "boto3", "kubernetes", "yaml", "rich.console", "packaging.requirements"}
    assert not slow & set(modules.split())
