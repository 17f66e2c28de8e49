"""Who is mounted as an image and who comes by the init container: a table of worlds, and what holds in all of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy.core.attach.pin import Attachment, AttachReason, Pinned, Refusal, request_of_pod
from dagy.core.attach.request import AttachMode, AttachRequest
from dagy.core.attach.ways import Cluster, ImageVolumes, NodeKind, Ways, choose, release_in
from dagy.core.common.keys import Location
from dagy.model.status import ArtifactStatus
from tests.fakes.attachable import ONE, TWO, A, B, artifact, candidate

REGISTRY = "registry.example:5000/dagy"
NODE = NodeKind("amd64", "v1.36.3", "containerd://2.4.2")
CLUSTER = Cluster((1, 36), frozenset({NODE}))
AUTO, IMAGE, INIT = AttachMode.AUTO, AttachMode.IMAGE_VOLUME, AttachMode.INIT_CONTAINER


def image(slug: str, namespace: str = "team-a", registry: str = REGISTRY, digest: str = "d" * 64) -> str:
    return f"{registry}/{namespace}/{slug.lower()}@sha256:{digest}"


def package(slug: str, found: ArtifactStatus, reference: str | None, registry: str = REGISTRY) -> Pinned:
    home = candidate(slug).home
    in_registry = replace(home, location=Location("b", registry=registry))
    return Pinned(in_registry, found.model_copy(update={"image": reference}))


@dataclass(frozen=True)
class Scene:
    """A pod that asks for A, which has an image, in a cluster that can; each row changes something."""

    mode: AttachMode = AUTO
    annotations: dict[str, str] = field(default_factory=dict)
    spec: dict[str, Any] = field(default_factory=dict)
    reference: str | None = image(A)
    native: bool = True
    repository: str = REGISTRY
    secret: str = ""
    cluster: Cluster = CLUSTER
    namespace: str = "team-a"
    """The pod's; the package is of team-a."""

    def choice(self) -> Ways | Refusal:
        pod = {"metadata": {"annotations": {"dagy.io/dep-packages": A, **self.annotations}}, "spec": self.spec}
        request = request_of_pod(pod, self.namespace)
        assert isinstance(request, AttachRequest), request
        mine = package(A, artifact(ONE, native=self.native), self.reference, self.repository)
        return choose(request, Attachment((mine,)), ImageVolumes(self.mode, self.secret), self.cluster)


def nodes(*kinds: NodeKind, server: tuple[int, int] | None = (1, 36)) -> Cluster:
    return Cluster(server, frozenset(kinds))


OLD_NODE = replace(NODE, kubelet="v1.35.9")
ARM = replace(NODE, architecture="arm64", runtime="containerd://1.7.27")
NEW_ARM = replace(NODE, architecture="arm64")
WANTS_IMAGE, WANTS_INIT = {"dagy.io/attach-mode": "ImageVolume"}, {"dagy.io/attach-mode": "InitContainer"}
SECRETS = {"imagePullSecrets": [{"name": "other"}, {"name": "dagy-pull"}]}
NO_IMAGE = "its artifact has no image in this installation's registry"
UNKNOWN = "it is not known yet what the cluster's nodes can do"
OTHER_CPU = "its image is for amd64, and the pod may run on arm64"
NO_NODE = "there is no node that the pod could run on, so what its node can do is not known"

