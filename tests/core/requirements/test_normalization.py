"""A package's list: normalized, for one target, the last occurrence of a name wins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy.core.requirements import ErrorCode, normalize
from dagy_builder.platforms import PYTHON_VERSIONS


def test_the_last_occurrence_wins_and_the_others_are_reported() -> None:
    result = normalize(["scikit_learn>=1.0", "numpy", "Scikit.Learn[a2a]==1.4", "SCIKIT-LEARN<2"], "3.12")
    assert result.dependencies == ("numpy", "scikit-learn<2")
    assert [(one.index, one.text, one.name) for one in result.dropped] == [
        (0, "scikit_learn>=1.0", "scikit-learn"),
        (2, "Scikit.Learn[a2a]==1.4", "scikit-learn"),
    ]
    why = "repeated: the last of 3 requirements for scikit-learn is kept (scikit-learn<2)"
    assert {one.why for one in result.dropped} == {why}
    assert result.errors == ()


def test_a_false_marker_leaves_out_and_a_true_one_goes() -> None:
    result = normalize(
        ["pywin32==306; sys_platform == 'win32'", "tomli; python_version < '3.11'", "foo==1; os_name=='posix'"], "3.10"
    )
    assert result.dependencies == ("foo==1", "tomli")
    (dropped,) = result.dropped
    assert (dropped.index, dropped.name) == (0, "pywin32")
    assert dropped.why == 'not needed on Python 3.10 for Linux: sys_platform == "win32" is false'


def test_a_requirement_that_is_left_out_replaces_nothing() -> None:
    result = normalize(["numpy==1.26; python_version < '3.13'", "numpy==2.1; python_version >= '3.13'"], "3.12")
    assert result.dependencies == ("numpy==1.26",)


@pytest.mark.parametrize(
    ("marker", "versions"),
    [
        ("python_version < '3.11'", {"3.10"}),
        ("python_version >= '3.9'", set(PYTHON_VERSIONS)),
        ("python_full_version < '3.11'", {"3.10"}),
        ("python_full_version < '3.11.3'", {"3.10", "3.11"}),
        ("python_full_version == '3.12.7'", {"3.12"}),
        ("implementation_version >= '3.12.1'", {"3.12", "3.13"}),
        ("python_version in '3.10 3.13'", {"3.10", "3.13"}),
        ("platform_system == 'Linux' and platform_machine == 'x86_64'", set(PYTHON_VERSIONS)),
        ("platform_machine == 'aarch64'", set()),
        ("platform_release >= '5'", set()),
        ("extra == 'test'", set()),
    ],
)
def test_markers_are_evaluated_for_the_target(marker: str, versions: set[str]) -> None:
    assert {python for python in PYTHON_VERSIONS if normalize([f"foo; {marker}"], python).dependencies} == versions


def test_the_architecture_is_part_of_the_target() -> None:
    lines = ["foo; platform_machine == 'aarch64'", "bar; platform_machine == 'x86_64'"]
    assert normalize(lines, "3.12").dependencies == ("bar",)
    assert normalize(lines, "3.12", architecture="arm64").dependencies == ("foo",)


def test_every_error_is_reported_with_its_place() -> None:
    result = normalize(["numpy", "pandas=2", "-r base.txt", "foo @ https://user:secret@host/foo.whl"], "3.12")
    assert result.dependencies == ("numpy",)
    assert [(one.index, one.code) for one in result.errors] == [
        (1, ErrorCode.SYNTAX),
        (2, ErrorCode.OPTION),
        (3, ErrorCode.URL_CREDENTIALS),
    ]
    assert result.errors[0].message == 'Dependency 2 ("pandas=2"): "=" is not a version operator.'
    assert result.errors[0].hint == 'Write "==" for an exact version.'
    assert "secret" not in repr(result)


def test_an_empty_list_is_normal() -> None:
    assert normalize([], "3.12") == normalize((), "3.13")


@pytest.mark.parametrize(("python", "architecture"), [("3.9", "amd64"), ("3", "amd64"), ("3.12", "riscv64")])
def test_an_unknown_target_is_the_callers_mistake(python: str, architecture: str) -> None:
    with pytest.raises(ValueError, match="is not supported; choose"):
        normalize([], python, architecture=architecture)


@given(st.permutations(["a>=1", "B<2", "c[x]==3", "d", "e!=1,>0"]))
def test_the_order_of_different_names_does_not_matter(texts: list[str]) -> None:
    assert normalize(texts, "3.12").dependencies == ("a>=1", "b<2", "c[x]==3", "d", "e>0,!=1")
