"""Version modes: the guide's table, and what the specifiers really admit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from dagy.core.requirements import (
    VersionMode,
    caution,
    parse_dependency,
    recognize,
    version_spec,
)

MODES = (VersionMode.EXACT, VersionMode.MINOR_RANGE, VersionMode.MAJOR_RANGE)
# Few numbers, so that two versions are often in one series.
small = st.integers(0, 3)
versions = st.builds(
    lambda epoch, release, suffix, local: Version(f"{epoch}!{'.'.join(map(str, release))}{suffix}{local}"),
    st.sampled_from([0, 0, 0, 1]),
    st.lists(small, min_size=1, max_size=4),
    st.sampled_from(["", "", "", "a1", "rc2", ".post1", ".dev1", "rc1.post1", ".post1.dev2"]),
    st.sampled_from(["", "", "+cu118"]),
)


@pytest.mark.parametrize(
    ("version", "mode", "spec"),
    [
        ("2.31.0", VersionMode.EXACT, "==2.31.0"),
        ("2.31.0", VersionMode.MINOR_RANGE, ">=2.31.0,<2.32.0"),
        ("2.31.0", VersionMode.MAJOR_RANGE, ">=2.0.0,<3.0.0"),
        ("2.31.0", VersionMode.ANY, ""),
        ("0.4.2", VersionMode.MAJOR_RANGE, ">=0.0.0,<1.0.0"),
        ("5", VersionMode.EXACT, "==5"),
        ("5", VersionMode.MINOR_RANGE, ">=5.0.0,<5.1.0"),
        ("1.2.3.4", VersionMode.MINOR_RANGE, ">=1.2.0,<1.3.0"),
        ("2026.10.18", VersionMode.MINOR_RANGE, ">=2026.10.0,<2026.11.0"),
        ("1!2.3.4", VersionMode.MAJOR_RANGE, ">=1!2.0.0,<1!3.0.0"),
        ("2.0.0rc1", VersionMode.MINOR_RANGE, ">=2.0.0rc1,<2.1.0"),
        ("2.1.0+cu118", VersionMode.EXACT, "==2.1.0+cu118"),
        ("2.1.0+cu118", VersionMode.MINOR_RANGE, ">=2.1.0,<2.2.0"),
        ("1.2.3.post1", VersionMode.MINOR_RANGE, ">=1.2.0,<1.3.0"),
    ],
)
def test_specifiers_as_in_the_guide(version: str, mode: VersionMode, spec: str) -> None:
    assert version_spec(Version(version), mode) == spec


def in_table(mode: VersionMode, version: Version, candidate: Version) -> bool:
    """What docs/requirements.md says a mode admits, without any specifier."""
    if mode is VersionMode.EXACT:
        return candidate == version if version.local else Version(candidate.public) == version
    series = (candidate.epoch, candidate.major) == (version.epoch, version.major)
    if mode is VersionMode.MINOR_RANGE:
        series = series and candidate.minor == version.minor
    if version.is_prerelease:
        return series and candidate >= Version(version.public)
    first_release = [candidate.major, candidate.minor if mode is VersionMode.MINOR_RANGE else 0]
    return series and candidate >= Version(f"{version.epoch}!{'.'.join(map(str, first_release))}")


@given(versions, versions, st.sampled_from(MODES))
def test_a_mode_admits_just_what_the_table_says(version: Version, candidate: Version, mode: VersionMode) -> None:
    admitted = SpecifierSet(version_spec(version, mode)).contains(candidate, prereleases=True)
    assert admitted == in_table(mode, version, candidate)


@given(versions, st.sampled_from(MODES))
def test_a_mode_admits_the_version_it_was_made_of(version: Version, mode: VersionMode) -> None:
    assert SpecifierSet(version_spec(version, mode)).contains(version)


@given(versions, st.sampled_from((*MODES, VersionMode.ANY)))
def test_a_modes_specifier_is_recognized_and_written_again(version: Version, mode: VersionMode) -> None:
    spec = version_spec(version, mode)
    recognized = recognize(SpecifierSet(spec))
    assert recognized.mode is mode
    if recognized.version is not None:
        assert version_spec(recognized.version, mode) == spec


@pytest.mark.parametrize(
    ("spec", "mode"),
    [
        (">=3.0,<4.0", VersionMode.MAJOR_RANGE),
        ("<4,>=3", VersionMode.MAJOR_RANGE),
        (">=2.31,<2.32", VersionMode.MINOR_RANGE),
        ("==2.31", VersionMode.EXACT),
        ("==2.31.*", VersionMode.CUSTOM),
        ("===2.31.0", VersionMode.CUSTOM),
        ("~=2.31.0", VersionMode.CUSTOM),
        (">=1.3", VersionMode.CUSTOM),
        ("<2", VersionMode.CUSTOM),
        ("!=1.5", VersionMode.CUSTOM),
        (">=2.31.5,<2.32.0", VersionMode.CUSTOM),
        (">=2.0.0,<4.0.0", VersionMode.CUSTOM),
        (">2.0.0,<3.0.0", VersionMode.CUSTOM),
        (">=1,<2,!=1.5", VersionMode.CUSTOM),
        (">=1!1.0,<2.0", VersionMode.CUSTOM),
    ],
)
def test_what_is_recognized(spec: str, mode: VersionMode) -> None:
    assert recognize(SpecifierSet(spec)).mode is mode


@pytest.mark.parametrize("spec", ["~=2.31.0", ">=1,<2,!=1.5", "==2.*", "===1.0"])
def test_a_custom_specifier_is_kept_as_it_is(spec: str) -> None:
    dependency = parse_dependency(f"foo{spec}")
    assert recognize(dependency.specifier).mode is VersionMode.CUSTOM
    assert dependency.version_spec == spec
    with pytest.raises(ValueError, match="custom"):
        version_spec(Version("1"), VersionMode.CUSTOM)


@pytest.mark.parametrize(
    ("version", "mode", "words"),
    [
        ("0.4.2", VersionMode.MAJOR_RANGE, "0.x"),
        ("0.4.2", VersionMode.MINOR_RANGE, None),
        ("2.0rc1", VersionMode.MINOR_RANGE, "pre-release"),
        ("2.0+cu118", VersionMode.MAJOR_RANGE, "+cu118"),
        ("2.0+cu118", VersionMode.EXACT, None),
        ("2.0", VersionMode.ANY, "two builds may differ"),
    ],
)
def test_cautions(version: str, mode: VersionMode, words: str | None) -> None:
    said = caution(Version(version), mode)
    assert said is None if words is None else words in (said or "")
