"""What a pod asks for: its annotations, the Python of its images, the architecture of its nodes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy.core.attach.pin import AttachReason, AttachRequest, ImageFact, PackageRef, Refusal, request_of_pod
from dagy.core.attach.request import image_fact
from tests.fakes.attachable import ONE, TWO, A, B


@pytest.mark.parametrize(
    ("image", "version", "musl"),
    [
        ("python:3.12", "3.12", False),
        ("python:3.12-slim@sha256:abcd", "3.12", False),
        ("docker.io/library/python:3.10.14-bookworm", "3.10", False),
        ("localhost:5000/python:3.13-alpine", "3.13", True),
        ("public.ecr.aws/docker/library/python:3.9", "3.9", False),
        ("python:3", None, False),
        ("python:3.120", None, False),
        ("python:latest", None, False),
        ("python@sha256:abcd", None, False),
        ("localhost:3.12/python", None, False),
        ("team/my-python:3.12", None, False),
        ("apache/airflow:2.9-python3.12", None, False),
        ("", None, False),
    ],
)
def test_what_an_images_name_tells(image: str, version: str | None, musl: bool) -> None:
    fact = image_fact("main", image)
    assert (fact.python_version, fact.musl) == (version, musl)


def pod(annotations: dict[str, str], **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"annotations": annotations},
        "spec": {"containers": [{"name": "main", "image": "python:3.11"}], **spec},
    }


def test_a_pod_is_read() -> None:
    read = request_of_pod(
        pod(
            {
                "dagy.io/dep-packages": f" {A} , {B}@{ONE}",
                "dagy.io/python-version": "3.12",
                "dagy.io/flow-artifact": json.dumps({"deployment": "etl", "sha256": TWO, "sizeBytes": 5}),
            },
            serviceAccountName="flows",
            nodeSelector={"kubernetes.io/arch": "arm64"},
        ),
        "team-a",
    )
    assert isinstance(read, AttachRequest)
    assert read.wanted == (PackageRef(A), PackageRef(B, ONE))
    assert (read.namespace, read.service_account, read.architecture) == ("team-a", "flows", "arm64")
    assert read.images == (ImageFact("python:3.11", "3.12", "annotation dagy.io/python-version says that the pod has"),)
    assert read.flow
    assert (read.flow.deployment, read.flow.sha256, read.flow.size_bytes) == ("etl", TWO, 5)


def test_the_architecture_can_stand_in_the_affinity() -> None:
    def affinity(*values: str) -> dict[str, Any]:
        term = {"matchExpressions": [{"key": "kubernetes.io/arch", "operator": "In", "values": list(values)}]}
        return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}

    for values, found in ((("arm64",), "arm64"), (("arm64", "amd64"), None)):
        read = request_of_pod(pod({"dagy.io/dep-packages": A}, affinity=affinity(*values)), "team-a")
        assert isinstance(read, AttachRequest)
        assert read.architecture == found


@pytest.mark.parametrize(
    ("annotations", "sentence"),
    [
        ({"dagy.io/dep-packages": "a1b2c3d4"}, 'Annotation dagy.io/dep-packages: "a1b2c3d4" is no slug (A1B2C3D4 is). Write slugs'),
        ({"dagy.io/dep-packages": f"{A},,{B}"}, '"" is no slug.'),
        ({"dagy.io/dep-packages": f"{A} {B}"}, f'"{A} {B}" is no slug.'),
        ({"dagy.io/dep-packages": f"{A}@abc"}, f'"{A}@abc" is pinned to no SHA-256.'),
        ({"dagy.io/dep-packages": f"{A},{A}@{ONE}"}, f"{A} is named twice. Name it once."),
        ({"dagy.io/dep-packages": "x" * 200}, '..."'),
        ({"dagy.io/dep-packages": A, "dagy.io/python-version": "3.9"}, '"3.9" is none of 3.10, 3.11, 3.12, 3.13.'),
        ({"dagy.io/dep-packages": A, "dagy.io/attach-medium": "RAM"}, '"RAM" is neither Disk nor Memory.'),
        ({"dagy.io/flow-artifact": "{"}, "Annotation dagy.io/flow-artifact: it can't be read."),
        ({"dagy.io/flow-artifact": "[]"}, "it can't be read."),
        ({"dagy.io/flow-artifact": json.dumps({"deployment": "../x", "sha256": ONE, "sizeBytes": 1})}, "a field is not as it must be."),
        ({"dagy.io/flow-artifact": json.dumps({"deployment": "x", "sha256": ONE, "sizeBytes": True})}, "a field is not as it must be."),
    ],
)  # fmt: skip
def test_annotations_that_cant_be_read(annotations: dict[str, str], sentence: str) -> None:
    refused = request_of_pod(pod(annotations), "team-a")
    assert isinstance(refused, Refusal)
    assert refused.reason == AttachReason.INVALID_ANNOTATION
    assert sentence in refused.message
    assert len(refused.message) < 400


@given(st.text(max_size=300))
def test_any_annotation_is_read_or_refused(text: str) -> None:
    read = request_of_pod(pod({"dagy.io/dep-packages": text, "dagy.io/flow-artifact": text}), "team-a")
    assert isinstance(read, AttachRequest | Refusal)


@pytest.mark.parametrize(
    ("wanted", "annotation", "accepted"),
    [
        (PackageRef("A1B2C3D4"), "", False),
        (PackageRef("A1B2C3D4"), "team-c", False),
        (PackageRef("A1B2C3D4"), "team-c, team-b", True),
        (PackageRef("A1B2C3D4", "a" * 64), "", True),
    ],
    ids=["not named", "another one named", "named", "the very bytes"],
)
def test_packages_of_others_are_taken_where_the_pod_says_so(
    wanted: PackageRef, annotation: str, accepted: bool
) -> None:
    pod = {"metadata": {"annotations": {"dagy.io/dep-packages": "A1B2C3D4", "dagy.io/packages-from": annotation}}}
    request = request_of_pod(pod, "team-a")
    assert not isinstance(request, Refusal)
    assert request.accepts(wanted, "team-a")
    assert request.accepts(wanted, "team-b") is accepted


def test_a_supplier_that_is_no_namespace_is_refused() -> None:
    refused = request_of_pod({"metadata": {"annotations": {"dagy.io/packages-from": "Team B"}}}, "team-a")
    assert isinstance(refused, Refusal)
    assert '"Team B" is no namespace' in refused.message