BY_IMAGE: list[Scene] = [
    Scene(),
    Scene(mode=IMAGE),
    Scene(mode=INIT, annotations=WANTS_IMAGE),
    Scene(mode=INIT, annotations={"dagy.io/attach-mode": "Auto"}),
    Scene(secret="dagy-pull", spec=SECRETS),
    Scene(cluster=nodes(NODE, replace(NODE, kubelet="v1.37.0-rc.1+k3s1", runtime="cri-o://1.37.0"))),
    Scene(cluster=nodes(NODE, ARM)),  # native: the pod gets a node selector
    Scene(cluster=nodes(replace(NODE, runtime="containerd://2.1.0-k3s1"), server=(2, 0))),
    Scene(native=False),
    Scene(native=False, cluster=nodes(NODE, NEW_ARM), spec={"nodeSelector": {"kubernetes.io/arch": "amd64"}}),
    Scene(native=False, cluster=nodes(NODE, NEW_ARM), mode=IMAGE),
    Scene(cluster=nodes(NODE, NEW_ARM)),
    Scene(namespace="team-b"),
    Scene(namespace="team-b", mode=IMAGE, secret="dagy-pull", spec=SECRETS),
    # Somebody who knows better is believed.
    Scene(annotations=WANTS_IMAGE, cluster=Cluster()),
    Scene(mode=IMAGE, cluster=nodes(OLD_NODE)),
    Scene(annotations={**WANTS_IMAGE, "dagy.io/attach-medium": "Memory"}),
    Scene(mode=IMAGE, spec={"runtimeClassName": "gvisor"}),
    Scene(spec={"hostUsers": True}),
]
BY_INIT_CONTAINER: list[tuple[Scene, str]] = [
    (Scene(mode=INIT), "the installation asks for it"),
    (Scene(mode=IMAGE, annotations=WANTS_INIT), "the pod asks for it"),
    (Scene(annotations={"dagy.io/attach-medium": "Memory"}), "annotation dagy.io/attach-medium asks for memory"),
    (Scene(repository=""), "this installation has no registry"),
    (Scene(reference=None), NO_IMAGE),
    (Scene(reference=image(B)), NO_IMAGE),
    (Scene(reference=image(A, namespace="team-b")), NO_IMAGE),
    (Scene(reference=image(A, registry="evil.example/dagy")), NO_IMAGE),
    (Scene(reference=image(A).replace("@sha256:" + "d" * 64, ":latest")), NO_IMAGE),
    (Scene(reference=image(A, digest="d" * 63)), NO_IMAGE),
    (Scene(reference=image(A) + "\n"), NO_IMAGE),
    (Scene(secret="dagy-pull"), "the pod does not name the Secret dagy-pull among its imagePullSecrets"),
    (
        Scene(secret="dagy-pull", spec=SECRETS, namespace="team-b"),
        "it is not known whether the Secret dagy-pull opens images of namespace team-a, too",
    ),
    (
        Scene(spec={"runtimeClassName": "gvisor"}),
        "the pod has the runtime class gvisor, and whether image volumes work with that is not known",
    ),
    (
        Scene(spec={"hostUsers": False}),
        "the pod has a user namespace of its own (hostUsers), and whether image volumes work with that is not known",
    ),
    (Scene(cluster=Cluster()), UNKNOWN),
    (Scene(cluster=nodes(NODE, server=None)), UNKNOWN),
    (Scene(cluster=nodes(NODE, server=(1, 35))), "the API server is Kubernetes 1.35, and image volumes need 1.36"),
    (Scene(cluster=nodes()), NO_NODE),
    (Scene(cluster=nodes(ARM)), NO_NODE),
    (Scene(cluster=nodes(NODE, OLD_NODE)), "a node has kubelet v1.35.9, and image volumes need 1.36"),
    (Scene(native=False, cluster=nodes(NODE, ARM)), "a node has containerd 1.7.27, and image volumes need 2.1"),
    (Scene(native=False, cluster=nodes(NODE, NEW_ARM)), OTHER_CPU),
    (
        Scene(native=False, cluster=nodes(NODE, NEW_ARM), spec={"nodeSelector": {"kubernetes.io/arch": "arm64"}}),
        OTHER_CPU,
    ),
    (
        Scene(cluster=nodes(replace(NODE, runtime="docker://28.0"))),
        "a node has the container runtime docker, of which nothing is known",
    ),
    (
        Scene(cluster=nodes(replace(NODE, runtime="cri-o://1.35.2"))),
        "a node has cri-o 1.35.2, and image volumes need 1.36",
    ),
]
REFUSED: list[tuple[Scene, str]] = [
    (Scene(mode=IMAGE, repository=""), "An administrator names one by DAGY_OCI_REPOSITORY."),
    (
        Scene(annotations=WANTS_IMAGE, reference=None),
        'Its condition ImagePushed says why; build it again: `kubectl -n team-a annotate deppackage ml dagy.io/build="$(date +%s)" --overwrite`.',
    ),
    (Scene(mode=IMAGE, secret="dagy-pull"), "add it to the imagePullSecrets of the pod's service account."),
    (Scene(mode=IMAGE, cluster=nodes(NODE, server=(1, 34))), "because the API server is Kubernetes 1.34"),
]


