"""A namespace whose pods mount packages' images: its packages, its pods, and what came of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.e2e.image_registry import ClusterRegistry
from tests.e2e.kube import Json, Kube, KubectlError, eventually, package

PYTHON = "/opt/python/3.12/bin/python3"


@dataclass
class Team:
    """A namespace with the Secret that opens the registry, and its service account naming it."""

    kube: Kube
    registry: ClusterRegistry
    image: str
    """One that has Python 3.12."""

    def built(self, name: str, *requirements: str) -> Json:
        """A new package with its image; its status."""
        self.kube.apply(package(name, *requirements))
        return self.kube.wait(name, "ImagePushed")["status"]  # type: ignore[no-any-return]

    def rebuilt(self, name: str, *requirements: str) -> Json:
        """The package, with another list, and its next image; its status."""
        before = self.kube.get("dp", name)["status"]["artifact"]["image"]
        self.kube.apply(package(name, *requirements))
        new = self.kube.until(name, lambda dp: dp["status"].get("artifact", {}).get("image") not in (None, before))
        return new["status"]  # type: ignore[no-any-return]

    def pod(self, name: str, packages: str, code: str = "pass", **spec: Any) -> Json:
        """A pod under restricted pod security; with `packages` empty, one that is not ours."""
        annotations = {"dagy.io/dep-packages": packages, "dagy.io/python-version": "3.12"} if packages else {}
        hardened = {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        main = {"name": "main", "image": self.image, "securityContext": hardened, "command": [PYTHON, "-c", code]}
        security = {"runAsNonRoot": True, "runAsUser": 12345, "seccompProfile": {"type": "RuntimeDefault"}}
        inside = {"restartPolicy": "Never", "securityContext": security, "containers": [main], **spec}
        metadata = {"name": name, "annotations": annotations}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": inside}

    def ran(self, name: str, packages: str, code: str, **spec: Any) -> tuple[Json, str]:
        """A pod that has run to its end; it and its log."""
        self.kube.apply(self.pod(name, packages, code, **spec))
        try:
            self.kube("wait", "--for=jsonpath={.status.phase}=Succeeded", f"pod/{name}", "--timeout=90s")
        except KubectlError as error:
            raise KubectlError(f"{error}\n{json.dumps(self.kube.get('pod', name)['status'], indent=1)}") from None
        return self.kube.get("pod", name), self.kube("logs", name).strip()

    def waits_with(self, name: str, words: str) -> None:
        """Await that the kubelet says these words about the pod's container."""
        eventually(lambda: words in json.dumps(self.kube.get("pod", name).get("status")), f"{name} is told: {words}")


def attached(pod: Json) -> list[Json]:
    """What the annotation says of each package."""
    told = json.loads(pod["metadata"]["annotations"]["dagy.io/attached"])
    found: list[Json] = told["packages"] if isinstance(told, dict) else told
    return found


def mounted(pod: Json) -> list[str]:
    """Images that the pod mounts."""
    return [volume["image"]["reference"] for volume in pod["spec"]["volumes"] if "image" in volume]
