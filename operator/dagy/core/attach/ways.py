"""How each package of a pod gets there: as an image volume, or by the init container. Pure.

An image volume (Kubernetes' `volumes[].image`, KEP-4639) is one copy on a node that its pods share, and needs no init
container. It needs an image of the artifact, an API server, kubelet and container runtime that can, and a registry that
lets the node in. None of that can be mended once the pod is there, so whatever is not known to be so speaks against it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from dagy.core.attach import refusals
from dagy.core.attach.pin import Attachment, Pinned
from dagy.core.attach.refusals import Refusal
from dagy.core.attach.request import AttachMode, AttachRequest
from dagy.core.common.commands import request_build
from dagy.core.common.images import own_digest
from dagy.model import constants as names

Release = tuple[int, int]
_FIRST_RELEASE: Release = (1, 36)
"""Of API server and kubelet: the first release in which nobody can turn image volumes off."""
_FIRST_RUNTIMES: Mapping[str, Release] = {"containerd": (2, 1), "cri-o": (1, 36)}
_NUMBERS = re.compile(r"v?([0-9]{1,4})\.([0-9]{1,4})")


def release_in(text: str) -> Release | None:
    """Return major and minor of a version; None for a text that begins with none."""
    found = _NUMBERS.match(text)
    return (int(found[1]), int(found[2])) if found else None


@dataclass(frozen=True)
class NodeKind:
    """What nodes of one kind say of themselves (`status.nodeInfo`)."""

    architecture: str
    kubelet: str
    """Such as v1.36.3."""
    runtime: str
    """Such as containerd://2.4.2."""

    @property
    def obstacle(self) -> str:
        """The reason that these nodes mount no image volumes, as a clause; empty when they do."""
        kubelet = release_in(self.kubelet)
        if kubelet is None or kubelet < _FIRST_RELEASE:
            return f"a node has kubelet {self.kubelet}, and image volumes need {_shown(_FIRST_RELEASE)}"
        name, _, version = self.runtime.partition("://")
        first, release = _FIRST_RUNTIMES.get(name), release_in(version)
        if first is None:
            return f"a node has the container runtime {name}, of which nothing is known"
        if release is None or release < first:
            return f"a node has {name} {version}, and image volumes need {_shown(first)}"
        return ""


@dataclass(frozen=True)
class Cluster:
    """What is known of the cluster; nothing, as long as nobody has looked."""

    server: Release | None = None
    """Release of the API server."""
    nodes: frozenset[NodeKind] | None = None
    """Every kind of Linux node that packages may run on."""

    def server_obstacle(self) -> str:
        """Return the reason that the API server takes no image volumes; empty when it does or is not known."""
        if self.server and self.server < _FIRST_RELEASE:
            present, needed = _shown(self.server), _shown(_FIRST_RELEASE)
            return f"the API server is Kubernetes {present}, and image volumes need {needed}"
        return ""

    def obstacle(self, architecture: str | None) -> str:
        """Return the reason that a pod may end up where image volumes are not known to work; empty when there is none.

        `architecture`: the CPU that its node is bound to have; None when any will do.
        """
        if self.server is None or self.nodes is None:
            return "it is not known yet what the cluster's nodes can do"
        fitting = [node for node in self.nodes if architecture in (None, node.architecture)]
        if not fitting:
            return "there is no node that the pod could run on, so what its node can do is not known"
        return next(filter(None, sorted(node.obstacle for node in fitting)), "")


@dataclass(frozen=True)
class ImageVolumes:
    """The administrator's settings for image volumes."""

    mode: AttachMode = AttachMode.AUTO
    """For pods that choose none themselves."""
    pull_secret: str = ""
    """Secret that a pod must name among its imagePullSecrets; empty where nodes need none."""


@dataclass(frozen=True)
class Ways:
    """By slug: the image that is mounted, or the reason that the init container brings the package."""

    images: Mapping[str, str] = field(default_factory=dict)
    because: Mapping[str, str] = field(default_factory=dict)

    def needs_init_container(self, attachment: Attachment) -> bool:
        """Return True when something is not mounted as an image; a flow's own code never is."""
        return bool(attachment.flow) or any(p.slug not in self.images for p in attachment.packages)


@dataclass(frozen=True)
class _Obstacle:
    """The reason that a package is not mounted as an image, as a clause, and what to do about it."""

    because: str
    advice: str


def choose(request: AttachRequest, attachment: Attachment, settings: ImageVolumes, cluster: Cluster) -> Ways | Refusal:
    """Return the way of each package. With mode Auto none is refused.

    Mode ImageVolume is the word of somebody who knows the nodes: they are not looked at, and what can't be had is
    refused.
    """
    mode = request.mode or settings.mode
    images: dict[str, str] = {}
    because: dict[str, str] = {}
    for package in attachment.packages:
        if mode is AttachMode.INIT_CONTAINER:
            who = "the pod" if request.mode else "the installation"
            because[package.slug] = f"{who} asks for it"
            continue
        obstacle = _certain(package, request, settings, cluster)
        if obstacle and mode is AttachMode.IMAGE_VOLUME:
            return refusals.image_unavailable(package.label, obstacle.because, obstacle.advice)
        doubt = "" if mode is AttachMode.IMAGE_VOLUME else _doubt(request, attachment, package, settings, cluster)
        if obstacle or doubt:
            because[package.slug] = obstacle.because if obstacle else doubt
        else:
            images[package.slug] = str(package.artifact.image)
    return Ways(images, because)


def _certain(package: Pinned, request: AttachRequest, settings: ImageVolumes, cluster: Cluster) -> _Obstacle | None:
    """Return what would keep the pod from starting with this package's image, on whichever node."""
    if not package.home.location.registry:
        return _Obstacle("this installation has no registry", "An administrator names one by DAGY_OCI_REPOSITORY.")
    if own_digest(package.artifact, package.home) is None:
        return _Obstacle(
            "its artifact has no image in this installation's registry",
            f"Its condition ImagePushed says why; build it again: `{request_build(package.key)}`.",
        )
    named = request.pull_secrets
    if settings.pull_secret and named is not None and settings.pull_secret not in named:
        return _Obstacle(
            f"the pod does not name the Secret {settings.pull_secret} among its imagePullSecrets",
            "Make that Secret in the pod's namespace and add it to the imagePullSecrets of the pod's service account.",
        )
    too_old = cluster.server_obstacle()
    return _Obstacle(too_old, "It takes an upgrade.") if too_old else None


def _doubt(
    request: AttachRequest, attachment: Attachment, package: Pinned, settings: ImageVolumes, cluster: Cluster
) -> str:
    """Return what speaks against the image, unless somebody knows better; empty when nothing does."""
    if request.in_memory:
        return f"annotation {names.ATTACH_MEDIUM} asks for memory"
    if request.own_runtime:
        return f"the pod has {request.own_runtime}, and whether image volumes work with that is not known"
    supplier = package.key.namespace
    if settings.pull_secret and supplier != request.namespace:
        return f"it is not known whether the Secret {settings.pull_secret} opens images of namespace {supplier}, too"
    bound = request.architecture or attachment.architecture
    obstacle = cluster.obstacle(bound)
    if obstacle:
        return obstacle
    # What runtimes make of an image for another CPU, whose files would do for any, differs.
    possible = {bound} if bound else {node.architecture for node in cluster.nodes or ()}
    others = sorted(possible - {package.artifact.architecture})
    return f"its image is for {package.artifact.architecture}, and the pod may run on {others[0]}" if others else ""


def _shown(release: Release) -> str:
    return ".".join(map(str, release))
