"""A dependency as a value: what is parsed, what is printed, what is equal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from dagy.core.requirements import Dependency, ErrorCode, RequirementError, parse_dependency

LETTERS = "abcxyzABCXYZ0189"
names = st.from_regex(r"\A[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?\Z").filter(
    lambda name: not name.lower().endswith((".whl", ".tar.gz"))
)
numbers = st.integers(0, 2030)
versions = st.builds(
    lambda epoch, release, pre, post, dev: f"{epoch}{'.'.join(map(str, release))}{pre}{post}{dev}",
    st.sampled_from(["", "", "", "1!"]),
    st.lists(numbers, min_size=1, max_size=4),
    st.sampled_from(["", "", "a1", "b2", "rc1", "-RC.3"]),
    st.sampled_from(["", "", ".post1", "-2"]),
    st.sampled_from(["", "", ".dev4"]),
)
clauses = st.one_of(
    st.builds("{}{}".format, st.sampled_from(["==", "!=", "<=", ">=", "<", ">", "===", ">= ", "== "]), versions),
    st.builds("~={}.{}".format, numbers, numbers),
    st.builds("{}{}.*".format, st.sampled_from(["==", "!="]), numbers),
)


def joined(chosen: list[str]) -> str:
    text = ",".join(chosen)
    # The grammar of "===" takes everything up to a blank, the following clauses as well.
    return text.replace(" ", "") if "===" in text else text


markers = st.sampled_from(
    ["", "", "; python_version >= '3.8'", '; sys_platform == "linux" and (os_name != "nt" or extra == "X_y")']
)
extras = st.lists(names, max_size=3).map(lambda chosen: f"[{', '.join(chosen)}]" if chosen else "")
requirements = st.builds("{}{}{}{}".format, names, extras, st.lists(clauses, max_size=3).map(joined), markers)


def parsed(text: str) -> Dependency | None:
    """None for the ranges that no version can be in, which are the only good grammar that is refused here."""
    try:
        return parse_dependency(text)
    except RequirementError as error:
        if error.code is not ErrorCode.UNSATISFIABLE:
            raise
        return None


@given(requirements)
def test_what_is_printed_is_parsed_to_an_equal_value(text: str) -> None:
    dependency = parsed(text)
    if dependency is not None:
        again = parse_dependency(str(dependency))
        assert again == dependency
        assert hash(again) == hash(dependency)
        assert str(again) == str(dependency)


@given(requirements, versions)
def test_printing_loses_nothing_that_packaging_reads(text: str, version: str) -> None:
    dependency = parsed(text)
    if dependency is not None:
        given_, printed = Requirement(text), Requirement(str(dependency))
        admitted = given_.specifier.contains(version, prereleases=True)
        # Not given_ == printed: packaging 26.3 compares sets in the order of their texts, in which "0-RC.3" and "0rc3" differ.
        assert set(given_.specifier) == set(printed.specifier)
        given_.specifier = printed.specifier
        assert given_ == printed
        assert admitted == printed.specifier.contains(version, prereleases=True)


@given(names)
def test_names_are_normalized_as_packaging_does(name: str) -> None:
    assert parse_dependency(name).normalized_name == canonicalize_name(name)


@given(st.lists(clauses, min_size=2, max_size=3), versions)
def test_a_range_is_only_refused_when_no_version_is_in_it(chosen: list[str], version: str) -> None:
    if parsed(f"name{joined(chosen)}") is None:
        assert not SpecifierSet(joined(chosen)).contains(Version(version), prereleases=True)


@pytest.mark.parametrize("text", ["scikit-learn", "scikit_learn", "Scikit.Learn", "SCIKIT_LEARN"])
def test_the_guides_four_spellings_are_one_package(text: str) -> None:
    dependency = parse_dependency(text)
    assert (str(dependency), dependency.name) == ("scikit-learn", text)
    assert dependency == parse_dependency("scikit-learn")


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("requests==2.31.0", "requests==2.31.0"),
        ("flask>=3.0,<4.0", "flask>=3.0,<4.0"),
        ("flask<4.0,  >=3.0", "flask>=3.0,<4.0"),
        ("numpy", "numpy"),
        ("scikit-learn>=1.3", "scikit-learn>=1.3"),
        ("strands-agents[a2a]", "strands-agents[a2a]"),
        ("mylib @ https://host/mylib-1.0-py3-none-any.whl", "mylib @ https://host/mylib-1.0-py3-none-any.whl"),
        ("Foo [B_c, a.d] (>=1.0RC1, !=1.5)", "foo[a-d,b-c]>=1.0rc1,!=1.5"),
        ("foo!=1.5,~=1.4.2", "foo~=1.4.2,!=1.5"),
        ("foo==v1.0.0-1", "foo==1.0.0.post1"),
        ("foo==1.0.*", "foo==1.0.*"),
        ("foo===1.0+Local", "foo===1.0+Local"),
        ("foo>=1,>=1", "foo>=1"),
        ("foo>=1,", "foo>=1"),
        ("foo ;python_version<'3.11'", 'foo; python_version < "3.11"'),
        (
            "foo[x]@https://h/foo-1-py3-none-any.whl ; os_name=='posix'",
            'foo[x] @ https://h/foo-1-py3-none-any.whl ; os_name == "posix"',
        ),
        ("\tfoo\t>=1 ", "foo>=1"),
    ],
)
def test_canonical_text(text: str, canonical: str) -> None:
    assert str(parse_dependency(text)) == canonical


def test_equality_ignores_spelling_only() -> None:
    same = [parse_dependency(text) for text in ("Foo[b,a]>=1,<2", "foo[a,b]<2.0,>=1.0")]
    assert same[0] == same[1]
    others = ["foo[a]>=1,<2", "foo[a,b]>=1,<=2", "foo[a,b]>=1,<2; os_name=='nt'", "bar[a,b]>=1,<2"]
    assert all(parse_dependency(text) != same[0] for text in others)


def test_an_error_says_what_where_and_what_to_do() -> None:
    with pytest.raises(RequirementError) as caught:
        parse_dependency("pandas=2.0")
    error = caught.value
    assert (error.code, error.position) == (ErrorCode.SYNTAX, 6)
    assert str(error) == (
        '"=" is not a version operator.\n    pandas=2.0\n          ^\nWrite "==" for an exact version.'
    )


def test_a_requirement_that_normalizing_makes_too_long() -> None:
    text = "foo" + ",".join(f"!={number}-1" for number in range(70))
    assert len(text) < 512
    with pytest.raises(RequirementError) as caught:
        parse_dependency(text)
    assert caught.value.code is ErrorCode.TOO_LONG
    long_marker = "foo; " + " or ".join(f"os_name=='{letter}'" for letter in "abcdefghijklmnopqrstuvwxyz01234")
    assert len(str(parse_dependency(long_marker))) > 512, "but the marker will be gone"
