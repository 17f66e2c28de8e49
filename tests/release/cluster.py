"""A cluster as a user has it before DAGY comes: Kubernetes, a bucket, and images that nodes can pull."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.cluster import addons, deploy, images, node, s3
from tests.cluster.__main__ import alone
from tests.cluster.image_sources import BASE, BUILDER, BUILDER_NAME, OPERATOR, OPERATOR_NAME, PAUSE, S3
from tests.cluster.kube import apply_objects, kubectl
from tests.cluster.layout import S3_NODE_PORT, Layout, current_layout
from tests.cluster.progress import Progress
from tests.cluster.shell import run
from tests.e2e.kube import Kube

DEPLOYMENTS = ("dagy-operator", "dagy-api", "dagy-webhook")
DEV = {OPERATOR_NAME: OPERATOR, BUILDER_NAME: BUILDER}
IMAGES = (PAUSE, BASE, S3, *DEV.values())
"""What runs there: Kubernetes' own, S3, and DAGY."""


@dataclass(frozen=True)
class UserCluster:
    """It, and what its owner knows."""

    layout: Layout
    running: node.Node
    s3: Mapping[str, str]
    """The bucket's address and keys, as pods use them."""
    digests: Mapping[str, str]
    """The images of this checkout: repository to digest."""

    @property
    def kube(self) -> Kube:
        """The administrator's kubectl."""
        return Kube(str(self.layout.bin / "kubectl"), str(self.layout.kubeconfig), "default")

    def helm(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run Helm; exit code and what it said."""
        argv = [self.layout.bin / "helm", *arguments, f"--kubeconfig={self.layout.kubeconfig}"]
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=300)

    def publish(self, tag: str) -> None:
        """Let the node have the images under a release's names: by tag and by digest."""
        for repository, image in DEV.items():
            for name in (f"{repository}:{tag}", f"{repository}@{self.digests[repository]}"):
                run([*images.ctr(self.layout), "images", "tag", "--force", image.name, name])

    def await_running(self) -> None:
        """Until all of DAGY runs. The walls are opened to this cluster's name server, which is on the host."""
        names = [addons.dns_policy(self.running.addresses, namespace) for namespace in deploy.WALLED]
        apply_objects(self.layout, names)
        for name in DEPLOYMENTS:
            status = ("rollout", "status", f"deployment/{name}", "--namespace=dagy-system", "--timeout=180s")
            kubectl(self.layout, *status)


@contextmanager
def user_cluster(folder: Path) -> Iterator[UserCluster]:
    """Start one, with a state folder of its own and the programs and images of the usual one; it ends with the block."""
    usual, own, progress = current_layout(), Layout(folder / "cluster"), Progress()
    with alone(usual, progress):
        archives = {image: images.build(usual, progress, image) for image in IMAGES}
    own.cache.mkdir(parents=True)
    own.bin.mkdir()
    for file in (*usual.bin.iterdir(), *archives.values()):
        shutil.copy2(file, own.root / file.relative_to(usual.root))
    try:
        running = node.start(own, progress)
        addons.apply(own, running.addresses)
        node.await_ready(own, progress)
        digests = {
            image.name: images.load(own, progress, image, own.cache / archive.name)
            for image, archive in archives.items()
        }
        keys = _bucket(own, running)
        yield UserCluster(own, running, keys, {name: digests[image.name] for name, image in DEV.items()})
    finally:
        node.clear(own)
        shutil.rmtree(own.root)


def _bucket(layout: Layout, running: node.Node) -> dict[str, str]:
    """S3 with a bucket; its address and keys as pods use them."""
    keys = {
        "AWS_ACCESS_KEY_ID": secrets.token_hex(10),
        "AWS_SECRET_ACCESS_KEY": secrets.token_hex(20),
        "AWS_REGION": s3.REGION,
        "DAGY_S3_BUCKET": s3.BUCKET,
    }
    objects = [one for one in yaml.safe_load_all((deploy.OVERLAY / "s3.yaml").read_text()) if one]
    apply_objects(layout, [one for one in objects if one["kind"] == "Namespace"])
    apply_objects(layout, [*objects, s3.secret("dagy-s3", keys)])
    kubectl(layout, "rollout", "status", "deployment/versitygw", "--namespace=dagy-s3", "--timeout=180s")
    s3.create_bucket({**keys, "AWS_ENDPOINT_URL": f"http://{running.addresses.node_ip}:{S3_NODE_PORT}"})
    return {**keys, "AWS_ENDPOINT_URL": s3.IN_CLUSTER}
