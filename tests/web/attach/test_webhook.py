"""What the API server does with pods: changed, refused with a sentence, or never shown to the webhook."""

from __future__ import annotations

import asyncio
import base64
import json
import queue
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from dagy.adapters.settings.attach import AttachSettings
from dagy.web.tls.certificate_keeper import CertificateKeeper
from tests.cluster.doctor import free_port
from tests.fakes.webhook import OTHER, REGISTRY, SYSTEM, TEAM, KubectlError, World, pod

pytestmark = pytest.mark.apiserver

IDNA, NEWER, JWT, PYJWT, WAITING, ELSEWHERE, OLD, MOUNTED = (f"AAAAAAA{i}" for i in range(1, 9))
IMAGE = f"{REGISTRY}/{TEAM}/{MOUNTED.lower()}@sha256:{'d' * 64}"


@pytest.fixture(scope="session")
def packages(world: World) -> World:
    """One package of each sort."""
    world.package(IDNA, "1" * 64, versions={"idna": "3.6"}, files={"idna/__init__.py": "a"})
    world.package(NEWER, "2" * 64, versions={"idna": "3.7"}, files={"idna/__init__.py": "b"})
    world.package(JWT, "3" * 64, versions={"jwt": "1.3"}, files={"jwt/__init__.py": "c"})
    world.package(PYJWT, "4" * 64, versions={"pyjwt": "2.1"}, files={"jwt/__init__.py": "d", "jwt/api.py": "e"})
    world.package(WAITING, "5" * 64, phase="INVALID", message="idna==99 does not exist. Ask for a version that does.")
    world.package(ELSEWHERE, "6" * 64, namespace=OTHER)
    world.package(OLD, "7" * 64, python="3.11")
    world.package(MOUNTED, "8" * 64, versions={"rich": "15.0"}, image=IMAGE)
    return world


def test_a_pod_gets_its_packages_under_restricted_pod_security(packages: World) -> None:
    made, _ = packages.server.create(pod("good", f"{IDNA}, {JWT}"))
    (init,) = made["spec"]["initContainers"]
    order = json.loads(init["env"][0]["value"])
    assert [item["sha256"] for item in order["items"]] == ["1" * 64, "3" * 64]
    assert init["env"][1]["value"] == packages.authority
    (main,) = made["spec"]["containers"]
    assert main["env"] == [{"name": "PYTHONPATH", "value": f"/dagy/packages/{IDNA}:/dagy/packages/{JWT}"}]
    attached = json.loads(made["metadata"]["annotations"]["dagy.io/attached"])["packages"]
    assert attached[0] == {
        "slug": IDNA, "namespace": TEAM, "name": "p-aaaaaaa1", "sha256": "1" * 64, "by": "InitContainer",
        "because": "its artifact has no image in this installation's registry",
    }  # fmt: skip
    assert made["spec"]["nodeSelector"] == {"kubernetes.io/arch": "amd64"}
    copy, _ = packages.server.create(copied(made))
    assert copy["spec"]["initContainers"] == made["spec"]["initContainers"], "what is attached is left alone"


def copied(made: dict[str, Any]) -> dict[str, Any]:
    """The pod as somebody applies it who has saved another one's YAML."""
    metadata = {k: v for k, v in made["metadata"].items() if k not in ("uid", "resourceVersion", "creationTimestamp")}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**metadata, "name": f"{metadata['name']}-copy"},
        "spec": made["spec"],
    }


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("ZZZZZZZZ", {}, f"No package that namespace {TEAM} may use has the slug ZZZZZZZZ."),
    (WAITING, {}, f"Package {TEAM}/p-aaaaaaa5 ({WAITING}) is INVALID, not COMPLETED, so there is nothing to attach: idna==99 does not exist."),
    (OLD, {}, f"({OLD}) is for Python 3.11, but image python:3.12-slim of container main has Python 3.12."),
    (f"{IDNA},{NEWER}", {}, "brings idna 3.6 and team-a/p-aaaaaaa2 (AAAAAAA2) brings idna 3.7; only one can be imported."),
    (f"{JWT},{PYJWT}", {}, "both bring the file jwt/__init__.py, with different content"),
    (",".join(f"MANY{i:04d}" for i in range(21)), {}, "21 packages are asked for, and a pod takes at most 20."),
    (ELSEWHERE, {}, f"No package that namespace {TEAM} may use has the slug {ELSEWHERE}."),
    ("aaaaaaa1", {}, '"aaaaaaa1" is no slug (AAAAAAA1 is).'),
    (IDNA, {"nodeSelector": {"kubernetes.io/arch": "arm64"}}, "is for amd64, but the pod asks for nodes with arm64."),
    (IDNA, {"image": "python:3.12-alpine"}, "(Alpine, musl) can't load."),
    (
        IDNA, {"annotations": {"dagy.io/attach-mode": "ImageVolume"}},
        "can't be mounted as an image volume, because its artifact has no image in this installation's registry.",
    ),
    (IDNA, {"annotations": {"dagy.io/attach-mode": "Fast"}}, '"Fast" is none of Auto, ImageVolume, InitContainer.'),
]  # fmt: skip


