"""A release on a cluster that knows nothing of it: installed, upgraded, rolled back and removed, by Helm and by kubectl.

One scenario, in its order, on a cluster of its own: what stands there after one test is where the next one begins.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.image_sources import BUILDER_NAME, OPERATOR_NAME
from tests.cluster.kube import kubectl
from tests.cluster.layout import REPO
from tests.cluster.shell import run
from tests.e2e.kube import BUILDS, SYSTEM, Kube, condition, eventually, package, slow_package
from tests.release import chart
from tests.release.cluster import DEPLOYMENTS, UserCluster, user_cluster

pytestmark = pytest.mark.release

NOW, NEXT = "0.1.0", "0.2.0"
ORDER = ("PENDING", "VALIDATING", "VALID", "INSTALLING", "PACKAGING", "UPLOADING", "COMPLETED")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UserCluster]:
    """The cluster; two releases with the same images, which differ in their tags."""
    with user_cluster(tmp_path_factory.mktemp("installation")) as found:
        for tag in (NOW, NEXT):
            found.publish(tag)
        yield found


@pytest.fixture(scope="module")
def values(cluster: UserCluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the user writes down: the bucket, and this machine's authorities where it has some."""
    bundle = os.environ.get("SSL_CERT_FILE")
    given: dict[str, Any] = {"s3": dict(cluster.s3), "webhook": {"clients": list(cluster.running.addresses.api_server)}}
    given |= {"caBundle": Path(bundle).read_text()} if bundle else {}
    path = tmp_path_factory.mktemp("values") / "values.yaml"
    path.write_text(json.dumps(given))
    return path


def helm(cluster: UserCluster, *arguments: str | Path) -> str:
    done = cluster.helm(*arguments, "--namespace=dagy-system")
    assert done.returncode == 0, done.stderr
    return done.stdout


def install(cluster: UserCluster, values: Path) -> str:
    told = helm(cluster, "install", "dagy", chart.CHART, "--create-namespace", f"--values={values}")
    cluster.await_running()
    return told


def upgrade(cluster: UserCluster, tag: str, *more: str) -> None:
    tags = [f"--set=images.{one}.tag={tag}" for one in ("operator", "builder")]
    helm(cluster, "upgrade", "dagy", chart.CHART, "--reset-then-reuse-values", "--wait", *tags, *more)
    cluster.await_running()


def images_of(kube: Kube) -> set[str]:
    found = [kube.get("deployment", name, SYSTEM) for name in DEPLOYMENTS]
    return {one["spec"]["template"]["spec"]["containers"][0]["image"].rpartition(":")[2] for one in found}


def artifact(kube: Kube, name: str) -> Any:
    return kube.get("dp", name)["status"]["artifact"]


def test_helm_installs_it_and_a_first_package_is_built(cluster: UserCluster, values: Path) -> None:
    told = install(cluster, values)
    assert "kubectl label namespace dagy-system" in told
    cluster.kube.apply(package("first", "idna==3.6"))
    assert cluster.kube.wait("first", "Ready")["status"]["phase"] == "COMPLETED"


def test_an_upgrade_builds_nothing_again_and_sends_no_build_back(cluster: UserCluster) -> None:
    kube, before = cluster.kube, artifact(cluster.kube, "first")
    with kube.recording("dp", kube.namespace) as packages, kube.recording("jobs", BUILDS) as jobs:
        kube.apply(slow_package("in-flight", "idna==3.6", "certifi"))
        kube.until("in-flight", lambda dp: dp.get("status", {}).get("phase") == "INSTALLING")
        upgrade(cluster, NEXT)
        kube.wait("in-flight", "Ready")
    assert images_of(kube) == {NEXT}
    phases = [ORDER.index(phase) for phase in packages.phases("in-flight") if phase != "QUEUED"]
    assert phases == sorted(phases), packages.phases("in-flight")
    assert len(jobs.names()) == 2, "one validation, one build"
    assert artifact(kube, "first") == before


def test_rolled_back_it_goes_on(cluster: UserCluster) -> None:
    kube, before = cluster.kube, artifact(cluster.kube, "in-flight")
    helm(cluster, "rollback", "dagy", "1")
    cluster.await_running()
    assert images_of(kube) == {NOW}
    kube.apply(package("after", "six"))
    kube.wait("after", "Ready")
    assert artifact(kube, "in-flight") == before


