"""Only what has exactly the form of a package's repository becomes one."""

from __future__ import annotations

import pytest

from dagy_builder.image.repository import Repository

DIGEST = "sha256:" + "a" * 64


def test_it_is_made_of_namespace_and_slug() -> None:
    made = Repository.of("registry.example:5000/team/dagy", "data-eng", "A1B2C3D4")
    assert str(made) == "registry.example:5000/team/dagy/data-eng/a1b2c3d4"
    assert (made.host, made.name) == ("registry.example:5000", "team/dagy/data-eng/a1b2c3d4")
    assert str(made.shared) == "registry.example:5000/team/dagy/data-eng/layers"
    assert Repository.parse(str(made)) == made


def test_nobody_else_makes_one() -> None:
    with pytest.raises(TypeError, match=r"Only dagy_builder\.image\.repository"):
        Repository("host", "name", object())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dagy/ns/a1b2c3d4x",
        "host/ns/a1b2c3d4",  # no path of ours above it
        "host/dagy/ns/A1B2C3D4",
        "host/dagy/../a1b2c3d4",
        "host/dagy/ns/a1b2c3d4:tag",
        "host/dagy/ns/a1b2c3d4\n",
        "host/dagy//ns/a1b2c3d4",
        "http://host/dagy/ns/a1b2c3d4",
        "user@host/dagy/ns/a1b2c3d4",
        "host/dagy/-ns/a1b2c3d4",
        "host/dagy/ns/layers",
        f"host/{'d' * 240}/ns/a1b2c3d4",
    ],
)
def test_other_texts_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="no repository"):
        Repository.parse(text)


@pytest.mark.parametrize("base", ["", "host", "host/Upper", "host/a/", "host/a/../b"])
def test_a_base_must_be_one(base: str) -> None:
    with pytest.raises(ValueError, match="PATH of a registry"):
        Repository.of(base, "ns", "A1B2C3D4")


def test_an_image_is_its_own_only_by_digest_and_in_its_repository() -> None:
    mine, other = (Repository.of("host/dagy", "ns", slug) for slug in ("A1B2C3D4", "B1B2C3D4"))
    assert mine.digest_of(mine.image(DIGEST)) == DIGEST
    for foreign in (other.image(DIGEST), f"{mine}:latest", f"{mine}@sha256:{'A' * 64}", f"{mine}@{DIGEST}x", str(mine)):
        assert mine.digest_of(foreign) is None
    with pytest.raises(ValueError, match="no sha256 digest"):
        mine.image("latest")
