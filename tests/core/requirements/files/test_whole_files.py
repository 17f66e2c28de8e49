"""Whole files as tools and people write them: every line of each is accounted for."""

from collections import Counter
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from dagy.core.requirements import Target, normalize
from dagy.core.requirements.files import Kept, Malformed, RequirementsFile, Skipped, decode, merge, read_requirements
from dagy.core.requirements.files.report import report
from dagy_builder.platforms import PYTHON_VERSIONS

FILES = Path(__file__).parent

# For Python 3.12: the number of the last line, and how often each outcome occurs.
OUTCOMES = {
    "by-hand.txt": (18, {"kept": 10, "Comment": 5, "Blank": 2, "Repeated": 1}),
    "conda-freeze.txt": (9, {"kept": 2, "LocalPath": 7}),
    "conda-list.txt": (5, {"ForeignFile": 1}),
    "constraints.txt": (116, {"kept": 110, "Comment": 4, "Blank": 2}),
    "error-page.txt": (5, {"NameMalformed": 5}),
    "layered.txt": (10, {"kept": 2, "RequirementsFile": 2, "ConstraintsFile": 1, "Editable": 3, "Option": 2}),
    "merge-conflict.txt": (7, {"kept": 3, "NameMalformed": 3, "Repeated": 1}),
    "old-mac-latin1.txt": (3, {"kept": 2, "Comment": 1}),
    "pip-compile.txt": (113, {"kept": 23, "Comment": 33, "Blank": 1, "Index": 1}),
    "pip-freeze.txt": (70, {"kept": 69, "Editable": 1}),
    "poetry-export.txt": (25, {"kept": 7, "NotNeeded": 4, "Blank": 1, "Index": 1}),
    "powershell-utf16.txt": (6, {"kept": 3, "NotNeeded": 1, "Comment": 1, "Blank": 1}),
    "private-index.txt": (
        9,
        {"kept": 1, "Comment": 1, "Index": 3, "UrlCredentials": 1, "UrlQuery": 1, "VersionControl": 1, "Variable": 1},
    ),
    "pyproject-pasted.txt": (7, {"NameMalformed": 2, "Syntax": 4, "Blank": 1}),
    "torch.txt": (11, {"kept": 5, "Index": 3, "VersionControl": 2, "NotNeeded": 1}),
    "uv-export.txt": (90, {"kept": 12, "NotNeeded": 7, "Comment": 27, "Editable": 1}),
    "uv-pip-compile.txt": (111, {"kept": 24, "Comment": 30}),
    "windows-crlf.txt": (6, {"kept": 3, "NotNeeded": 1, "Comment": 1, "Blank": 1}),
}


def read(name: str, python: str = "3.12") -> RequirementsFile:
    return read_requirements(decode((FILES / name).read_bytes()), Target(python))


def kept(name: str, python: str = "3.12") -> list[str]:
    return [str(one) for one in read(name, python).dependencies]


def test_every_file_is_in_the_table() -> None:
    assert {path.name for path in FILES.glob("*.txt")} == set(OUTCOMES)


@pytest.mark.parametrize("name", OUTCOMES)
def test_every_line_is_accounted_for(name: str) -> None:
    last, expected = OUTCOMES[name]
    outcomes = read(name).outcomes
    covered = [number for one in outcomes for number in range(one.number, one.last + 1)]
    assert covered == list(range(1, last + 1))
    counts: Counter[str] = Counter()
    for one in outcomes:
        assert isinstance(one, Kept | Skipped | Malformed)
        counts["kept" if isinstance(one, Kept) else one.reason if isinstance(one, Skipped) else one.error.code] += 1
    assert counts == expected


@pytest.mark.parametrize("python", PYTHON_VERSIONS)
@pytest.mark.parametrize("name", OUTCOMES)
def test_what_is_kept_is_a_normal_list(name: str, python: str) -> None:
    file = read(name, python)
    texts = [str(one) for one in file.dependencies]
    assert all(Requirement(text).marker is None for text in texts)
    assert normalize(texts, python).dependencies == tuple(str(one) for one in sorted(file.dependencies, key=name_of))
    again = read_requirements("\n".join(texts), file.target)
    assert again.dependencies == file.dependencies, "what is exported can be imported"


def name_of(dependency: object) -> str:
    return getattr(dependency, "normalized_name", "")


def test_no_credential_is_repeated() -> None:
    file = read("private-index.txt")
    assert "pa55" not in f"{file!r}{report(merge((), file), '3.12')}"
    assert "pa55" in (FILES / "private-index.txt").read_text()


def test_by_hand() -> None:
    assert kept("by-hand.txt") == [
        "pandas>=2.0,<3",
        "scikit-learn",
        "numpy~=1.26.0",
        "xgboost>=2.0.0,<2.1.0",
        "lightgbm>=4.0,!=4.2.0",
        "uvicorn[standard]>=0.30,<0.31",
        "strands-agents[a2a]",
        "fastapi==0.115.*",
        "pydantic>=2",
        "features @ https://packages.example.com/features/features-1.4.0-py3-none-any.whl"
        "#sha256=2a6b1f0d8a1b64fb2c5c8d7e9fa0a1b2c3d4e5f60718293a4b5c6d7e8f901234",
    ]


def test_encodings_make_no_difference() -> None:
    expected = ["numpy==1.26.4", "pandas==2.2.3", "requests==2.32.3"]
    assert kept("windows-crlf.txt") == kept("powershell-utf16.txt") == expected
    assert kept("old-mac-latin1.txt") == ["scikit-learn>=1.3", "xgboost"]


@pytest.mark.parametrize(
    ("python", "present"),
    [
        ("3.10", {"async-timeout", "exceptiongroup", "tomli"}),
        ("3.11", {"async-timeout"}),  # before 3.11.3
        ("3.12", set()),
        ("3.13", set()),
    ],
)
def test_an_export_for_many_pythons_is_read_for_one(python: str, present: set[str]) -> None:
    names = {text.partition("==")[0] for text in kept("uv-export.txt", python)}
    assert names & {"async-timeout", "exceptiongroup", "tomli", "colorama", "pywin32"} == present


def test_hashes_are_left_out_and_noted() -> None:
    for one in read("pip-compile.txt").outcomes:
        if isinstance(one, Kept):
            assert one.note is not None
            assert one.note.startswith("hashes are left out")
            assert one.last > one.number
