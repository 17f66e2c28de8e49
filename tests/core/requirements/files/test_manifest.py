"""Manifests: what kubectl gets is what the CRD takes and the operator reads."""

import pytest

from dagy.core.requirements import parse_dependency
from dagy.core.requirements.files import ManifestError, requirements_in, to_manifest
from dagy.model.spec import DepPackageSpec

NUMPY = parse_dependency("NumPy>=2")


def test_a_manifest_is_a_spec_that_the_operator_reads() -> None:
    manifest = to_manifest("ml-pipeline", "3.12", [parse_dependency("pandas[x]"), NUMPY])
    spec = DepPackageSpec.model_validate(manifest["spec"])
    assert (spec.python_version, spec.dependencies) == ("3.12", ["numpy>=2", "pandas[x]"])
    assert (manifest["apiVersion"], manifest["kind"]) == ("dagy.io/v1", "DepPackage")
    assert manifest["metadata"] == {"name": "ml-pipeline"}
    assert requirements_in(manifest) == ("numpy>=2", "pandas[x]")


@pytest.mark.parametrize("name", ["", "ML", "-a", "a-", "a..b", "a_b", "a/b", "a\n", "a" * 254, "ä"])
def test_a_name_that_kubernetes_refuses(name: str) -> None:
    with pytest.raises(ManifestError, match="The name of a package has at most 253"):
        to_manifest(name, "3.12", [NUMPY])


@pytest.mark.parametrize("name", ["a", "0", "a.b-c.d", "a" * 253])
def test_a_name_that_kubernetes_takes(name: str) -> None:
    assert to_manifest(name, "3.12", [NUMPY])["metadata"]["name"] == name


def test_none_and_too_many() -> None:
    with pytest.raises(ManifestError, match="at least one"):
        to_manifest("a", "3.12", [])
    with pytest.raises(ManifestError, match=r"has 201 requirements\. A package holds at most 200"):
        to_manifest("a", "3.12", [NUMPY] * 201)


@pytest.mark.parametrize(
    "manifest",
    [
        None,
        "text",
        [],
        {},
        {"kind": "Deployment"},
        {"kind": "DepPackage"},
        {"kind": "DepPackage", "spec": []},
        {"kind": "DepPackage", "spec": {"dependencies": "numpy"}},
        {"kind": "DepPackage", "spec": {"dependencies": ["numpy", 3.12]}},
    ],
    ids=repr,
)
def test_what_is_no_manifest(manifest: object) -> None:
    with pytest.raises(ManifestError, match="The manifest"):
        requirements_in(manifest)