@pytest.mark.parametrize("scene", BY_IMAGE)
def test_by_image(scene: Scene) -> None:
    assert scene.choice() == Ways({A: image(A)}, {})


@pytest.mark.parametrize(("scene", "because"), BY_INIT_CONTAINER)
def test_by_the_init_container(scene: Scene, because: str) -> None:
    assert scene.choice() == Ways({}, {A: because})


@pytest.mark.parametrize(("scene", "says"), REFUSED)
def test_refused_with_what_to_do(scene: Scene, says: str) -> None:
    found = scene.choice()
    assert isinstance(found, Refusal)
    assert found.reason is AttachReason.IMAGE_UNAVAILABLE
    assert found.message.startswith(f"Package team-a/ml ({A}) can't be mounted as an image volume, because ")
    assert says in found.message
    assert found.message.endswith(" Or let an init container bring it: annotation dagy.io/attach-mode: Auto.")


def test_a_template_does_not_name_the_secrets_of_its_service_account() -> None:
    template = AttachRequest("team-a", (), pull_secrets=None)
    mine = Attachment((package(A, artifact(ONE), image(A)),))
    for mode in (AUTO, IMAGE):
        assert choose(template, mine, ImageVolumes(mode, "dagy-pull"), CLUSTER) == Ways({A: image(A)}, {})


def test_each_package_has_a_way_of_its_own() -> None:
    both = Attachment((package(A, artifact(ONE), None), package(B, artifact(TWO), image(B))))
    request = AttachRequest("team-a", ())
    found = choose(request, both, ImageVolumes(), CLUSTER)
    assert found == Ways({B: image(B)}, {A: NO_IMAGE})
    assert found.needs_init_container(both)
    assert not found.needs_init_container(Attachment(both.packages[1:]))


@given(
    st.builds(
        Scene,
        mode=st.sampled_from([AUTO, INIT]),
        reference=st.sampled_from([None, image(A), image(B), ""]) | st.text(max_size=20),
        native=st.booleans(),
        repository=st.sampled_from(["", REGISTRY]),
        secret=st.sampled_from(["", "dagy-pull"]),
        spec=st.sampled_from([{}, SECRETS, {"imagePullSecrets": None}]),
        cluster=st.builds(
            Cluster,
            st.none() | st.tuples(st.integers(0, 2), st.integers(30, 40)),
            st.none() | st.frozensets(st.sampled_from([NODE, OLD_NODE, ARM, NodeKind("", "", "")])),
        ),
    )
)
def test_auto_refuses_nothing_and_mounts_only_the_packages_own_image(scene: Scene) -> None:
    found = scene.choice()
    assert isinstance(found, Ways)
    assert found.images == {A: image(A)} or (not found.images and found.because[A])


@pytest.mark.parametrize(
    ("text", "release"),
    [("v1.36.3", (1, 36)), ("1.36", (1, 36)), ("1.36+", (1, 36)), ("2.4.2~ds1", (2, 4)), ("", None), ("v1", None)],
)
def test_releases(text: str, release: tuple[int, int] | None) -> None:
    assert release_in(text) == release
