"""The bill of materials: valid CycloneDX, the same for the same lock, and nothing of a package's text but what is its."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from dagy_builder.archive.sbom import sbom
from dagy_builder.contract import BuildRequest

REQUEST = BuildRequest("3.12")
LOCK = (
    """\
lock-version = "1.0"
created-by = "dagy"

[[packages]]
name = "zeta"
version = "2.0+local.1"

[[packages.wheels]]
url = "https://files.example/zeta-2.0%2Blocal.1-py3-none-any.whl"
hashes = {sha256 = "{b}"}

[[packages]]
name = "alpha"
version = "1.0"

[packages.sdist]
url = "https://files.example/alpha-1.0.tar.gz"
hashes = {sha256 = "{a}"}

[[packages]]
name = "by-url"

[packages.archive]
url = "https://git.example/by-url-3.zip"
hashes = {sha256 = "{c}"}
""".replace("{a}", "a1" * 32)
    .replace("{b}", "b1" * 32)
    .replace("{c}", "c1" * 32)
)


def metadata(name: str, *headers: str) -> bytes:
    return "\n".join(["Metadata-Version: 2.4", f"Name: {name}", *headers, "", "License: of the description"]).encode()


def document(*described: bytes, request: BuildRequest = REQUEST) -> dict[str, Any]:
    text = sbom(LOCK, request, described).decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def test_every_locked_file_with_its_hash_and_origin() -> None:
    components = document()["components"]
    assert [(c["name"], c.get("version"), c["purl"]) for c in components] == [
        ("alpha", "1.0", "pkg:pypi/alpha@1.0"),
        ("by-url", None, "pkg:pypi/by-url"),
        ("zeta", "2.0+local.1", "pkg:pypi/zeta@2.0%2Blocal.1"),
    ]
    assert [c["hashes"][0]["content"][:2] for c in components] == ["a1", "c1", "b1"]
    assert components[2]["externalReferences"][0]["url"].endswith("/zeta-2.0%2Blocal.1-py3-none-any.whl")
    assert components[2]["properties"][0]["value"] == "zeta-2.0+local.1-py3-none-any.whl"


def test_the_same_lock_gives_the_same_bytes() -> None:
    files = [metadata("alpha", "License: MIT"), metadata("zeta", "License: BSD")]
    assert sbom(LOCK, REQUEST, files) == sbom(LOCK, REQUEST, files[::-1])
    assert b"serialNumber" not in sbom(LOCK, REQUEST, files)
    assert b"timestamp" not in sbom(LOCK, REQUEST, files)


@pytest.mark.parametrize(
    ("headers", "licenses"),
    [
        ((), None),
        (("License-Expression: mit or apache-2.0", "License: no"), [{"expression": "MIT OR Apache-2.0"}]),
        (("License-Expression: Made Up",), [{"license": {"name": "Made Up"}}]),
        (("License: BSD 3-Clause",), [{"license": {"name": "BSD 3-Clause"}}]),
        (
            ("License: UNKNOWN", "Classifier: License :: OSI Approved :: MIT License"),
            [{"license": {"name": "MIT License"}}],
        ),
        (("License: " + "a whole text " * 50, "Classifier: License :: OSI Approved"), None),
        (("License: \x1b[31mred\u202e",), [{"license": {"name": "red"}}]),
    ],
    ids=["none", "expression", "no expression", "name", "classifier", "text", "hostile"],
)
def test_licenses(headers: tuple[str, ...], licenses: list[dict[str, Any]] | None) -> None:
    component = document(metadata("Alpha", *headers))["components"][0]
    assert component.get("licenses") == licenses


def test_metadata_that_is_none() -> None:
    assert len(document(b"\xff\xfe\x00", b"", b"Name\n\n", metadata("stranger", "License: MIT"))["components"]) == 3
