"""From uv's real messages to sentences; the live test keeps the stored messages true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy_builder.contract import BuildRequest, Reason
from dagy_builder.explain.derivation import is_derivation, read_derivation
from dagy_builder.explain.diagnosis import Diagnosis, diagnoses
from dagy_builder.explain.fetch_failures import url_dependency_problem
from dagy_builder.explain.sentences import problem_of
from dagy_builder.requirement import parse_requirements
from dagy_builder.steps.resolve import Compiler
from dagy_builder.target import Target
from dagy_builder.uv.runner import open_uv
from tests.fakes.catalogue import CATALOGUE, NAMES, messages
from tests.fakes.index import serve

TARGET = Target("3.12", "amd64", "2.28")
FILES = "https://files.example"
"""Stands for the address of the test's own index."""
MESSAGES = messages()
DERIVATIONS = {key: text for key, text in MESSAGES.items() if is_derivation(text) and "HTTP" not in key}


def told_by_uv(output: str, *requirements: str, newest: str | None = None) -> Diagnosis | None:
    """The likeliest diagnosis by uv's words alone, as where the index doesn't tell."""
    found = diagnoses(read_derivation(output), parse_requirements(requirements))
    if not found:
        return None
    index_match = found[0].index_match
    return replace(found[0], index_match=index_match and replace(index_match, newest=newest))


SENTENCES = [
    ("alpha | gamma", "UnsatisfiableRequirements", "alpha needs beta<2, gamma needs beta>=2"),
    ("alpha==1.0 | gamma==3.0", "UnsatisfiableRequirements", "alpha==1.0 needs beta<2, gamma==3.0 needs beta>=2"),
    (
        "alpha | beta>=2",
        "UnsatisfiableRequirements",
        "alpha and beta>=2 can't be installed together: alpha needs beta<2",
    ),
    (
        "deep1 | gamma",
        "UnsatisfiableRequirements",
        "deep1 needs deep2, deep2 needs deep3, deep3 needs beta<2, gamma needs",
    ),
    ("withextra[x] | beta>=2", "UnsatisfiableRequirements", "withextra[x] needs beta<2"),
    ("beta>=2 | beta<2", "UnsatisfiableRequirements", "beta>=2 and beta<2 exclude each other"),
    ("flask==3.0.0 | werkzeug<2", "UnsatisfiableRequirements", "flask==3.0.0 needs werkzeug>=3.0.0"),
    ("jsonschema==4.23.0 | attrs==20.0.0", "UnsatisfiableRequirements", "needs attrs>=22.2.0"),
    ("alpha>=1.1,<2 | beta!=1.0", "UnsatisfiableRequirements", "alpha>=1.1,<2 and beta!=1.0 can't be"),
    ("needs-missing", "PackageNotFound", "needs-missing needs nowhere>=1, which is not in the package index"),
    ("missing1", "PackageNotFound", "missing1 is not in the package index"),
    ("needs-version", "NoMatchingVersion", "needs-version needs beta>=7, and there is no such release"),
    ("beta==3", "NoMatchingVersion", "beta==3 does not exist: the newest release for Python 3.12 is 7.8.9"),
    ("beta>1,<2", "NoMatchingVersion", "No release matches beta>1,<2"),
    ("beta~=1.5", "NoMatchingVersion", "No release matches beta~=1.5"),
    ("beta!=1.0,!=2.0", "NoMatchingVersion", "No release matches beta!=1.0,!=2.0"),
    ("yank>=1.0", "NoMatchingVersion", "What there is of yank>=1.0 was withdrawn by its authors (broken release)."),
    ("allyank", "NoMatchingVersion", "What there is of allyank was withdrawn by its authors. Ask for"),
    ("pandas==99.0", "NoMatchingVersion", "Ask for one of 7.8.*, for example pandas>=7.8,<7.9."),
    ("newpy", "PythonIncompatible", "newpy needs Python >=3.13, but this package is for Python 3.12"),
    ("somepy>=2", "PythonIncompatible", "Ask for somepy>=7.8,<7.9 (the newest release for Python 3.12 is 7.8.9)"),
    ("needs-newpy", "PythonIncompatible", "needs-newpy needs newpy. newpy needs Python >=3.13"),
    ("winonly", "NoWheel", "its wheels are for macosx_11_0_arm64, win_amd64"),
    ("oldabi", "PythonIncompatible", "its wheels are for cp39"),
    ("armonly", "NoWheel", "its wheels are for manylinux_2_17_aarch64"),
    ("sdistonly", "NoWheel", "sdistonly has no wheel for Python 3.12 on x86_64 Linux with glibc 2.28. Ask for"),
    ("needs-sdist", "NoWheel", "needs-sdist needs sdistonly"),
    ("tensorflow==1.15.0", "PythonIncompatible", "cp27m, cp27mu, cp35m, cp36m, cp37m"),
    ("numpy<1.20 | pandas>=3", "NoWheel", "numpy<1.20"),
    ("marked-beta | beta>=2", "UnsatisfiableRequirements", "marked-beta needs beta<2."),
    ("marked-sdist", "NoWheel", "marked-sdist needs sdistonly. sdistonly has no wheel for Python 3.12"),
    ("marked-extra | beta>=2", "UnsatisfiableRequirements", "needs withextra[x]==1.0, withextra[x] needs beta<2"),
    ("needs-extra | beta>=2", "UnsatisfiableRequirements", "needs-extra needs withextra[x], withextra[x] needs beta<2"),
    ("needs-pre", "NoMatchingVersion", "needs-pre needs pre>=1.0, and there is no such release"),
    ("pre>=1.0", "NoMatchingVersion", "No release matches pre>=1.0"),
    ("needs-both", "UnsatisfiableRequirements", "needs-both needs beta==1.0 and beta==2.0."),
    ("wrong-abi", "PythonIncompatible", "its wheels are for graalpy240_310_native"),
    ("local==1.2.3+bar", "NoMatchingVersion", "local==1.2.3+bar does not exist"),
    (
        "alpha | beta @ https://files.example/beta-2.0-py3-none-any.whl",
        "UnsatisfiableRequirements",
        "alpha needs beta<2.",
    ),
]


