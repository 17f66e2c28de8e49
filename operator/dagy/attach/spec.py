"""Task of the init container, and its folders: the words that admission and the init container share."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

ROOT = "/dagy"
PACKAGES = f"{ROOT}/packages"
FLOW = f"{ROOT}/flow"
TOKEN_FOLDER = "/var/run/secrets/dagy.io"  # noqa: S105 a folder, no token
TOKEN_FILE = "token"  # noqa: S105
SPEC_VARIABLE = "DAGY_ATTACH"
AUTHORITY_VARIABLE = "DAGY_API_CA"
SIGN_PATH = "/artifacts:sign"


@dataclasses.dataclass(frozen=True)
class AttachItem:
    """One ZIP to bring. `slug` is empty for the flow's own code."""

    slug: str
    sha256: str
    size_bytes: int
    uncompressed_bytes: int
    """At most so much comes out of it."""

    def folder(self, root: Path) -> Path:
        """Return the folder of its files, below `root`."""
        return root / "packages" / self.slug if self.slug else root / "flow"

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


@dataclasses.dataclass(frozen=True)
class AttachSpec:
    """Everything that a pod needs. No credential is part of it."""

    api_url: str
    items: tuple[AttachItem, ...]
    namespace: str = ""
    """Namespace of the flow's deployment."""
    deployment: str = ""
    """Name of the flow's deployment."""

    def to_text(self) -> str:
        """As the value of an environment variable."""
        return json.dumps(dataclasses.asdict(self), separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read what `to_text` wrote. Raises ValueError, TypeError or KeyError for anything else."""
        data: dict[str, Any] = json.loads(text)
        return cls(**{**data, "items": tuple(AttachItem(**item) for item in data["items"])})

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
