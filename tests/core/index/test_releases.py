"""Releases as a version selector shows them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from dagy.core.index.releases import ProjectReleases, parts_of, releases_of
from dagy_builder.indexes.page import IndexPage, page_of
from dagy_builder.target import Target

TARGET = Target("3.12", "amd64", "2.28")
VERSIONS = st.builds(
    lambda epoch, release, pre, post, dev, local: Version(
        f"{epoch}{'.'.join(map(str, release))}{pre}{post}{dev}{local}"
    ),
    st.sampled_from(["", "1!"]),
    st.lists(st.integers(0, 2), min_size=1, max_size=4),
    st.sampled_from(["", "a1", "rc2"]),
    st.sampled_from(["", ".post1"]),
    st.sampled_from(["", ".dev3"]),
    st.sampled_from(["", "+cpu", "+cu118"]),
)
MANYLINUX = "cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64"


def page(*files: tuple[str, dict[str, object]] | str) -> IndexPage:
    entries = [(one, {}) if isinstance(one, str) else one for one in files]
    body = {"files": [{"filename": name, "url": name, **more} for name, more in entries]}
    found = page_of("p", json.dumps(body).encode(), "application/json")
    assert found
    return found


def measured(*files: tuple[str, dict[str, object]] | str, sources: bool = False, pre: bool = False) -> ProjectReleases:
    return releases_of(page(*files), TARGET, sources=sources, prereleases=pre)


@pytest.mark.parametrize(
    ("version", "parts"),
    [
        ("2.31.0", ("2", "31", "0")),
        ("1", ("1", "0", "0")),
        ("2024.1", ("2024", "1", "0")),
        ("1.2.3.4", ("1", "2", "3.4")),
        ("1.2.3rc1", ("1", "2", "3rc1")),
        ("1.2.post1", ("1", "2", "0.post1")),
        ("1.2.3.dev4", ("1", "2", "3.dev4")),
        ("2.1.0+cu118", ("2", "1", "0+cu118")),
        ("1!2.3", ("1!2", "3", "0")),
    ],
)
def test_a_version_in_three_parts(version: str, parts: tuple[str, str, str]) -> None:
    found = parts_of(Version(version))
    assert (found.major, found.minor, found.build) == parts


@given(VERSIONS, VERSIONS)
def test_two_versions_never_have_the_same_parts(one: Version, other: Version) -> None:
    """A zero at the end makes no other version (PEP 440), though another label."""
    assert one == other or parts_of(one) != parts_of(other)


@given(st.lists(VERSIONS, min_size=1, max_size=8))
def test_each_release_has_specifiers_that_take_it(versions: list[Version]) -> None:
    found = measured(*(f"p-{version}-py3-none-any.whl" for version in versions), pre=True)
    assert [one.version for one in found.releases] == sorted(set(versions), reverse=True)
    for one in found.releases:
        for text in one.specs.values():
            assert SpecifierSet(text).contains(one.version, prereleases=True)


@pytest.mark.parametrize(
    ("files", "fit", "with_sources"),
    [
        (["p-1-py3-none-any.whl"], "wheel", "1"),
        ([f"p-1-{MANYLINUX}.whl", "p-1.tar.gz"], "wheel", "1"),
        (["p-1-cp310-abi3-manylinux_2_28_x86_64.whl"], "wheel", "1"),
        (["p-1.tar.gz"], "only-sdist", "1"),
        (["p-1.tar.gz", "p-1-cp312-cp312-win_amd64.whl"], "only-sdist", "1"),
        (["p-1-cp312-cp312-win_amd64.whl"], "no-wheel", None),
        (["p-1-cp312-cp312-manylinux_2_34_x86_64.whl"], "no-wheel", None),
        (["p-1-cp311-cp311-manylinux_2_17_x86_64.whl"], "other-python", None),
        ([("p-1-py3-none-any.whl", {"requires-python": ">=3.13"})], "other-python", None),
        ([("p-1.tar.gz", {"requires-python": ">=3.13"})], "other-python", None),
    ],
)
def test_what_fits(files: list[tuple[str, dict[str, object]] | str], fit: str, with_sources: str | None) -> None:
    found = measured(*files)
    assert found.releases[0].fit == fit
    assert str(found.newest) == "1"
    assert str(found.newest_fitting) == ("1" if fit == "wheel" else "None")
    assert str(measured(*files, sources=True).newest_fitting) == str(with_sources)


def test_the_newest_is_neither_withdrawn_nor_a_pre_release_nor_for_an_older_python() -> None:
    found = measured(
        "p-1.0-py3-none-any.whl",
        ("p-1.1-py3-none-any.whl", {"requires-python": "<3.12"}),
        ("p-1.2-py3-none-any.whl", {"yanked": "broken"}),
        "p-2.0rc1-py3-none-any.whl",
    )
    assert [str(one.version) for one in found.releases] == ["1.2", "1.1", "1.0"]
    assert (str(found.newest), str(found.newest_fitting)) == ("1.1", "1.0")
    assert found.releases[0].yanked == "broken"
    assert str(measured("p-2.0rc1-py3-none-any.whl").newest_fitting) == "2.0rc1"  # there is nothing else


def test_a_release_is_withdrawn_when_all_its_files_are() -> None:
    found = measured(("p-1-py3-none-any.whl", {"yanked": True}), "p-1.tar.gz")
    assert found.releases[0].yanked is None
    assert measured(("p-1-py3-none-any.whl", {"yanked": True})).releases[0].yanked == ""


def test_size_is_that_of_the_wheel_that_would_be_taken() -> None:
    files = [
        ("p-1-py3-none-any.whl", {"size": 10}),
        (f"p-1-{MANYLINUX}.whl", {"size": 20}),
        ("p-1.tar.gz", {"size": 30}),
    ]
    assert measured(*files).releases[0].size == 20
    assert measured(files[2]).releases[0].size == 30
    assert measured("p-1.tar.gz").releases[0].size is None
    assert measured(("p-1.tar.gz", {"size": "30"})).releases[0].size is None


def test_what_to_know_of_a_release() -> None:
    one, other = measured("p-1.0-py3-none-any.whl", "p-0.9-py3-none-any.whl").releases
    assert one.caution is None
    assert other.caution
    assert "0.x" in other.caution


def test_a_project_with_very_many_files_is_measured_at_once() -> None:
    pythons = [f"cp3{minor}" for minor in range(6, 15)]
    platforms = ["manylinux_2_17_x86_64", "manylinux_2_17_aarch64", "macosx_11_0_arm64", "win_amd64"]
    files = [
        f"p-{major}.{minor}.{patch}-{python}-{python}-{platform}.whl"
        for major in range(1, 4) for minor in range(20) for patch in range(7) for python in pythons for platform in platforms
    ]  # fmt: skip
    found = measured(*files)
    assert len(found.releases) == 420
    assert {one.fit for one in found.releases} == {"wheel"}
