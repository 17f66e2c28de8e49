"""The gate for S3 keys: which texts of others become keys, and of whom. Nothing else makes one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy.core.common.keys import FlowHome, Location, ObjectKey, PackageHome, Prefix
from dagy.core.common.slug import OwnedSlug, chosen, claim_in, owned
from dagy.core.package.status_cache import trusted_status
from dagy.model.base import NamespacedName
from dagy.model.spec import Bytecode, Compression
from dagy.model.status import DepPackageStatus
from dagy_builder.keys import BuildKeys, artifact_prefix, sidecar_key
from tests.fakes.attachable import artifact
from tests.fakes.homes import NAMESPACE_UID, STEM, UID, ZIP, claim, home

OTHER_UID = "ffffffff-bbbb-cccc-dddd-eeeeeeeeeeee"
HOME = home(prefix="x")
OWN, FLAT = f"s3://b/x/team-a/A1B2C3D4/{UID}/", "s3://b/x/team-a/A1B2C3D4/"
BESIDE = ("pylock.toml", "contents.txt.gz", "sbom.cdx.json", "build.log", "build.json")

OURS = [
    *(f"{folder}{name}" for folder in (OWN, FLAT) for name in (ZIP, f"{STEM}-fast.build.json", f"{STEM}.build.json")),
    *(f"{OWN}{artifact_prefix(ZIP)}{name}" for name in BESIDE),
    f"{OWN}logs/dp-a1b2c3d4-build-0123abcd-1.log",
    f"{OWN}resolutions/{'0a' * 16}.json",
]
FOREIGN = [
    "",
    "s3://b/",
    "s3://b/x/team-b/",
    "s3://b/x/team-a/A1B2C3D4/",
    OWN,
    f"{OWN}{artifact_prefix(ZIP)}",
    f"{OWN}.zip",
    f"{OWN}*",
    f"{OWN}retained",
    f"{OWN}../{ZIP}",
    f"{OWN}./{ZIP}",
    f"{OWN}/{ZIP}",
    f"{OWN}{ZIP}/",
    f"{OWN}{ZIP}?versionId=1",
    f"{OWN}{ZIP}\n",
    f"{OWN}logs/../{ZIP}",
    f"{OWN}%2e%2e/{ZIP}",
    f"{FLAT}{OTHER_UID}/{ZIP}",
    f"s3://b/x/team-b/A1B2C3D4/{UID}/{ZIP}",
    f"s3://b/x/team-a/X1B2C3D4/{UID}/{ZIP}",
    f"s3://b/x/team-a/A1B2C3D4X/{UID}/{ZIP}",
    f"s3://other/x/team-a/A1B2C3D4/{UID}/{ZIP}",
    f"s3://b/team-a/A1B2C3D4/{UID}/{ZIP}",
    f"S3://b/x/team-a/A1B2C3D4/{UID}/{ZIP}",
    f"https://b/x/team-a/A1B2C3D4/{UID}/{ZIP}",
    f"s3://b/x/team-a/flows/etl/{'0' * 64}.zip",
]


@pytest.mark.parametrize("uri", OURS)
def test_own_objects_have_keys(uri: str) -> None:
    key = HOME.key_of(uri)
    assert key
    assert HOME.location.uri(key) == uri
    assert (HOME.artifact_of(uri) is not None) is uri.endswith(".zip")


@pytest.mark.parametrize("uri", FOREIGN)
def test_no_other_text_is_a_key(uri: str) -> None:
    assert HOME.key_of(uri) is None


@given(st.text(max_size=80))
def test_whatever_is_let_in_lies_in_the_packages_own_places(tail: str) -> None:
    for start in ("", "s3://b/", FLAT, OWN, f"{OWN}logs/", f"{OWN}{STEM}-"):
        key = HOME.key_of(start + tail)
        if key:
            below = key.text.removeprefix("x/team-a/A1B2C3D4/").removeprefix(f"{UID}/")
            assert re.fullmatch(r"(logs/|resolutions/)?[a-z0-9][A-Za-z0-9_.-]*", below)
            assert ".." not in below.split("/")


@given(
    st.sampled_from(["fast", "small"]),
    st.sampled_from(["amd64", "arm64"]),
    st.sampled_from([None, *Bytecode]),
    st.text(max_size=9),
    st.integers(0, 9),
)
def test_every_name_that_the_builder_gives_passes(
    compression: str, cpu: str, bytecode: Bytecode | None, token: str, attempt: int
) -> None:
    chosen = {"architecture": cpu, "compression": Compression(compression), "bytecode": bytecode}
    build = artifact().model_copy(update=chosen)
    names = BuildKeys.of(HOME.folder.text, build)
    zipped = names.artifact(token, attempt)
    for key in (names.record, zipped, *(sidecar_key(zipped, name) for name in BESIDE)):
        assert HOME.listed(key) == HOME.key_of(f"s3://b/{key}") is not None


def test_nobody_else_makes_a_key() -> None:
    class Seal:
        pass

    for kind in (ObjectKey, Prefix):
        with pytest.raises(TypeError, match=r"Only dagy\.core\.common\.keys makes keys"):
            kind("team-b/", Seal())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="says whose a slug is"):
        OwnedSlug("A1B2C3D4", NamespacedName("team-a", "ml"), Seal())  # type: ignore[arg-type]
    root = Path(__file__).parents[3] / "operator/dagy"
    makers = {path.name for path in root.rglob("*.py") if "_SEAL" in path.read_text()}
    assert makers == {"keys.py", "slug.py"}


@pytest.mark.parametrize("uid", ["", "..", "a/b", "a" * 65, "u\n"])
def test_a_folder_is_named_by_a_uid(uid: str) -> None:
    with pytest.raises(ValueError, match="is no UID"):
        PackageHome(HOME.location, HOME.owned, uid)


@pytest.mark.parametrize(
    ("uri", "mine"),
    [
        (f"s3://dagy/x/team-a/flows/etl/{'1' * 64}.zip", True),
        (f"s3://dagy/x/team-a/flows/other/{'1' * 64}.zip", True),
        (f"s3://dagy/x/team-b/flows/etl/{'1' * 64}.zip", False),
        ("s3://dagy/x/team-a/flows/etl/1.zip", False),
        (f"s3://dagy/x/team-a/A1B2C3D4/{ZIP}", False),
        (f"s3://dagy/x/team-a/flows/../A1B2C3D4/{ZIP}", False),
        ("s3://dagy/x/team-a/flows/", False),
        (f"s3://elsewhere/x/team-a/flows/etl/{'1' * 64}.zip", False),
        (f"s3://dagy/team-a/flows/etl/{'1' * 64}.zip", False),
    ],
)
def test_only_uploads_of_the_own_namespace_are_taken(uri: str, mine: bool) -> None:
    assert (FlowHome(Location("dagy", "x"), "team-a").upload_of(uri) is not None) is mine


def test_notes_of_deletions_name_one_package_each() -> None:
    for prefix in ("", "x"):
        place = home(prefix=prefix)
        note = place.note_of_deletion.text
        assert place.location.deleted_in(note) == (place.note_of_deletion, place.folder)
        for other in (f"{note}/x", note.rpartition("/")[0], f"{place.location.deleted.text}a/b/c", f"y/{note}"):
            assert place.location.deleted_in(other) is None, other


def status(**changed: object) -> dict[str, object]:
    uris = {"uri": OWN + ZIP, "lockUri": OWN + artifact_prefix(ZIP) + "pylock.toml"}
    return {**artifact().to_json(), **uris, **changed}


@pytest.mark.parametrize("field", ["uri", "lockUri", "contentsUri", "sbomUri", "recordUri", "logUri"])
def test_a_status_that_points_elsewhere_is_not_believed(field: str) -> None:
    theirs = f"s3://b/x/team-b/B1B2C3D4/{OTHER_UID}/{ZIP}"
    said = {"artifact": status(), "history": [status(**{field: theirs})], "slug": "B1B2C3D4", "specHash": "1",
            "s3Uri": theirs, "build": {"logUri": theirs}, "validation": {"specHash": "1", "time": "x", "logUri": theirs}}  # fmt: skip
    found = trusted_status({"status": said}, HOME)
    assert theirs not in found.model_dump_json()
    assert (found.slug, found.history, found.spec_hash) == ("A1B2C3D4", [], None)
    assert found.artifact
    assert found.artifact.uri == found.s3_uri == OWN + ZIP


def test_a_true_status_is_believed_whole() -> None:
    log = f"{OWN}logs/dp-1.log"
    said = DepPackageStatus.model_validate(
        {"slug": "A1B2C3D4", "specHash": "1", "artifact": status(), "history": [status()], "s3Uri": OWN + ZIP,
         "build": {"logUri": log}, "validation": {"specHash": "1", "time": "x", "logUri": log}}
    )  # fmt: skip
    assert trusted_status({"status": said.to_json()}, HOME) == said


ML = NamespacedName("team-a", "ml")


@pytest.mark.parametrize(
    ("found", "mine"),
    [
        (claim("A1B2C3D4", ML), True),
        (claim("A1B2C3D4", ML, None), True),
        (claim("A1B2C3D4", ML, "of-the-namespace-before"), False),
        (claim("A1B2C3D4", NamespacedName("team-b", "ml")), False),
        (claim("A1B2C3D4", NamespacedName("team-a", "nlp")), False),
        ({**claim("A1B2C3D4", ML), "metadata": {"name": "another", "resourceVersion": "1"}}, False),
    ],
)
def test_a_slug_is_its_claims(found: dict[str, object], mine: bool) -> None:
    assert (owned(claim_in(found), ML, NAMESPACE_UID) is not None) is mine


@pytest.mark.parametrize(
    ("hints", "slug"),
    [
        ([], "BBBBBBBB"),
        (["CCCCCCCC"], "CCCCCCCC"),
        (["", "ZZZZZZZZ", "CCCCCCCC"], "CCCCCCCC"),
        (["FFFFFFFF"], "BBBBBBBB"),
        (["AAAAAAAA"], "AAAAAAAA"),
    ],
)
def test_hints_choose_among_own_claims_only(hints: list[str], slug: str) -> None:
    """AAAAAAAA is the oldest and not bound yet: what is bound comes first, because binding makes a new version."""
    claims = [claim_in(claim("CCCCCCCC", ML, version=9)), claim_in(claim("BBBBBBBB", ML, version=5)),
              claim_in(claim("AAAAAAAA", ML, None, version=1)), claim_in(claim("FFFFFFFF", NamespacedName("team-b", "ml")))]  # fmt: skip
    found = chosen([c for c in claims if c], ML, NAMESPACE_UID, hints)
    assert found
    assert found.slug == slug
