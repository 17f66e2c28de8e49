"""Images beside ZIPs on the cluster: pushed, mounted by the kubelet, shared, missed, and gone with their packages."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from mypy_boto3_s3.client import S3Client

from tests.cluster.layout import current_layout
from tests.e2e import image_registry
from tests.e2e.conftest import changed_settings
from tests.e2e.image_registry import PULL_SECRET, PUSH_SECRET
from tests.e2e.kube import BUILDS, SYSTEM, Json, Kube, condition, eventually, own_namespace, package
from tests.e2e.mounting import PYTHON, Team, attached, mounted
from tests.e2e.test_attach import RESTRICTED
from tests.e2e.test_flow_deployments import deployed, ended, flow, run, upload

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not current_layout().state.exists(), reason="the node is not this machine's"),
]


@pytest.fixture(scope="module")
def plain(admin: Kube) -> Iterator[tuple[Kube, str]]:
    """A namespace with a package `plain` of before there was a registry; its slug."""
    with own_namespace(admin) as kube:
        kube("label", "namespace", kube.namespace, *(f"{name}={value}" for name, value in RESTRICTED.items()))
        kube.apply(package("plain", "six==1.17.0"))
        yield kube, kube.wait("plain", "Ready")["status"]["slug"]


@pytest.fixture(scope="module")
def team(
    admin: Kube, plain: tuple[Kube, str], s3_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Team]:
    """The namespace, while the installation has a registry that asks for a login."""
    kube, _ = plain
    folder = tmp_path_factory.mktemp("registry")
    with image_registry.beside_the_cluster(admin, folder, s3_env) as registry:
        kube.apply(registry.secret(PULL_SECRET, kube.namespace))
        names = {"imagePullSecrets": [{"name": PULL_SECRET}]}
        kube("patch", "serviceaccount", "default", "-p", json.dumps(names))
        base = {"DAGY_OCI_REPOSITORY": registry.repository}
        with (
            changed_settings(admin, "dagy-operator", **base, DAGY_OCI_PLAIN_HTTP="true"),
            changed_settings(admin, "dagy-webhook", **base, DAGY_ATTACH_PULL_SECRET=PULL_SECRET),
        ):
            image = admin.get("configmap", "dagy-operator", SYSTEM)["data"]["DAGY_BUILDER_IMAGE"]
            yield Team(kube, registry, image)
            kube("delete", "dp", "--all", "--timeout=120s")


@pytest.fixture(scope="module")
def names(team: Team) -> Json:
    """Status of a package with an image."""
    return team.built("names", "idna==3.7")


def test_a_pod_mounts_the_image(team: Team, names: Json) -> None:
    code = "import idna, os; print(idna.__version__, idna.__file__, idna.__cached__, os.environ['PYTHONPATH'])"
    pod, log = team.ran("mounts", names["slug"], code)
    folder = f"/dagy/packages/{names['slug']}"
    version, file, cached, path = log.split()
    assert (version, file, path) == ("3.7", f"{folder}/idna/__init__.py", folder)
    assert cached.startswith(f"{folder}/idna/__pycache__/")
    assert mounted(pod) == [names["artifact"]["image"]]
    assert names["artifact"]["image"].startswith(f"{team.registry.repository}/{team.kube.namespace}/")
    assert "initContainers" not in pod["spec"]
    assert [one["by"] for one in attached(pod)] == ["ImageVolume"]
    assert condition({"status": names}, "ImagePushed")["reason"] == "ImagePushed"


def test_one_is_mounted_and_one_brought(team: Team, names: Json, plain: tuple[Kube, str]) -> None:
    """Both are there, and the annotation's order is that of the path."""
    slugs = [plain[1], names["slug"]]
    code = "import six, idna, os; print(six.__file__, idna.__file__, os.environ['PYTHONPATH'])"
    pod, log = team.ran("mixed", ",".join(slugs), code)
    folders = [f"/dagy/packages/{slug}" for slug in slugs]
    assert log.split() == [f"{folders[0]}/six.py", f"{folders[1]}/idna/__init__.py", ":".join(folders)]
    assert [one["by"] for one in attached(pod)] == ["InitContainer", "ImageVolume"]
    assert mounted(pod) == [names["artifact"]["image"]]
    assert [one["name"] for one in pod["spec"]["initContainers"]] == ["dagy-attach"]
    told = condition(team.kube.get("dp", "plain"), "ImagePushed")
    assert (told["status"], told["reason"]) == ("False", "ImageNotPushed")