@pytest.mark.parametrize(("slugs", "options", "sentence"), REFUSED)
def test_refused_with_a_sentence_and_nothing_is_made(
    packages: World, slugs: str, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(KubectlError) as caught:
        packages.server.create(pod("bad", slugs, **options))
    assert 'admission webhook "pods.dagy.io" denied the request' in str(caught.value)
    assert sentence in str(caught.value)
    with pytest.raises(KubectlError, match="not found"):
        packages.server("get", "pod", "bad", "-n", TEAM)


def test_a_package_of_another_namespace_needs_the_right_to_get_it(packages: World) -> None:
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "use", "namespace": OTHER},
            "rules": [{"apiGroups": ["dagy.io"], "resources": ["deppackages"], "resourceNames": [f"p-{ELSEWHERE.lower()}"], "verbs": ["get"]}]}  # fmt: skip
    binding = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "use", "namespace": OTHER},
               "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "use"},
               "subjects": [{"kind": "ServiceAccount", "name": "flows", "namespace": TEAM}]}  # fmt: skip
    packages.server.apply(role, binding)
    taken = {"dagy.io/packages-from": OTHER}
    with pytest.raises(KubectlError, match="and the service account team-a/default may get the package"):
        packages.server.create(pod("theirs", ELSEWHERE, annotations=taken))
    with pytest.raises(KubectlError, match=r"annotation dagy\.io/packages-from of the pod or its namespace"):
        packages.server.create(pod("theirs", ELSEWHERE, serviceAccountName="flows"))
    made, _ = packages.server.create(pod("theirs", ELSEWHERE, annotations=taken, serviceAccountName="flows"))
    assert made["spec"]["initContainers"]


def test_a_package_that_is_built_anew_is_used_with_a_warning(packages: World) -> None:
    packages.package("BUILDING", "b" * 64)
    packages.server(
        "patch",
        "deppackage",
        "p-building",
        "-n",
        TEAM,
        "--subresource=status",
        "--type=merge",
        "-p",
        '{"status": {"phase": "INSTALLING"}}',
    )
    _, said = packages.server.create(pod("meanwhile", "BUILDING"))
    assert "Warning: Package team-a/p-building (BUILDING) is INSTALLING; its last good artifact" in said


def workload(kind: str, packages: str, annotations: dict[str, str] | None = None) -> dict[str, Any]:
    template = pod("x", packages, annotations=annotations)
    template = {"metadata": {**template["metadata"], "labels": {"app": "x"}}, "spec": template["spec"]}
    for field in ("name", "namespace"):
        template["metadata"].pop(field)
    if kind == "Deployment":
        spec = {"selector": {"matchLabels": {"app": "x"}}, "template": template}
        return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "w", "namespace": TEAM}, "spec": spec}
    template["spec"]["restartPolicy"] = "Never"
    spec = {"template": template}
    if kind == "CronJob":
        spec = {"schedule": "* * * * *", "jobTemplate": {"spec": spec}}
    return {"apiVersion": "batch/v1", "kind": kind, "metadata": {"name": "w", "namespace": TEAM}, "spec": spec}


@pytest.mark.parametrize("kind", ["Deployment", "Job", "CronJob"])
def test_whoever_applies_a_workload_is_warned(packages: World, kind: str) -> None:
    _, said = packages.server.create(workload(kind, "ZZZZZZZZ"), "--dry-run=server")
    assert f"Warning: Pods will be refused: No package that namespace {TEAM} may use has the slug ZZZZZZZZ." in said
    _, said = packages.server.create(workload(kind, IDNA), "--dry-run=server")
    assert "refused" not in said
    _, said = packages.server.create(workload(kind, IDNA, {"dagy.io/attach-mode": "ImageVolume"}), "--dry-run=server")
    assert "Warning: Pods will be refused: Package team-a/p-aaaaaaa1 (AAAAAAA1) can't be mounted as an image" in said


def leaf(port: int) -> str:
    return ssl.get_server_certificate(("127.0.0.1", port))


def test_certificates_rotate_without_a_failed_admission(packages: World) -> None:
    """Pods are created all the time, while another replica renews, the Secret is emptied, and the authority changes."""
    stop, failed, made = threading.Event(), list[Exception](), queue.SimpleQueue[None]()

    def create() -> None:
        while not stop.is_set():
            try:
                packages.server.create(pod("rotating", IDNA), "--dry-run=server")
                made.put(None)
            except Exception as error:
                failed.append(error)
                return

    with ThreadPoolExecutor(1) as pool:
        pool.submit(create)
        try:
            _rotate(packages, made)
        finally:
            stop.set()
    assert not failed


