"""`make up CLUSTER=current`: the cluster of the present kubeconfig, kind and others, instead of one of our own."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import node
from .image_sources import BUILDER, OPERATOR, Image, build_context
from .kube import kubectl
from .layout import ClusterError, Layout
from .pki import write_secret
from .progress import Progress
from .shell import follow, run


@dataclass(frozen=True)
class Delivery:
    """The way of images into a cluster."""

    load: list[str]
    """The command that an archive's path is appended to; empty to push instead."""
    registry: str = ""


def delivery(context: str, registry: str) -> Delivery:
    """Return the way of images into the cluster of a kubeconfig context. Raises ClusterError when there is none.

    The names of contexts are those that kind, k3d and minikube give.
    """
    if registry:
        return Delivery([], registry.rstrip("/"))
    for prefix, argv in {
        "kind-": ["kind", "load", "image-archive", "--name"],
        "k3d-": ["k3d", "image", "import", "--cluster"],
    }.items():
        if context.startswith(prefix):
            return Delivery([*argv, context.removeprefix(prefix)])
    if context == "minikube":
        return Delivery(["minikube", "image", "load"])
    raise ClusterError(
        f"The kubeconfig's context {context} is none of kind, k3d or minikube, so images can only reach it through a"
        " registry: run `make up CLUSTER=current REGISTRY=registry.example.com/dagy` with one that you may push to."
    )


def engine(which: Callable[[str], str | None] = shutil.which) -> str:
    """The program that builds images: docker or podman. Raises ClusterError when there is neither."""
    for name in ("docker", "podman"):
        if which(name):
            return name
    raise ClusterError("Neither docker nor podman is installed, and one of them must build the images: install one.")


def is_own(layout: Layout) -> bool:
    """Return True when the present kubeconfig is that of the node in this state folder."""
    present = os.environ.get("KUBECONFIG")
    own = node.load(layout)
    return own is not None and own.is_alive() and present is not None and Path(present).resolve() == layout.kubeconfig


def adopt(layout: Layout) -> str:
    """Keep the present context's kubeconfig in the state folder, as if it were our own; returns the context's name."""
    own = node.load(layout)
    if own is not None and own.is_alive():
        raise ClusterError(
            f"{layout.root} holds a running cluster of its own: end it with `make down`, or set DAGY_CLUSTER_DIR to"
            " another folder."
        )
    context = run(["kubectl", "config", "current-context"]).strip()
    layout.root.mkdir(parents=True, exist_ok=True)
    write_secret(layout.kubeconfig, run(["kubectl", "config", "view", "--minify", "--flatten", "--raw"]).encode())
    return context


def node_address(layout: Layout) -> str:
    """An address at which node ports are reached: the first node's InternalIP. Raises ClusterError without one."""
    nodes = json.loads(kubectl(layout, "get", "nodes", "-o", "json"))["items"]
    for address in (a for n in nodes for a in n["status"].get("addresses", [])):
        if address["type"] == "InternalIP":
            return str(address["address"])
    raise ClusterError("The cluster's nodes have no InternalIP, so its S3 can't be reached from here.")


def deliver(layout: Layout, progress: Progress, how: Delivery) -> tuple[dict[str, str], dict[str, str]]:
    """Build the project's images and bring them into the cluster; returns digests and new names, by image name."""
    program = engine()
    digests, names = {}, {}
    for image in (BUILDER, OPERATOR):
        with progress.step(f"Image {image.name}") as step:
            name = f"{how.registry}/{image.name.rpartition('/')[2]}" if how.registry else image.name
            names[image.name] = name
            digests[image.name] = _build(layout, image, program, name, step.say)
        with progress.step(f"Bring {name} into the cluster") as step:
            log = layout.logs / f"deliver-{image.slug}.log"
            if how.registry:
                follow([program, "push", name], log=log, say=step.say)
            else:
                archive = layout.cache / f"{image.slug}.{program}.tar"
                run([program, "save", "--output", str(archive), name])
                follow([*how.load, str(archive)], log=log, say=step.say)
                archive.unlink()
    return digests, names


def _build(layout: Layout, image: Image, program: str, name: str, say: Callable[[str], None]) -> str:
    with build_context(layout, image, say) as context:
        log = layout.logs / f"image-{image.slug}.log"
        argv = [program, "build", f"--file={context / image.dockerfile}", f"--tag={name}", str(context)]
        follow(argv, log=log, say=say)
    return run([program, "image", "inspect", "--format={{.Id}}", name]).strip()
