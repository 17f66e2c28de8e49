"""The operator's effects on packages, for tests that have an API server and no operator."""

from __future__ import annotations

import hashlib
import json
import subprocess
from typing import Any

from dagy.core.common.slug import new_slug
from dagy_builder.storage.store import ObjectStore
from tests.cluster.layout import current_layout

NOW = "2026-11-21T06:00:00Z"


class PlayedOperator:
    """Writes status, as the administrator."""

    def __init__(self, kubeconfig: str, objects: ObjectStore) -> None:
        self._kubeconfig, self._objects = kubeconfig, objects

    def kubectl(self, *arguments: str, stdin: Any = None) -> str:
        """Run kubectl; return its output."""
        argv = [str(current_layout().bin / "kubectl"), f"--kubeconfig={self._kubeconfig}", *arguments]
        text = None if stdin is None else json.dumps(stdin)
        done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False, timeout=60)
        assert not done.returncode, done.stderr
        return done.stdout

    def get(self, namespace: str, name: str, kind: str = "deppackage") -> dict[str, Any]:
        """Return the object."""
        found: dict[str, Any] = json.loads(self.kubectl("get", kind, name, "-n", namespace, "-o", "json"))
        return found

    def completes(self, namespace: str, name: str, content: bytes = b"PK") -> str:
        """Give the package a slug and a ZIP with this content. Return the slug."""
        slug = self._slug(namespace, name)
        uid, sha256 = self.get(namespace, name)["metadata"]["uid"], hashlib.sha256(content).hexdigest()
        key = f"{namespace}/{slug}/{uid}/{sha256[:16]}-cp312-manylinux_2_28_x86_64-{sha256[:16]}.zip"
        self._objects.put(key, content, "application/zip")
        uri = f"s3://{self._objects.bucket}/{key}"
        artifact = {
            "uri": uri, "sha256": sha256, "contentSha256": sha256, "sizeBytes": len(content), "uncompressedBytes": 10,
            "fileCount": 1, "packageCount": 1, "pythonVersion": "3.12", "architecture": "amd64", "glibc": "2.28",
            "zipImportable": True, "lockHash": sha256, "lockUri": uri, "builtAt": NOW,
        }  # fmt: skip
        self._status(namespace, name, slug, "COMPLETED", "Ready.", artifact=artifact, s3Uri=uri)
        return slug

    def refuses(self, namespace: str, name: str, message: str) -> str:
        """Refuse the package's requirements, as ones that don't resolve. Return its slug."""
        slug = self._slug(namespace, name)
        errors = [{"message": message, "hint": "Relax it."}]
        self._status(
            namespace, name, slug, "INVALID", message, validation={"specHash": "x", "time": NOW, "errors": errors}
        )
        return slug

    def works(self, namespace: str, name: str) -> str:
        """Show the package as being built. Return its slug."""
        slug = self._slug(namespace, name)
        self._status(namespace, name, slug, "INSTALLING", "uv installs the locked packages.")
        return slug

    def cancels(self, namespace: str, name: str) -> None:
        """Show the package as stopped."""
        self._status(namespace, name, self._slug(namespace, name), "FAILED", "Somebody cancelled it.")

    def _slug(self, namespace: str, name: str) -> str:
        known = self.get(namespace, name).get("status", {}).get("slug")
        if known:
            return str(known)
        slug = new_slug()
        spec = {"slug": slug, "namespace": namespace, "name": name}
        claim = {"apiVersion": "dagy.io/v1", "kind": "SlugClaim", "metadata": {"name": slug.lower()}, "spec": spec}
        self.kubectl("create", "-f", "-", stdin=claim)
        return slug

    def _status(self, namespace: str, name: str, slug: str, phase: str, message: str, **more: Any) -> None:
        package = self.get(namespace, name)
        annotations = package["metadata"].get("annotations", {})
        states = {"Ready": phase == "COMPLETED", "Settled": phase in ("COMPLETED", "INVALID", "FAILED")}
        conditions = [
            {"type": kind, "status": str(true), "reason": "Test", "message": message, "lastTransitionTime": NOW}
            for kind, true in states.items()
        ]
        handled = {
            f"lastHandled{verb.capitalize()}": annotations[f"dagy.io/{verb}"]
            for verb in ("validate", "build", "refresh", "cancel")
            if f"dagy.io/{verb}" in annotations
        }
        status = {
            "observedGeneration": package["metadata"]["generation"], "slug": slug, "phase": phase, "message": message,
            "dependencies": sorted(package["spec"]["dependencies"]), "conditions": conditions, **handled, **more,
        }  # fmt: skip
        patch = json.dumps({"status": status})
        self.kubectl("patch", "dp", name, "-n", namespace, "--subresource=status", "--type=merge", "-p", patch)