def _rotate(world: World, made: queue.SimpleQueue[None]) -> None:
    first = world.keeper.authorities
    seen = {leaf(world.replica.port)}

    def looked(by: CertificateKeeper) -> None:
        world.replica.run(by.look())
        while not made.empty():
            made.get()
        for _ in range(2):  # of which the second one began after the look
            made.get(timeout=30)

    def another(tls_days: int) -> CertificateKeeper:
        """A replica that wants certificates to last so long, and finds those that there are too old for that."""
        return world.replica.keeper(world.keeper._api, AttachSettings.model_construct(tls_days=tls_days))

    looked(another(800))
    assert leaf(world.replica.port) in seen, "this replica has not looked yet, and goes on with what it has"
    looked(world.keeper)
    assert leaf(world.replica.port) not in seen
    assert world.keeper.authorities == first
    seen.add(leaf(world.replica.port))
    empty = json.dumps({"data": dict.fromkeys(("ca.crt", "ca.key", "tls.crt", "tls.key"))})
    world.server("patch", "secret", "dagy-webhook-tls", "-n", SYSTEM, "--type=merge", "-p", empty)
    looked(world.keeper)
    assert leaf(world.replica.port) in seen, "what was trusted is put back"
    looked(another(2000))  # longer than half of what is left of the authority
    looked(world.keeper)
    assert leaf(world.replica.port) in seen, "the new authority signs nothing yet"
    assert world.keeper.authorities.endswith(first)
    assert world.keeper.authorities != first
    bundle = json.loads(world.server("get", "mutatingwebhookconfiguration", "dagy-attach", "-o", "json")[0])[
        "webhooks"
    ][0]["clientConfig"]["caBundle"]
    assert base64.b64decode(bundle).decode() == world.keeper.authorities


def test_several_replicas_agree(packages: World) -> None:
    keepers = [packages.replica.keeper(packages.keeper._api) for _ in range(4)]
    broken = json.dumps({"data": {"tls.crt": ""}})
    packages.server("patch", "secret", "dagy-webhook-tls", "-n", SYSTEM, "--type=merge", "-p", broken)

    async def all_at_once() -> None:
        await asyncio.gather(*(keeper.look() for keeper in keepers))

    packages.replica.run(all_at_once())
    assert len({keeper.authorities for keeper in keepers}) == 1
    secret = json.loads(packages.server("get", "secret", "dagy-webhook-tls", "-n", SYSTEM, "-o", "json")[0])["data"]
    for keeper in [*keepers, packages.keeper]:
        packages.replica.run(keeper.look())
        assert keeper._held
        assert keeper._held.to_secret() == secret


def test_a_list_that_cannot_be_read_is_said_and_nothing_starts(packages: World) -> None:
    packages.package("AWAY0001", "8" * 64)
    packages.package("AWAY0002", "9" * 64)
    packages.bucket.put(f"{packages.bases['AWAY0002']}.contents.txt.gz", b"rotten", "application/gzip")
    with pytest.raises(
        KubectlError,
        match=r"The contents of .*AWAY0001.* can't be compared. The list of files can't be read: .* Build them again",
    ):
        packages.server.create(pod("bad", "AWAY0001,AWAY0002"))


def test_while_the_webhook_is_down(packages: World) -> None:
    """The address leads nowhere: only pods that ask for packages notice."""
    point_to(packages, free_port())
    try:
        for name, slugs, namespace in (("plain", None, TEAM), ("plain", IDNA, SYSTEM)):
            packages.server.create(pod(name, slugs, namespace=namespace), "--dry-run=server")
        with pytest.raises(KubectlError, match=r'failed calling webhook "pods\.dagy\.io"'):
            packages.server.create(pod("asks", IDNA), "--dry-run=server")
        packages.server.create(workload("Deployment", IDNA), "--dry-run=server")
    finally:
        point_to(packages, packages.replica.port)
    packages.server.create(pod("asks", IDNA), "--dry-run=server")


def point_to(world: World, port: int) -> None:
    for kind, path in (("mutating", "pods"), ("validating", "workloads")):
        patch = [
            {
                "op": "replace",
                "path": "/webhooks/0/clientConfig/url",
                "value": f"https://127.0.0.1:{port}/admission/{path}",
            }
        ]
        world.server("patch", f"{kind}webhookconfiguration", "dagy-attach", "--type=json", "-p", json.dumps(patch))


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"request": {}}'])
def test_what_is_no_review_is_answered(packages: World, body: str) -> None:
    trust = ssl.create_default_context(cadata=packages.keeper.authorities)
    url = f"https://127.0.0.1:{packages.replica.port}/admission/pods"
    assert httpx.post(url, content=body, verify=trust).status_code == 400