def test_a_flow_has_its_code_beside_mounted_packages(team: Team, names: Json, s3: S3Client, bucket: str) -> None:
    code = upload(s3, bucket, team.kube, "etl", daily_etl="import idna; print(idna.__file__, __file__)")
    team.kube.apply(flow("etl", code, names["slug"]))
    try:
        deployed(team.kube, "etl", 1)
        job = run(team.kube, "etl", "1")
        assert ended(team.kube, job) == "Complete"
        (pod,) = team.kube.list("pods", "-l", f"job-name={job}")
        assert mounted(pod) == [names["artifact"]["image"]]
        log = team.kube("logs", f"job/{job}", "-c", "flow").split()
        assert log == [f"/dagy/packages/{names['slug']}/idna/__init__.py", "/dagy/flow/daily_etl.py"]
    finally:
        team.kube("delete", "fd", "etl", "--timeout=60s")


def test_a_debugger_mounts_the_same(team: Team, names: Json, tmp_path: Path) -> None:
    """As docs/attach.md says it."""
    team.kube.apply(team.pod("stays", names["slug"], "import signal; signal.pause()"))
    team.kube("wait", "--for=condition=Ready", "pod/stays", "--timeout=60s")
    folder = f"/dagy/packages/{names['slug']}"
    mount = {"name": f"dagy-attach-{names['slug'].lower()}", "mountPath": folder, "readOnly": True}
    custom = tmp_path / "custom.json"
    custom.write_text(json.dumps({"volumeMounts": [mount], "env": [{"name": "PYTHONPATH", "value": folder}]}))
    options = [f"--image={team.image}", "--container=look", "--profile=restricted", f"--custom={custom}"]
    team.kube("debug", "stays", *options, "--", PYTHON, "-c", "import idna; print(idna.__file__)")
    try:
        eventually(lambda: '"terminated"' in _debugger(team.kube), "the debugger ends")
        assert team.kube("logs", "stays", "-c", "look").strip() == f"{folder}/idna/__init__.py"
    finally:
        team.kube("delete", "pod", "stays", "--grace-period=0", "--force")


def test_who_does_not_name_the_secret_gets_the_init_container(team: Team, names: Json) -> None:
    other = {"imagePullSecrets": [{"name": "another"}]}
    pod, log = team.ran("without-secret", names["slug"], "import idna; print(idna.__version__)", **other)
    assert log == "3.7"
    assert not mounted(pod)
    (one,) = attached(pod)
    assert one["by"] == "InitContainer"
    assert PULL_SECRET in one["because"]


def test_who_has_no_secret_mounts_nobodys_image(team: Team, names: Json, admin: Kube) -> None:
    """Neither from the registry nor because the node has it: the kubelet asks for credentials every time."""
    with own_namespace(admin) as kube:
        stranger = Team(kube, team.registry, team.image)
        volume = {"name": "x", "image": {"reference": names["artifact"]["image"]}}
        pod = stranger.pod("thief", "", "import os; print(os.listdir('/x'))", volumes=[volume])
        pod["spec"]["containers"][0]["volumeMounts"] = [{"name": "x", "mountPath": "/x"}]
        kube.apply(pod)
        stranger.waits_with("thief", "ErrImagePull")
        assert kube.get("pod", "thief")["status"]["phase"] == "Pending"


def test_a_rebuild_pulls_what_has_changed(team: Team) -> None:
    """One small distribution, then one large: bytes by the registry's own log."""
    lists = [
        ("numpy==2.2.5", "lxml==5.3.2", "idna==3.10"),
        ("numpy==2.2.5", "lxml==5.3.2", "idna==3.6"),
        ("numpy==2.2.5", "lxml==5.3.1", "idna==3.6"),
    ]
    image_registry.forget_images()
    kept: dict[str, int] = {}
    pulled: list[int] = []
    sizes: list[dict[str, int]] = []
    for number, requirements in enumerate(lists):
        status = (team.rebuilt if number else team.built)("grows", *requirements)
        layers = team.registry.layers(status["artifact"]["image"])
        since = len(team.registry.server.requests())
        _, log = team.ran(f"grows-{number}", status["slug"], "import numpy, lxml.etree, idna; print(idna.__version__)")
        assert log == requirements[-1].partition("==")[2]
        sent = team.registry.pulled(since)
        assert sent == {digest: size for digest, size in layers.items() if digest not in kept}
        pulled.append(sum(sent.values()))
        sizes.append({digest: size for digest, size in layers.items() if digest not in kept})
        kept |= layers
    large = 1 << 20
    assert pulled[0] > 15 * large
    assert max(sizes[1].values()) < large / 2, "neither numpy nor lxml"
    assert [size for size in sizes[2].values() if size > large] == [max(sizes[2].values())], "lxml alone"
    assert pulled[2] < pulled[0] / 3


