"""The pod that comes out when packages are mounted as images, all of them or some."""

from __future__ import annotations

import json
from typing import Any

from dagy.attach.spec import AttachSpec
from tests.core.attach.test_pod import PATHS, image, ok, pod, pythonpath
from tests.fakes.attachable import ONE, TWO, A, B


def mounts(container: dict[str, Any]) -> dict[str, str]:
    assert all(mount["readOnly"] for mount in container["volumeMounts"])
    return {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}


def test_images_need_no_init_container_no_token_and_no_disk() -> None:
    changed = ok(pod(initContainers=[{"name": "migrate", "image": "python:3.12"}]), A, B)
    spec = changed["spec"]
    expected = {f"/dagy/packages/{slug}": f"dagy-attach-{slug.lower()}" for slug in (A, B)}
    assert [container["name"] for container in spec["initContainers"]] == ["migrate"]
    assert mounts(spec["containers"][0]) == mounts(spec["initContainers"][0]) == expected
    by_name = {v["name"]: v["image"] for v in spec["volumes"]}
    assert by_name == {
        f"dagy-attach-{s.lower()}": {"reference": image(s), "pullPolicy": "IfNotPresent"} for s in (A, B)
    }
    assert pythonpath(changed) == PATHS
    assert spec["nodeSelector"] == {"kubernetes.io/arch": "amd64"}
    assert "initContainers" not in ok(pod(), A, B)["spec"]
    summary = json.loads(changed["metadata"]["annotations"]["dagy.io/attached"])["packages"]
    assert [(p["by"], p["image"]) for p in summary] == [("ImageVolume", image(A)), ("ImageVolume", image(B))]


def test_some_by_image_and_some_by_the_init_container() -> None:
    changed = ok(pod(annotations={"dagy.io/attach-medium": "Memory"}), B)
    (init,) = changed["spec"]["initContainers"]
    (main,) = changed["spec"]["containers"]
    assert mounts(main) == {"/dagy": "dagy-attach", f"/dagy/packages/{B}": f"dagy-attach-{B.lower()}"}
    assert [m["mountPath"] for m in init["volumeMounts"]] == ["/dagy", "/var/run/secrets/dagy.io"]
    spec = AttachSpec.from_text(init["env"][0]["value"])
    assert ([item.slug for item in spec.items], spec.mount_points) == ([A], (B,))
    assert changed["spec"]["volumes"][0]["emptyDir"]["sizeLimit"] == "65Mi"
    assert pythonpath(changed) == PATHS, "the order is the annotation's, however they come"
    one, other = json.loads(changed["metadata"]["annotations"]["dagy.io/attached"])["packages"]
    assert (one["by"], one["because"], other["by"]) == ("InitContainer", "it is so", "ImageVolume")


def test_a_flows_code_comes_by_the_init_container_beside_images() -> None:
    flow = {"dagy.io/flow-artifact": json.dumps({"deployment": "etl", "sha256": "f" * 64, "sizeBytes": 7})}
    changed = ok(pod(annotations=flow), A, B)
    (init,) = changed["spec"]["initContainers"]
    spec = AttachSpec.from_text(init["env"][0]["value"])
    assert ([item.slug for item in spec.items], spec.mount_points) == ([""], (A, B))
    assert pythonpath(changed) == f"/dagy/flow:{PATHS}"


def test_who_may_be_anybody_is_not_told_why() -> None:
    packages = json.loads(ok(pod(), A, say_whose=False)["metadata"]["annotations"]["dagy.io/attached"])["packages"]
    assert packages == [
        {"slug": A, "sha256": ONE, "by": "ImageVolume", "image": image(A)},
        {"slug": B, "sha256": TWO, "by": "InitContainer"},
    ]
