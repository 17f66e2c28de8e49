"""`python -m tests.cluster.use PACKAGE [CODE]`: a package as a flow would use it, on this machine.

Fetches the ZIP by status.s3Uri, checks its SHA-256, extracts it, and starts the Python that it was built for: with the
code, or for you to type.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any

from . import s3
from .kube import kubectl
from .layout import ClusterError, Layout, current_layout
from .samples import NAMESPACE


def extracted(layout: Layout, package: dict[str, Any]) -> Path:
    """The folder with the package's files. Raises ClusterError when there is no artifact, or when it is another one."""
    status = package.get("status", {})
    artifact = status.get("artifact")
    if not artifact:
        raise ClusterError(
            f"{package['metadata']['name']} has no artifact yet: {status.get('message', 'not looked at')}"
        )
    folder = layout.root / "packages" / f"{status['slug']}-{artifact['sha256'][:16]}"
    if folder.exists():
        return folder
    data = _fetch(layout, artifact["uri"])
    if hashlib.sha256(data).hexdigest() != artifact["sha256"]:
        raise ClusterError(f"{artifact['uri']} is not the ZIP that status.artifact.sha256 speaks of.")
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    zipfile.ZipFile(io.BytesIO(data)).extractall(partial)
    partial.rename(folder)
    return folder


def _fetch(layout: Layout, uri: str) -> bytes:
    client = s3.connect(s3.read_environment(layout))
    bucket, key = uri.removeprefix("s3://").split("/", 1)
    return client.get_object(Bucket=bucket, Key=key)["Body"].read()


def main() -> None:
    """Replace this process by the package's Python; its failure is a sentence and exit code 1."""
    layout, name, code = current_layout(), sys.argv[1], " ".join(sys.argv[2:])
    try:
        package = json.loads(kubectl(layout, "get", "deppackage", name, f"--namespace={NAMESPACE}", "-o", "json"))
        folder = extracted(layout, package)
    except ClusterError as e:
        print(f"error: {e}", file=sys.stderr)
        sys.exit(1)
    version = package["status"]["artifact"]["pythonVersion"]
    python = layout.cache / "interpreters" / version / "bin" / f"python{version}"
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONNOUSERSITE": "1"}
    os.execve(python, [str(python), *(["-c", code] if code else [])], environment)


if __name__ == "__main__":
    main()
