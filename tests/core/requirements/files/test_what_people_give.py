"""What people give in place of a list, or as one: each with the sentence that helps them on."""

from __future__ import annotations

import pytest

from dagy.core.requirements import RequirementError, Target, parse_dependency
from dagy.core.requirements.files import (
    Malformed,
    ManifestError,
    Skipped,
    UnusableFileError,
    decode,
    read_requirements,
    requirements_in,
)
from dagy_builder.redact import redact, redact_requirement

FREEZE = 'run "pip list --format=freeze > requirements.txt"'
VERSION_CONTROL = "Packages are not installed from version control, because a branch can change between two builds."
WHEEL_INSTEAD = "build a wheel of it once"

LINES = {
    '"requests==2.31.0"': ("The requirement is in quotes.", "Remove the quotes."),
    "'flask'": ("The requirement is in quotes.", "Remove the quotes."),
    'flask==3.0.0"': ("A quote follows the requirement.", "Remove the quotes."),
    "requests==0.8.1[security]": ("Extras come before the version.", 'Write them after the name, e.g. "uvicorn['),
    "celery>=5[redis,s3]": ("Extras come before the version.", 'Write them after the name, e.g. "uvicorn['),
    "flask@3.0.0": ('A URL follows "@", not a version.', 'Write "flask==3.0.0".'),
    "black @ v24.1b2": ('A URL follows "@", not a version.', 'Write "black==24.1b2".'),
    "flask>3.0.0<4": ("A comma is missing between two versions.", 'Write it between them, e.g. ">=1.4,<2".'),
    "numpy >=1.22 <2": ("A comma is missing between two versions.", 'Write it between them, e.g. ">=1.4,<2".'),
    "flask==3.0.0;": ('Nothing follows the ";".', "Remove it, or write an environment marker after it."),
    "git+https://${TOKEN}@example.com/org/private.git@main#egg=private": (VERSION_CONTROL, WHEEL_INSTEAD),
    "private @ git+https://$GH:x-oauth-basic@example.com/org/private.git": (VERSION_CONTROL, WHEEL_INSTEAD),
    "git+https://example.com/orgname/reponame.git@v1.2#egg=reponame": (VERSION_CONTROL, WHEEL_INSTEAD),
    "hg+https://example.com/orgname/${REPO}": (VERSION_CONTROL, WHEEL_INSTEAD),
    "mylib @ https://host/${TOKEN}/mylib-1.0.tar.gz": ('A requirement holds no "$"', "unless that is a password or token"),
    "[notice] A new release of pip is available: 23.2.1 -> 24.0": ("This is a message of pip", "Remove the line."),
    "WARNING: You are using pip version 21.2.3; however, version 24.0 is available.": (
        "This is a message of pip", "Remove the line."
    ),
    "DEPRECATION: Python 2.7 reached the end of its life": ("This is a message of pip", "Remove the line."),
    "libgcc-ng=13.2.0=h807b86f_5": ("This is a line of `conda list`", FREEZE),
}  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_lines(line: str) -> None:
    message, hint = LINES[line]
    with pytest.raises(RequirementError) as caught:
        parse_dependency(line)
    assert caught.value.message.startswith(message)
    assert hint in caught.value.hint


PIP_LIST = """Package            Version   Editable project location
------------------ --------- -------------------------
certifi            2023.11.17
charset-normalizer 3.3.2
mypkg              0.1.0     /home/user/src/mypkg
[notice] A new release of pip is available: 23.2.1 -> 24.0
"""
CONDA_EXPORT = """# platform: linux-64
_libgcc_mutex=0.1=conda_forge
numpy=1.24.3=py310h8deb116_0
python=3.10.11=he550d4f_0_cpython
"""
CONDA_HEADER = """# This file may be used to create an environment using:
# $ conda create --name <env> --file <this file>
numpy=1.24.3
"""
CONDA_EXPLICIT = (
    "# platform: linux-64\n@EXPLICIT\nhttps://repo.anaconda.com/pkgs/main/linux-64/zlib-1.2.13-h5eee18b_0.conda\n"
)
CONDA_TABLE = (
    "# packages in environment at /opt/conda:\n#\n# Name Version Build Channel\nnumpy 1.26.4 py312heda63a1_0\n"
)
ENVIRONMENT = """name: my_env
channels:
  - conda-forge
dependencies:
  - python=3.12
  - pip
  - pip:
      - requests==2.31.0
"""
FILES = {
    "pip list": (PIP_LIST, "This is the table of `pip list`, not a list of requirements."),
    "pip list in CRLF": (
        PIP_LIST.replace("\n", "\r\n"),
        "This is the table of `pip list`, not a list of requirements.",
    ),
    "conda list --export": (CONDA_EXPORT, "This is a list of conda's packages and builds"),
    "its header": (CONDA_HEADER, "This is a list of conda's packages and builds"),
    "conda list --explicit": (CONDA_EXPLICIT, "This is a list of conda's packages and builds"),
    "conda list": (CONDA_TABLE, "This is a list of conda's packages and builds"),
    "conda list without its head": (
        "numpy 1.26.4 py312heda63a1_0 conda-forge\npip 24.0 pyhd8ed1ab_0\n",
        "This is a list of conda's",
    ),
    "conda list --json": (
        '[\n {"build_string": "h1_0", "name": "zlib", "version": "1.2.13"}\n]\n',
        "This is a list of conda's",
    ),
    "pip list --format=json": ('[{"name": "six", "version": "1.16.0"}]', "This is the table of `pip list`"),
    "pip list of old": (
        "certifi (2018.1.18)\nsix (1.11.0)\nmypkg (0.1.0, /home/user/src)\n",
        "This is the table of `pip list`",
    ),
    "pip list without its head": ("certifi 2023.11.17\nsix 1.16.0\nidna  3.7\n", "This is the table of `pip list`"),
    "environment.yml in a line": (
        "name: x # mine\nvariables:\ndependencies: [python=3.12, pandas]\n",
        "This is a conda environment.yml",
    ),
    "environment.yml": (ENVIRONMENT, "This is a conda environment.yml, whose packages come from conda's channels."),
}


