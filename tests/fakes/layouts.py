"""Images of made-up distributions, and a node that pulls them as a container runtime does."""

from __future__ import annotations

import json
import random
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import urllib3

from dagy_builder.image.layers import write_image
from dagy_builder.image.manifest import MANIFEST_TYPE, facts_of

LARGE, SMALL = 3 << 20, 20_000


def made_image(folder: Path, versions: Mapping[str, str], sizes: Mapping[str, int]) -> str:
    """Write the image of distributions in these versions, each with bytes of its own. Return its digest."""
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "artifact.zip", "w") as archive:
        for name, version in sorted(versions.items()):
            data = random.Random(f"{name} {version}").randbytes(sizes[name])
            record = f"{name}-{version}.dist-info/RECORD"
            archive.writestr(f"{name}/data.bin", data)
            archive.writestr(record, f"{name}/data.bin,,\n{record},,\n")
        archive.writestr("bin/tool", "#!/usr/bin/env python3\n")
    return write_image(folder / "artifact.zip", folder / "image", "amd64", facts_of("A1B2C3D4", "b" * 64, "c" * 64))


@dataclass
class Node:
    """A node that pulls from a registry without TLS, and keeps every blob."""

    host: str
    kept: set[str] = field(default_factory=set)

    def pull(self, reference: str) -> int:
        """Pull an image by its digest. Return the bytes of the blobs that were not there yet."""
        name, _, digest = reference.removeprefix(f"{self.host}/").partition("@")
        manifest = json.loads(self._get(f"{name}/manifests/{digest}"))
        wanted = [one for one in [manifest["config"], *manifest["layers"]] if one["digest"] not in self.kept]
        pulled = sum(len(self._get(f"{name}/blobs/{one['digest']}")) for one in wanted)
        self.kept |= {one["digest"] for one in wanted}
        return pulled

    def _get(self, path: str) -> bytes:
        answer = urllib3.request("GET", f"http://{self.host}/v2/{path}", headers={"Accept": MANIFEST_TYPE})
        assert answer.status == 200, (path, answer.status, answer.data[:300])
        return answer.data
