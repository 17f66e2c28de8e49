"""Lists that people really have, as files in `lists/`, and the sentences that each of them is told, asked of the real index."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.fakes.local_commands import run

pytestmark = pytest.mark.network

LISTS = Path(__file__).parent / "lists"

# What the index has grown since is nobody's fault: no sentence here holds the newest version of anything.
TOLD: dict[str, tuple[int, list[str]]] = {
    "all-withdrawn.txt": (1, [
        r"All \d+ releases of sentry>=2\.0\.1,<3 were withdrawn by their authors, the newest \(2\.9\.0\) because: http",
    ]),
    "ancient-for-want-of-wheels.txt": (0, [
        r"warning: hydra-core gives 0\.11\.3 of 2019-12, not 1\.\d",
        r"antlr4-python3-runtime .* is published as source code only, without a wheel\. Set spec\.sourceDistributions to Allow",
    ]),
    "big-one-name.yaml": (0, [r"VALID: \d{2,} packages for Python 3\.12"]),
    "conda-list-export.txt": (1, [
        r"a list of conda's packages and builds, not of Python requirements\. In the conda environment, run "
        r'"pip list --format=freeze > requirements\.txt"',
    ]),
    "environment.yml": (2, [r"a conda environment\.yml, .* or give what stands below `pip:` in a requirements\.txt"]),
    "find-links.txt": (1, [
        r"skipped: -f …: a page of links is no index: name an index that has these files in spec\.index",
        r"torch 2\.2\.1 is there, but not its build \+cpu\. .* add https://download\.pytorch\.org/whl/cpu to spec\.index\.extraUrls",
    ]),
    "freeze-of-ubuntu.txt": (1, [r"Remove the line: `pip freeze` of Debian and Ubuntu writes it by mistake"]),
    "local-version.txt": (1, [
        r"skipped: --extra-index-url …: indexes are set in spec\.index",
        r"torch 2\.2\.1 is there, but not its build \+cpu\. It comes from PyTorch's own index",
    ]),
    "many-problems.txt": (1, [
        r"\n  1\. anaconda-client==1\.12\.1 does not exist.*Remove the line: it belongs to Anaconda",
        r"\n  \d+\. numpy==1\.24\.3 has no wheel for Python 3\.12 .* set pythonVersion to 3\.10 or 3\.11\.\n",
        r"\n  \d+\. pywin32==305\.1 does not exist",
        r"\n  \d+\. datashader==0\.15\.2 needs datashape\. datashape .* is published as source code only",
        r"INVALID \(NoMatchingVersion\): \d\d problems:\n",
    ]),
    "newest-that-is-older.txt": (1, [
        r"deepspeed==0\.9\.5 is published as source code only, without a wheel\. Set spec\.sourceDistributions to Allow",
    ]),
    "no-wheel-for-linux-at-all.txt": (1, [
        r"pywin32==306 can't be had for Linux: its wheels are for Windows.*Leave it out, or keep it for Windows alone: "
        r"pywin32; sys_platform == 'win32'",
    ]),
    "one-file-from-two-packages.txt": (0, [
        r"warning: jwt and pyjwt bring different files under one name: jwt/__init__\.py, .*Those of pyjwt are in the package",
    ]),
    "pip-list.txt": (1, [r'the table of `pip list`, not a list of requirements\. .*"pip list --format=freeze']),
    "shadows-the-standard-library.txt": (0, [
        r"warning: asyncio is for Pythons that lack asyncio, and Python 3\.12 has it: Python's own is imported",
    ]),
    "skipped-lines.txt": (0, [
        r"skipped: -c constraints\.txt: constraints are not followed",
        r"skipped: -e \./src: a project in development is not installed",
        r"skipped: -r base\.txt: includes are not followed: import that file as well",
        r"2 kept \(1 without hashes and other options\), 5 skipped",
        r"skipped: idna==3\.6: repeated: idna stands on line 5 already",
        r'skipped: pywin32; sys_platform=="win32": not needed on Python 3\.12 for Linux',
    ]),
    "small-words.txt": (1, [
        r":1: error: The requirement is in quotes\. Remove the quotes\.",
        r':2: error: Extras come before the version\. Write them after the name',
        r':3: error: A URL follows "@", not a version\. Write "flask==3\.0\.0"\.',
        r":4: error: A comma is missing between two versions\.",
        r':5: error: Nothing follows the ";"\. Remove it',
    ]),
    "standard-library-name.txt": (1, [r"json is not in the package index\. Remove the line: json is part of Python\."]),
    "term-with-a-marker.txt": (1, [
        r"thrift-sasl==\S+ needs sasl>=0\.3a1\. sasl \(newest: 0\.3\d*\) has no wheel for Python 3\.12 ",
    ]),
    "transitive-source-only.txt": (1, [
        r"hydra-core==1\.3\.2 needs antlr4-python3-runtime==4\.9\.\*\..* Set spec\.sourceDistributions to Allow",
        r"Or ask for hydra-core>=0\.11,<0\.12 .* which is older: that was tried",
    ]),
    "utf-16-without-bom.txt": (2, [r"The file is UTF-16 without a byte order mark\. Save it as UTF-8\."]),
    "version-control.txt": (1, [
        r":1: error: Packages are not installed from version control.*\n\s+git\+https://\*\*\*\*@example\.com/org/private\.git@main",
        r":2: error: Packages are not installed from version control.*\n\s+git\+https://example\.com/orgname/reponame\.git@v1\.2",
    ]),
    "warnings-of-the-resolver.txt": (0, [
        r"warning: The package `s3fs==\S+` does not have an extra named `boto3`",
        r'warning: `setuptools-scm==6\.2\.0` is yanked \(reason: "regression due to a discovered setuptools bug"\)',
    ]),
}  # fmt: skip
NEVER = re.compile(r"Traceback|Check the spelling|\$\{TOKEN\}")

# Those that have a test of their own below, or in the cluster, where the builder's image decides.
ELSEWHERE = {"split-1.txt", "split-2.txt", "source-build-needs-a-compiler.yaml"}


def test_every_list_is_told_something() -> None:
    assert {path.name for path in LISTS.iterdir()} == {*TOLD, *ELSEWHERE}


@pytest.mark.parametrize("name", TOLD)
def test_what_its_user_is_told(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "10000")
    monkeypatch.setenv("DAGY_EXPLAIN_SECONDS", "600")
    code, sentences = TOLD[name]
    path = LISTS / name
    python = [] if path.suffix == ".yaml" else ["--python", "3.12"]
    built = any("bring different files" in one or "for Pythons that lack" in one for one in sentences)
    assert run(*(["build", "-o", tmp_path / "a.zip"] if built else ["validate"]), path, *python) == code
    said = "\n".join(capsys.readouterr())
    for sentence in sentences:
        assert re.search(sentence, said), f"{sentence}\nis not in\n{said}"
    assert not NEVER.search(said)


def test_a_freeze_is_reduced_to_what_nothing_else_brings(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    whole = tmp_path / "freeze.txt"
    whole.write_text("".join((LISTS / name).read_text() for name in ("split-1.txt", "split-2.txt")))
    assert run("requirements", "reduce", "--python", "3.12", whole) == 0
    assert capsys.readouterr().out.split() == ["boto3==1.34.100"]


def test_what_was_split_agrees(capsys: pytest.CaptureFixture[str]) -> None:
    """Two packages of one pod: no distribution in two versions."""
    files = [LISTS / "split-1.txt", LISTS / "split-2.txt"]
    assert run("requirements", "split", "--python", "3.12", "--name", "half", *files) == 0
    versions: dict[str, set[str]] = {}
    for name, version in re.findall(r"^ *- ([a-z0-9-]+)==(\S+)$", capsys.readouterr().out, re.MULTILINE):
        versions.setdefault(name, set()).add(version)
    assert versions.keys() >= {"boto3", "botocore", "s3transfer", "urllib3"}
    assert all(len(several) == 1 for several in versions.values()), versions