@pytest.mark.parametrize("kind", FILES)
def test_files_of_another_kind_are_told_as_one(kind: str) -> None:
    text, message = FILES[kind]
    (outcome,) = read_requirements(text, Target("3.12")).outcomes
    assert isinstance(outcome, Malformed)
    assert outcome.error.message.startswith(message)
    assert FREEZE in outcome.error.hint
    assert (outcome.number, outcome.last) == (1, len(text.splitlines()))


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ('{"_meta": {"hash": {}}, "default": {"six": {"version": "==1.16.0"}}}', "pipenv requirements"),
        ('[[source]]\nurl = "https://pypi.org/simple"\n\n[packages]\nsix = "*"\n', "pipenv requirements"),
        (
            "# This file is automatically @generated by Poetry 1.8.2 and should not be changed by hand.\n\n[[package]]\n",
            "poetry export",
        ),
        ('version = 1\nrequires-python = ">=3.12"\n\n[[package]]\nname = "six"\n', "uv export"),
    ],
)
def test_locks_of_other_tools_have_commands_of_their_own(text: str, command: str) -> None:
    (outcome,) = read_requirements(text, Target("3.12")).outcomes
    assert isinstance(outcome, Malformed)
    assert command in outcome.error.hint


@pytest.mark.parametrize(
    "text",
    [
        "six 1.16.0\n",
        "[a]\n",
        "{}",
        "[[[[",
        "[" * 5000 + "]",
        "",
        "# dependencies:\n",
        "package\nversion\n",
        "a==1\nb=1=x\n",
        "name\ndependencies\n",
        "# Package Version\nsix\n",
    ],
)
def test_lists_are_not_taken_for_something_else(text: str) -> None:
    outcomes = read_requirements(text, Target("3.12")).outcomes
    assert not [one for one in outcomes if isinstance(one, Malformed) and one.error.code == "ForeignFile"]


def test_an_environment_in_place_of_a_manifest() -> None:
    with pytest.raises(ManifestError, match=r"conda environment.yml.*pip list --format=freeze.*below `pip:`"):
        requirements_in({"name": "my_env", "dependencies": ["python=3.12", {"pip": ["requests==2.31.0"]}]})


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark(encoding: str) -> None:
    with pytest.raises(UnusableFileError, match=r"UTF-16 without a byte order mark. Save it as UTF-8."):
        decode("requests==2.31.0\r\nsix==1.16.0\r\n".encode(encoding)[:-1])
    with pytest.raises(UnusableFileError, match="binary data"):
        decode(bytes(range(256)) * 20)


def test_a_page_of_links_is_no_index() -> None:
    page, other = read_requirements(
        "-f https://h.example/links.html\n-i https://h.example/simple\n", Target("3.12")
    ).outcomes
    assert isinstance(page, Skipped)
    assert page.why.startswith("a page of links is no index")
    assert isinstance(other, Skipped)
    assert other.why.startswith("indexes are set in spec.index")


@pytest.mark.parametrize("mask", [redact_requirement, redact], ids=["library", "builder"])
@pytest.mark.parametrize(
    "url",
    [
        "git+https://example.com/orgname/reponame.git@v1.2#egg=reponame",
        "https://example.com:8443/org/repo.git@main",
        "https://localhost/a@b",
        "https://127.0.0.1:80/a@b and https://[2001:db8::1]/c@d",
    ],
)
def test_nothing_is_masked_where_nothing_is_secret(url: str, mask: object) -> None:
    assert callable(mask)
    assert mask(url) == url


@pytest.mark.parametrize("mask", [redact_requirement, redact], ids=["library", "builder"])
@pytest.mark.parametrize(
    "url",
    [
        "git+https://hunter2@example.com/org/repo.git@v1.2",
        "https://example.com/a@b https://u:hunter2@example.org/c@d",
        "https://u:hun/hunter2@example.com/x",
        "https://token/hunter2@example.com/x",
        "https://u:p@ss/hunter2@example.com/x",
    ],
)
def test_what_may_be_secret_is_masked(url: str, mask: object) -> None:
    assert callable(mask)
    assert "hunter2" not in mask(url)
    assert "example" in mask(url)
