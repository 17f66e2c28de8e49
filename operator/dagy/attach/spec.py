"""Task of the init container, and its folders: the words that admission and the init container share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

ROOT = "/dagy"
PACKAGES = f"{ROOT}/packages"
FLOW = f"{ROOT}/flow"
TOKEN_FOLDER = "/var/run/secrets/dagy.io"  # noqa: S105 a folder, no token
TOKEN_FILE = "token"  # noqa: S105
SPEC_VARIABLE = "DAGY_ATTACH"
AUTHORITY_VARIABLE = "DAGY_API_CA"
SIGN_PATH = "/artifacts:sign"


def package_folder(root: Path, slug: str) -> Path:
    """Return the folder of a package's files, below `root`."""
    return root / "packages" / slug


class AttachItem(NamedTuple):  # no dataclass: that would import inspect, for 10 ms of each pod's start
    """One ZIP to bring. `slug` is empty for the flow's own code."""

    slug: str
    sha256: str
    size_bytes: int
    uncompressed_bytes: int
    """Most bytes that come out of it."""

    def folder(self, root: Path) -> Path:
        """Return the folder of its files, below `root`."""
        return package_folder(root, self.slug) if self.slug else root / "flow"

    @property
    def label(self) -> str:
        """Its name in messages."""
        return f"package {self.slug}" if self.slug else "the flow's own code"

    @property
    def when_gone(self) -> str:
        """Advice for when somebody has deleted it in the bucket."""
        if not self.slug:
            return "Deploy the flow again."
        return (
            "The operator looks once an hour whether it is there, and builds it again; the package's annotation "
            "dagy.io/build with a new value has it built now."
        )


class AttachSpec(NamedTuple):
    """Everything that a pod needs. No credential is part of it."""

    api_url: str
    items: tuple[AttachItem, ...]
    namespace: str = ""
    """Namespace of the flow's deployment."""
    deployment: str = ""
    """Name of the flow's deployment."""
    mount_points: tuple[str, ...] = ()
    """Slugs of packages that are mounted as images: the volume is read-only by then, so their folders must be there."""

    def to_text(self) -> str:
        """Return the spec as the value of an environment variable."""
        told = {name: value for name, value in self._asdict().items() if value}
        return json.dumps({**told, "items": [item._asdict() for item in self.items]}, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read what `to_text` wrote. Raises ValueError, TypeError or KeyError for anything else."""
        data: dict[str, Any] = json.loads(text)
        items = tuple(AttachItem(**item) for item in data["items"])
        return cls(**{**data, "items": items, "mount_points": tuple(data.get("mount_points", ()))})

    def sign_request(self) -> Mapping[str, Any]:
        """Return the body of the API's request for URLs."""
        body: dict[str, Any] = {
            "artifacts": [{"slug": item.slug, "sha256": item.sha256} for item in self.items if item.slug]
        }
        for item in self.items:
            if not item.slug:
                where = {"namespace": self.namespace, "deployment": self.deployment}
                body["flow_artifact"] = {**where, "sha256": item.sha256}
        return body
