"""Why a build from source failed, in our own words: its output is package code's and may hold anything."""

from __future__ import annotations

import pytest

from dagy_builder.explain.build_failure import FailedBuild, lacking, problem_with_build
from dagy_builder.requirement import parse_requirements
from dagy_builder.target import Target

TARGET = Target("3.12", "amd64", "2.28")
# Lines as real builds print them.
SAID = [
    ("error: command 'gcc' failed: No such file or directory", "a C compiler"),
    ("error: command '/usr/bin/x86_64-linux-gnu-gcc' failed: No such file or directory", "a C compiler"),
    ("FileNotFoundError: [Errno 2] No such file or directory: 'x86_64-linux-gnu-gcc'", "a C compiler"),
    ("../meson.build:1:0: ERROR: Unknown compiler(s): [['cc'], ['gcc'], ['clang']]", "a C compiler"),
    ("  CMake Error: CMAKE_C_COMPILER not set, after EnableLanguage", "a C compiler"),
    ("Error: pg_config executable not found.", "pg_config (of PostgreSQL's client library, libpq-dev)"),
    ("  Exception: Can not find valid pkg-config name.", "MySQL's client library (default-libmysqlclient-dev)"),
    ("error: can't find Rust compiler", "a Rust compiler"),
    ("  Cargo, the Rust package manager, is not installed or is not on PATH.", "a Rust compiler"),
    ("  FileNotFoundError: [Errno 2] No such file or directory: 'cmake'", "CMake"),
    ("src/_cffi_backend.c:15:10: fatal error: ffi.h: No such file or directory", "the header ffi.h"),
    ("FileNotFoundError: [Errno 2] No such file or directory: 'git'", "git"),
    ("Traceback (most recent call last):", None),
    ("everything went well with gcc", None),
]


@pytest.mark.parametrize(("line", "what"), SAID)
def test_what_was_asked_for_in_vain(line: str, what: str | None) -> None:
    assert lacking(f"first\n{line}\nlast") == what


@pytest.mark.parametrize(
    ("name", "output", "sentence"),
    [
        (
            "psycopg2",
            "Error: pg_config executable not found.",
            "Ask for psycopg2-binary, which has wheels, or use a builder",
        ),
        (
            "other",
            "error: command 'gcc' failed: No such file or directory",
            "its build needs a C compiler, which the builder",
        ),
        ("other", "no idea", "its own build code failed, and the log has what it said. Ask for a version with wheels."),
        (
            "sklearn",
            "The 'sklearn' PyPI package is deprecated",
            "The module sklearn is part of scikit-learn: ask for that.",
        ),
    ],
)
def test_the_way_out(name: str, output: str, sentence: str) -> None:
    failed = FailedBuild(name, "1.0", tuple(parse_requirements([name])))
    _, problem = problem_with_build(failed, output, (), TARGET)
    assert sentence in problem.message


def test_nothing_of_a_hostile_output_is_repeated() -> None:
    failed = FailedBuild("evil", "1.0", ())
    _, problem = problem_with_build(
        failed, "fatal error: <script>alert(1)</script>: No such file or directory", (), TARGET
    )
    assert "script" not in problem.message
