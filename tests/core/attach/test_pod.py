"""The pod that comes out: restricted, with PYTHONPATH as promised, and nothing else changed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy.attach.spec import AttachSpec
from dagy.core.attach.init_container import InitContainer
from dagy.core.attach.pin import (
    Attachment,
    AttachReason,
    AttachRequest,
    Contents,
    Refusal,
    request_of_pod,
)
from dagy.core.attach.pod import attach, is_attached, json_patch
from dagy.core.attach.ways import Ways
from tests.fakes.attachable import ML, ONE, TWO, A, B, artifact, candidate, planned

HOW = InitContainer("dagy/operator:1", "IfNotPresent", "https://api.svc", "PEM", "100m", "2", "64Mi", "512Mi")
PATHS = f"/dagy/packages/{A}:/dagy/packages/{B}"
KNOWN = {A: ML, B: candidate(B, "nlp", artifact(TWO, native=False))}


def pod(
    *, annotations: dict[str, str] | None = None, container: dict[str, Any] | None = None, **spec: Any
) -> dict[str, Any]:
    main = {"name": "main", "image": "python:3.12-slim", **(container or {})}
    return {
        "metadata": {"name": "p", "annotations": {"dagy.io/dep-packages": f"{A},{B}", **(annotations or {})}},
        "spec": {"containers": [main], **spec},
    }


def attached(original: dict[str, Any], *mounted: str, say_whose: bool = True) -> dict[str, Any] | Refusal:
    before = json.dumps(original)
    request = request_of_pod(original, "team-a")
    assert isinstance(request, AttachRequest)
    what = planned(request, KNOWN, {ONE: Contents({}, {}), TWO: Contents({}, {})})
    assert isinstance(what, Attachment)
    ways = Ways({s: image(s) for s in (A, B) if s in mounted}, {s: "it is so" for s in (A, B) if s not in mounted})
    found = attach(original, request, what, ways, HOW, say_whose=say_whose)
    assert json.dumps(original) == before, "the pod that was given is left alone"
    return found


def ok(original: dict[str, Any], *mounted: str, say_whose: bool = True) -> dict[str, Any]:
    found = attached(original, *mounted, say_whose=say_whose)
    assert isinstance(found, dict), found
    return found


def image(slug: str) -> str:
    return f"registry.example/dagy/team-a/{slug.lower()}@sha256:{'d' * 64}"


def pythonpath(changed: dict[str, Any]) -> str:
    values = [v["value"] for v in changed["spec"]["containers"][0]["env"] if v["name"] == "PYTHONPATH"]
    assert len(values) == 1
    return str(values[0])


def test_restricted_and_small() -> None:
    changed = ok(pod())
    (init,) = changed["spec"]["initContainers"]
    security = init["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["readOnlyRootFilesystem"] is True
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert "runAsUser" not in security, "any user will do, so that the pod's or the cluster's choice holds"
    assert init["resources"] == {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}}
    assert {m["name"] for m in init["volumeMounts"]} == {"dagy-attach", "dagy-attach-token"}
    volumes = {v["name"]: v for v in changed["spec"]["volumes"]}
    (source,) = volumes["dagy-attach-token"]["projected"]["sources"]
    assert source["serviceAccountToken"]["audience"] == "dagy.io/api"
    assert volumes["dagy-attach"]["emptyDir"]["sizeLimit"] == "65Mi"
    (main,) = changed["spec"]["containers"]
    assert main["volumeMounts"] == [{"name": "dagy-attach", "mountPath": "/dagy", "readOnly": True}]
    order = AttachSpec.from_text(init["env"][0]["value"])
    assert [(i.slug, i.sha256, i.size_bytes, i.uncompressed_bytes) for i in order.items] == [
        (A, ONE, 10, 20),
        (B, TWO, 10, 20),
    ]


def test_a_pod_of_root_gets_an_init_container_that_is_not() -> None:
    (init,) = ok(pod(securityContext={"runAsUser": 0}))["spec"]["initContainers"]
    assert (init["securityContext"]["runAsUser"], init["securityContext"]["runAsGroup"]) == (65532, 65532)


CONFIG = {"configMapKeyRef": {"name": "c", "key": "path"}}


@pytest.mark.parametrize(
    ("container", "annotations", "expected"),
    [
        ({}, {}, PATHS),
        ({"env": [{"name": "PYTHONPATH", "value": "/app:/lib"}]}, {}, f"{PATHS}:/app:/lib"),
        ({"env": [{"name": "PYTHONPATH"}]}, {}, PATHS),
        ({"env": [{"name": "PYTHONPATH", "valueFrom": CONFIG}]}, {}, f"{PATHS}:$(DAGY_PYTHONPATH)"),
        ({"envFrom": [{"secretRef": {"name": "s"}}]}, {}, f"{PATHS}:$(PYTHONPATH)"),
        ({"envFrom": [{"prefix": "PY", "secretRef": {"name": "s"}}]}, {}, f"{PATHS}:$(PYTHONPATH)"),
        ({"envFrom": [{"prefix": "APP_", "secretRef": {"name": "s"}}]}, {}, PATHS),
        ({}, {"dagy.io/pythonpath": "/opt/lib"}, f"{PATHS}:/opt/lib"),
        ({"env": [{"name": "PYTHONPATH", "value": "/app"}]}, {"dagy.io/pythonpath": "/opt/lib"}, f"{PATHS}:/app:/opt/lib"),
        (
            {}, {"dagy.io/flow-artifact": json.dumps({"deployment": "etl", "sha256": "f" * 64, "sizeBytes": 7})},
            f"/dagy/flow:{PATHS}",
        ),
    ],
)  # fmt: skip
def test_pythonpath_keeps_what_was(container: dict[str, Any], annotations: dict[str, str], expected: str) -> None:
    assert pythonpath(ok(pod(container=container, annotations=annotations))) == expected


def test_variables_keep_their_order() -> None:
    env = [
        {"name": "A", "value": "1"},
        {"name": "PYTHONPATH", "valueFrom": CONFIG},
        {"name": "Z", "value": "$(PYTHONPATH)"},
    ]
    (main,) = ok(pod(container={"env": env}))["spec"]["containers"]
    assert [v["name"] for v in main["env"]] == ["A", "DAGY_PYTHONPATH", "PYTHONPATH", "Z"]
    assert main["env"][1] == {"name": "DAGY_PYTHONPATH", "valueFrom": CONFIG}


def test_the_flows_code_is_brought_too() -> None:
    flow = {"deployment": "etl", "sha256": "f" * 64, "sizeBytes": 7}
    changed = ok(pod(annotations={"dagy.io/flow-artifact": json.dumps(flow)}))
    order = AttachSpec.from_text(changed["spec"]["initContainers"][0]["env"][0]["value"])
    assert (order.namespace, order.deployment) == ("team-a", "etl")
    assert order.items[-1].slug == ""
    assert order.items[-1].size_bytes == 7
    summary = json.loads(changed["metadata"]["annotations"]["dagy.io/attached"])
    assert summary == {
        "packages": [
            {
                "slug": A,
                "namespace": "team-a",
                "name": "ml",
                "sha256": ONE,
                "by": "InitContainer",
                "because": "it is so",
            },
            {
                "slug": B,
                "namespace": "team-a",
                "name": "nlp",
                "sha256": TWO,
                "by": "InitContainer",
                "because": "it is so",
            },
        ],
        "flow": {"deployment": "etl", "sha256": "f" * 64},
    }


def test_init_containers_have_the_packages_too_and_come_later() -> None:
    first, second = ok(pod(initContainers=[{"name": "migrate", "image": "python:3.12"}]))["spec"]["initContainers"]
    assert (first["name"], second["name"]) == ("dagy-attach", "migrate")
    assert second["volumeMounts"][0]["readOnly"] is True


def test_native_modules_find_their_cpu() -> None:
    assert ok(pod())["spec"]["nodeSelector"] == {"kubernetes.io/arch": "amd64"}
    chosen = pod(nodeSelector={"kubernetes.io/arch": "amd64", "disk": "fast"})
    assert ok(chosen)["spec"]["nodeSelector"] == chosen["spec"]["nodeSelector"]


def test_guaranteed_pods_stay_guaranteed_and_quotas_on_cpu_are_met() -> None:
    limits = {"cpu": "1", "memory": "1Gi"}
    (init,) = ok(pod(container={"resources": {"limits": limits}}))["spec"]["initContainers"]
    assert init["resources"] == {"requests": limits, "limits": limits}
    (init,) = ok(pod(container={"resources": {"limits": limits, "requests": {"cpu": "1m"}}}))["spec"]["initContainers"]
    assert init["resources"]["limits"] == {"memory": "512Mi", "cpu": "2"}


def test_a_pod_without_containers_is_left_to_the_api_server_to_refuse() -> None:
    empty = pod()
    empty["spec"]["containers"] = []
    assert not ok(empty)["spec"]["containers"]


def test_files_in_memory_count_as_the_containers() -> None:
    changed = ok(pod(annotations={"dagy.io/attach-medium": "Memory"}))
    (init,) = changed["spec"]["initContainers"]
    assert init["resources"]["limits"] == {"memory": f"{65 + 512}Mi"}
    assert changed["spec"]["volumes"][0]["emptyDir"] == {"medium": "Memory", "sizeLimit": "65Mi"}
    assert ok(pod(annotations={"dagy.io/attach-medium": "Disk"}))["spec"]["volumes"] == ok(pod())["spec"]["volumes"]


def test_a_limit_is_never_below_the_request() -> None:
    asked = {"requests": {"cpu": "4"}, "limits": {"cpu": "8"}}
    (init,) = ok(pod(container={"resources": asked}))["spec"]["initContainers"]
    assert (init["resources"]["requests"]["cpu"], init["resources"]["limits"]["cpu"]) == ("4", "4")


@pytest.mark.parametrize(
    ("requested", "share"), [("500m", "500m"), ("2", "2"), (1, 1), ("0.05", "100m"), ("1.5", "1.5"), ("1x", "100m")]
)
def test_the_share_of_the_cpu_is_what_the_pod_reserves_anyway(requested: Any, share: Any) -> None:
    (init,) = ok(pod(container={"resources": {"requests": {"cpu": requested}}}))["spec"]["initContainers"]
    assert init["resources"]["requests"]["cpu"] == share


@pytest.mark.parametrize("path", ["/dagy", "/dagy/", "/dagy/packages/x"])
def test_a_volume_of_the_pods_own_is_in_the_way(path: str) -> None:
    found = attached(pod(container={"volumeMounts": [{"name": "v", "mountPath": path}]}))
    assert isinstance(found, Refusal)
    assert found.reason == AttachReason.PATH_TAKEN
    assert found.message == (
        f"Container main mounts a volume at {path.rstrip('/')}, and packages are mounted at /dagy. Mount the volume somewhere else."
    )
    ok(pod(container={"volumeMounts": [{"name": "v", "mountPath": "/dagy-data"}]}))


def test_twice_is_once() -> None:
    original = pod()
    assert not is_attached(original)
    assert is_attached(ok(original))
    assert is_attached(ok(original, A, B))
    other = {"name": "model", "image": {"reference": "models/bert:1"}}
    assert not is_attached(pod(volumes=[other, {"name": "dagy-attach-x", "emptyDir": {}}]))


def apply(document: dict[str, Any], patch: list[dict[str, Any]]) -> dict[str, Any]:
    """RFC 6902's "add", for paths of two members."""
    changed = json.loads(json.dumps(document))
    for operation in patch:
        assert operation["op"] == "add"
        _, part, name = operation["path"].split("/")
        changed[part][name] = operation["value"]
    return dict(changed)


FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "volumes": st.lists(st.fixed_dictionaries({"name": st.sampled_from("xyz")}), max_size=2),
        "nodeSelector": st.dictionaries(st.sampled_from("ab"), st.sampled_from("12"), max_size=2),
        "initContainers": st.lists(st.fixed_dictionaries({"name": st.sampled_from("mn")}), max_size=2),
        "restartPolicy": st.sampled_from(["Never", "Always"]),
    },
)


@given(FIELDS, st.sets(st.sampled_from([A, B])))
def test_the_patch_makes_exactly_that_pod(fields: dict[str, Any], mounted: set[str]) -> None:
    original = pod(**fields)
    changed = ok(original, *mounted)
    patch = json_patch(original, changed)
    assert apply(original, patch) == changed
    assert {op["path"] for op in patch} <= {
        "/metadata/annotations", "/spec/containers", "/spec/initContainers", "/spec/volumes", "/spec/nodeSelector",
    }  # fmt: skip