def test_an_image_that_is_gone_is_told_and_pushed_again(team: Team) -> None:
    status = team.built("gone", "idna==3.5")
    image = status["artifact"]["image"]
    team.registry.delete(image)
    team.kube.apply(team.pod("waits", status["slug"], "import idna"))
    team.waits_with("waits", "not found")
    assert image in json.dumps(team.kube.get("pod", "waits")["status"])
    _, log = _by_init_container(team, "meanwhile", status["slug"])
    assert log == "3.5"
    _request_build(team.kube, "gone")
    eventually(lambda: team.registry.manifest(image) is not None, "the image is there again", 120)
    _, log = team.ran("again", status["slug"], "import idna; print(idna.__version__)")
    assert log == "3.5"


def test_a_registry_that_is_away_holds_nothing_up(team: Team) -> None:
    """The package is COMPLETED meanwhile; the condition says what is wrong and how it is pushed afterwards."""
    with team.registry.away():
        team.kube.apply(package("alone", "idna==3.4"))
        assert team.kube.wait("alone", "Ready")["status"]["phase"] == "COMPLETED"
        told = condition(_pushed_or_not(team.kube, "alone"), "ImagePushed")
        assert told["reason"] == "RegistryUnreachable"
        status = team.kube.get("dp", "alone")["status"]
        pod, log = team.ran("alone", status["slug"], "import idna; print(idna.__version__)")
        assert (log, mounted(pod)) == ("3.4", [])
    assert f"kubectl -n {team.kube.namespace} annotate deppackage alone dagy.io/build=" in told["message"]
    _request_build(team.kube, "alone")
    artifact = team.kube.wait("alone", "ImagePushed")["status"]["artifact"]
    assert artifact["sha256"] == status["artifact"]["sha256"]
    assert team.registry.manifest(artifact["image"])


def test_a_wrong_login_is_told(team: Team, admin: Kube) -> None:
    image_registry.apply(admin, team.registry.secret(PUSH_SECRET, BUILDS, "wrong"))
    try:
        team.kube.apply(package("denied", "idna==3.3"))
        assert team.kube.wait("denied", "Ready")["status"]["phase"] == "COMPLETED"
        told = condition(_pushed_or_not(team.kube, "denied"), "ImagePushed")
        assert told["reason"] == "RegistryAccessDenied"
        assert "DAGY_OCI_SECRET" in told["message"]
    finally:
        image_registry.apply(admin, team.registry.secret(PUSH_SECRET, BUILDS))


def test_an_image_goes_with_its_package(team: Team) -> None:
    image = team.built("ends", "idna==3.2")["artifact"]["image"]
    assert team.registry.manifest(image)
    team.kube("delete", "dp", "ends", "--timeout=60s")
    assert team.registry.manifest(image) is None


def _debugger(kube: Kube) -> str:
    return json.dumps(kube.get("pod", "stays")["status"].get("ephemeralContainerStatuses"))


def _pushed_or_not(kube: Kube, name: str) -> Json:
    """The package once it is known that its image was not pushed."""
    return kube.until(name, lambda dp: condition(dp, "ImagePushed").get("status") == "False")


def _by_init_container(team: Team, name: str, slug: str) -> tuple[Json, str]:
    pod = team.pod(name, slug, "import idna; print(idna.__version__)")
    pod["metadata"]["annotations"]["dagy.io/attach-mode"] = "InitContainer"
    team.kube.apply(pod)
    team.kube("wait", "--for=jsonpath={.status.phase}=Succeeded", f"pod/{name}", "--timeout=90s")
    return team.kube.get("pod", name), team.kube("logs", name).strip()


def _request_build(kube: Kube, name: str) -> None:
    kube("annotate", "deppackage", name, f"dagy.io/build={uuid.uuid4().hex[:8]}", "--overwrite")
