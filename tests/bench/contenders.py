"""The contenders that run on this machine. Each starts from requirements.txt and ends with one archive."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import yaml

from dagy_builder.contract import SHARED_CACHE_VARIABLE
from tests.bench.cases import PEX_PLATFORM, PYTHON, UV_PLATFORM, Case
from tests.bench.timing import CannotRunError, Contender
from tests.bench.toolbox import Toolbox
from tests.cluster.layout import current_layout
from tests.e2e.kube import package

BY_HAND, DAGY_BUILD, DAGY_SMALL = "by hand: uv + zip", "dagy build", "dagy build, small"
_BY_HAND_COMPILED, _DAGY_PLAIN = "by hand, with bytecode", "dagy build, without bytecode"
_PIP_ZIP = "pip + zip"
_FEW = 2  # rounds of those that take half a minute
_TARGET = f"--python-platform {UV_PLATFORM}"
_ZIP = "(cd tree && zip -qr ../out.zip .)"
_BY_HAND = (
    f"uv pip compile -q {_TARGET} requirements.txt -o lock.txt"
    f" && uv pip install -q {_TARGET} -r lock.txt --target tree && {_ZIP}"
)
_COMPILED = _BY_HAND.replace("--target tree", "--target tree --compile-bytecode")
_DAGY = f"dagy build requirements.txt --python {PYTHON} -o out.zip"
_DAGY_OF_MANIFEST = "dagy build package.yaml -o out.zip"
_PIP = f"pip install -q -r requirements.txt --target tree && {_ZIP}"
_PEX = f"pex -r requirements.txt --resolver-version pip-2020-resolver --platform {PEX_PLATFORM} -o out.pex"
_SHIV = "shiv -q -r requirements.txt -o out.pyz"
_LAMBDA = f"lambda_build && {_ZIP}"

# What `sam build` calls for a Python function, without its templates.
_LAMBDA_BUILD = f"""
from aws_lambda_builders.builder import LambdaBuilder
builder = LambdaBuilder(language="python", dependency_manager="pip", application_framework=None)
builder.build("source", "tree", "scratch", "source/requirements.txt", runtime="python{PYTHON}", architecture="x86_64")
"""


def ours_and_by_hand(tools: Toolbox) -> list[Contender]:
    """Our command, and what one would do without it: uv in an activated environment of the target's Python, and zip."""

    def by_hand(command: str) -> Callable[[Case, Path], int]:
        def run(case: Case, folder: Path) -> int:
            environment = tools.bin("uv", target=True).parent
            return _shell(command, case, folder, path=[environment / "bin"], VIRTUAL_ENV=str(environment))

        return run

    return [
        Contender(BY_HAND, by_hand(_BY_HAND), _BY_HAND),
        Contender(_BY_HAND_COMPILED, by_hand(_COMPILED), _COMPILED, warmed_by=BY_HAND),
        Contender(DAGY_BUILD, lambda case, folder: _dagy(_DAGY, case, folder), _DAGY),
        _dagy_with(DAGY_SMALL, compression="small"),
        _dagy_with(_DAGY_PLAIN, bytecode="Exclude"),
        _dagy_with("dagy build, nothing compiled before", anew=True, bytecode="Include"),
        _dagy_with(f"{_DAGY_PLAIN}, nothing compressed before", anew=True, bytecode="Exclude"),
    ]


def others(tools: Toolbox) -> list[Contender]:
    """Other tools, from PyPI, each in a virtual environment that is thrown away afterwards."""

    def pip(case: Case, folder: Path) -> int:
        return _shell(_PIP, case, folder, path=[tools.bin("pip", target=True)])

    def pex(case: Case, folder: Path) -> int:
        # pex sets up a pip of its own with `venv`, so it runs on Debian's Python and builds for the other.
        home = tools.folder / "pex-root"
        return _shell(_PEX, case, folder, path=[tools.bin("pex", target=False)], PEX_ROOT=str(home))

    def shiv(case: Case, folder: Path) -> int:
        return _shell(_SHIV, case, folder, path=[tools.bin("shiv", target=True)])

    def lambda_builders(case: Case, folder: Path) -> int:
        for name in ("source", "tree", "scratch"):
            (folder / name).mkdir()
        (folder / "source" / "requirements.txt").write_text(case.text)
        (folder / "build.py").write_text(_LAMBDA_BUILD)
        path = tools.bin("aws-lambda-builders", target=True)
        return _shell(_LAMBDA.replace("lambda_build", "python build.py"), case, folder, path=[path])

    return [
        Contender(_PIP_ZIP, pip, _PIP, most_rounds=_FEW),
        Contender("pex", pex, _PEX, most_rounds=_FEW),
        # Both call pip, and it has one cache.
        Contender("shiv", shiv, _SHIV, most_rounds=_FEW, warmed_by=_PIP_ZIP),
        Contender(
            "aws-lambda-builders + zip",
            lambda_builders,
            _LAMBDA.replace("lambda_build", "LambdaBuilder.build"),
            most_rounds=_FEW,
            warmed_by=_PIP_ZIP,
        ),
    ]


def _dagy_with(name: str, *, anew: bool = False, **options: str) -> Contender:
    """Our command with options of spec.build; `anew`: without what it made of these wheels before."""

    def run(case: Case, folder: Path) -> int:
        manifest = package("bench", *case.requirements, python=PYTHON, build=options)
        (folder / "package.yaml").write_text(yaml.safe_dump(manifest))
        variables = {SHARED_CACHE_VARIABLE: str(folder / "shared")} if anew else {}
        return _dagy(_DAGY_OF_MANIFEST, case, folder, **variables)

    shown = ", ".join(f"build.{option}: {value}" for option, value in options.items())
    shown += f"; an empty {SHARED_CACHE_VARIABLE}" if anew else ""
    return Contender(name, run, f"{_DAGY_OF_MANIFEST} ({shown})", warmed_by=DAGY_BUILD)


def _dagy(command: str, case: Case, folder: Path, **variables: str) -> int:
    # Bytecode is compiled by the interpreter that the builder image has.
    interpreters = str(current_layout().cache / "interpreters")
    return _shell(command, case, folder, path=[Path(sys.executable).parent], DAGY_PYTHON_ROOT=interpreters, **variables)


def _shell(command: str, case: Case, folder: Path, *, path: Sequence[Path], **variables: str) -> int:
    """Run what a person would type. Raises CannotRunError with the last words of what failed."""
    (folder / "requirements.txt").write_text(case.text)
    # What a tool deletes while it works lies beside what it makes, and not where the next one works.
    (folder / "tmp").mkdir()
    variables = {"TMPDIR": str(folder / "tmp"), **variables}
    done = subprocess.run(
        ["bash", "-ec", command],
        cwd=folder,
        env=_environment(path, variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["it said nothing"]
        raise CannotRunError(f"exit code {done.returncode}: {words[0][:300]}")
    (made,) = folder.glob("out.*")
    return made.stat().st_size


def _environment(path: Sequence[Path], variables: Mapping[str, str]) -> dict[str, str]:
    # Compiled Python is a cache, too; whoever tests may have switched it off.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, **variables, "PATH": ":".join([*map(str, path), os.environ["PATH"]])}


def typed(contender: Contender) -> str:
    """The commands in one line, as Markdown."""
    return f"`{contender.how}`"