@pytest.mark.parametrize(("asked", "reason", "sentence"), SENTENCES, ids=[row[0] for row in SENTENCES])
def test_sentences(asked: str, reason: str, sentence: str) -> None:
    diagnosis = told_by_uv(MESSAGES[asked], *asked.split(" | "), newest="7.8.9")
    assert diagnosis is not None
    problem = problem_of(diagnosis, TARGET)
    assert (diagnosis.reason, sentence in problem.message) == (reason, True), problem.message


@pytest.mark.parametrize("asked", DERIVATIONS)
def test_each_derivation_is_understood(asked: str) -> None:
    diagnosis = told_by_uv(DERIVATIONS[asked], *asked.split(" | "))
    assert diagnosis is not None, "no culprit was found"
    problem = problem_of(diagnosis, TARGET)
    assert problem.requirement in asked.split(" | ")
    assert problem.hint
    assert problem.message.endswith(".")
    assert ".." not in problem.message.replace("...", "")
    assert "cannot be used" not in problem.message


@pytest.fixture(scope="module")
def compiler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compiler]:
    """uv with one index and one cache for all messages: it takes 0.1 s to start with an empty one."""
    cache = tmp_path_factory.mktemp("cache")
    with serve(*CATALOGUE) as index, open_uv({"PATH": "/usr/bin:/bin"}, cache=cache) as uv:
        yield Compiler.of(BuildRequest("3.12", index_url=index.url), TARGET, uv)


def test_a_url_dependency_is_told_without_the_url() -> None:
    problem = url_dependency_problem(MESSAGES["url-dep"])
    assert problem is not None
    assert "url-dep==1.0 wants beta from a URL" in problem.message
    assert "EXPANDED" not in problem.message


@pytest.mark.parametrize(
    "asked",
    [key for key in DERIVATIONS if all(re.match(r"[a-z0-9-]+(?<!-)", part)[0] in NAMES for part in key.split(" | "))],
)
def test_the_stored_messages_are_what_this_uv_says(asked: str, compiler: Compiler) -> None:
    files = f"{str(compiler.request.index_url).removesuffix('simple/')}files"
    answer, _ = compiler.run("".join(f"{line}\n" for line in asked.replace(FILES, files).split(" | ")))
    assert answer.output.strip().replace(files, FILES) == MESSAGES[asked]


@given(
    st.text(alphabet=st.sampled_from(list("Because and you require, <>=!~.[]()`\n:alphabetaPython0129")), max_size=300)
)
def test_no_text_breaks_the_reader(text: str) -> None:
    output = f"error: No solution found when resolving dependencies\n  cause: {text}"
    diagnosis = told_by_uv(output, "alpha", "beta>=2")
    if diagnosis is not None:
        assert problem_of(diagnosis, TARGET).message
        assert diagnosis.reason in set(Reason)