def test_uninstalled_it_leaves_packages_where_they_are(cluster: UserCluster) -> None:
    kube = cluster.kube
    helm(cluster, "uninstall", "dagy", "--wait")
    eventually(
        lambda: not kube.list("namespaces", f"--field-selector=metadata.name={BUILDS}"), "the namespace has gone"
    )
    assert {dp["metadata"]["name"] for dp in kube.list("dp")} == {"first", "in-flight", "after"}


def test_installed_again_it_takes_them_up_and_builds_nothing(cluster: UserCluster, values: Path) -> None:
    kube, before = cluster.kube, artifact(cluster.kube, "first")
    with kube.recording("jobs", BUILDS) as jobs:
        install(cluster, values)
        kube.apply(package("first", "idna==3.6", displayName="Looked at"))
        kube.until("first", lambda dp: condition(dp, "Ready").get("observedGeneration") == dp["metadata"]["generation"])
    assert artifact(kube, "first") == before
    assert not jobs.names()


def test_packages_first_then_the_release_then_the_definitions(cluster: UserCluster) -> None:
    kube = cluster.kube
    kube("delete", "dp", "after", "--timeout=60s")
    helm(cluster, "uninstall", "dagy", "--wait")


def test_without_an_operator_packages_go_as_the_page_says(cluster: UserCluster) -> None:
    """Their finalizer would wait for it; the page has the command that lets them go."""
    kube = cluster.kube
    (script,) = re.findall(r"```sh\n(for kind in .*?)```", (REPO / "docs/install.md").read_text(), re.DOTALL)
    environment = {"KUBECONFIG": str(cluster.layout.kubeconfig), "PATH": f"{cluster.layout.bin}:{os.environ['PATH']}"}
    run(["bash", "-euc", script], env=environment)
    assert not kube.list("dp", "--all-namespaces")
    kube("delete", "crd", "deppackages.dagy.io", "flowdeployments.dagy.io", "slugclaims.dagy.io", "--timeout=60s")
    kube("delete", "namespace", SYSTEM, "--timeout=120s")


def test_install_yaml_and_three_commands_to_a_package(cluster: UserCluster, tmp_path: Path) -> None:
    """As the README says it, with images by digest."""
    kube = cluster.kube
    text = run([cluster.layout.bin / "kubectl", "kustomize", REPO / "manifests/base"])
    for repository, digest in cluster.digests.items():
        text = text.replace(f"{repository}:{NOW}", f"{repository}:{NOW}@{digest}")
    (tmp_path / "install.yaml").write_text(text)
    (tmp_path / "s3.env").write_text("".join(f"{name}={value}\n" for name, value in cluster.s3.items()))
    kubectl(cluster.layout, "apply", "--server-side", "-f", str(tmp_path / "install.yaml"))
    bundle = os.environ.get("SSL_CERT_FILE")
    for namespace in (SYSTEM, BUILDS):
        secret = ("secret", "generic", "dagy-s3", f"--from-env-file={tmp_path / 's3.env'}")
        kube("create", *secret, namespace=namespace)
        if bundle:
            authorities = ("configmap", "dagy-ca-bundle", f"--from-file=ca-certificates.crt={bundle}")
            kube("create", *authorities, namespace=namespace)
    cluster.await_running()
    kube.apply(package("first", "idna==3.6"))
    assert kube.wait("first", "Ready")["status"]["phase"] == "COMPLETED"


def test_helm_takes_over_what_kubectl_installed(cluster: UserCluster) -> None:
    kube, before = cluster.kube, artifact(cluster.kube, "first")
    ours = {"operator": OPERATOR_NAME, "builder": BUILDER_NAME}
    digests = [f"--set=images.{one}.digest={cluster.digests[name]}" for one, name in ours.items()]
    helm(cluster, "install", "dagy", chart.CHART, "--take-ownership", "--force-conflicts", *digests)
    cluster.await_running()
    assert images_of(kube) == {cluster.digests[OPERATOR_NAME].removeprefix("sha256:")}
    assert artifact(kube, "first") == before
    upgrade(cluster, NEXT, "--force-conflicts")
    found = kube.get("deployment", "dagy-operator", SYSTEM)["spec"]["template"]["spec"]["containers"][0]["image"]
    assert f":{NEXT}@sha256:" in found
