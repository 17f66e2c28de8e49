"""The ZIP as a user gets it: fetched from S3, extracted, imported, compared with what uv itself installs."""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import zipfile
from pathlib import Path
from typing import Any

from mypy_boto3_s3.client import S3Client

from dagy_builder.uv.runner import find_uv
from tests.cluster.layout import current_layout

STATE = current_layout().root
_LEFT_OUT = re.compile(r"(\.pyc$)|(^|/)(uv_cache\.json|INSTALLER|REQUESTED|direct_url\.json|\.lock)$")


def fetch(s3: S3Client, uri: str) -> bytes:
    """The object behind an s3:// URI."""
    bucket, key = uri.removeprefix("s3://").split("/", 1)
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def keys_below(s3: S3Client, bucket: str, prefix: str) -> list[str]:
    """Keys of all objects below a prefix."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


def python(version: str) -> str:
    """An interpreter of that minor version: one of those that went into the builder image."""
    return str(STATE / f"cache/interpreters/{version}/bin/python{version}")


def extract(data: bytes, folder: Path) -> None:
    """Extract the ZIP into an empty folder."""
    assert not list(folder.iterdir())
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)


def run(version: str, folder: Path, code: str) -> str:
    """Run code under that Python with nothing but the folder on the path."""
    environment = {"PYTHONPATH": str(folder), "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [python(version), "-s", "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def install_by_hand(lock: bytes, version: str, folder: Path) -> None:
    """What `uv pip install --target` writes from the same lock."""
    lock_file = folder.parent / "pylock.toml"
    lock_file.write_bytes(lock)
    command = [find_uv(), "pip", "install", "--quiet", "--target", str(folder), "--no-deps", "--no-config"]
    command += ["--python", python(version), "--python-version", version]
    command += ["--python-platform", "x86_64-manylinux_2_28", "-r", str(lock_file)]
    subprocess.run(command, check=True, cwd=folder.parent)


def contents(folder: Path) -> dict[str, str]:
    """Path to SHA-256 of every file, but for what DESIGN leaves out of a package.

    RECORD lists what was left out as well, and scripts begin with the path of the interpreter that installed them: of
    both, only what is the same everywhere is compared.
    """
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        data = path.read_bytes()
        if _LEFT_OUT.search(name):
            continue
        if name.endswith(".dist-info/RECORD"):
            rows = [line.split(b",")[0] for line in data.splitlines()]
            kept = [row for row in rows if not _LEFT_OUT.search(row.decode()) and b"bin/" not in row]
            data = b"\n".join(sorted(kept))
        if name.startswith("bin/"):
            data = data.partition(b"\nimport ")[2] or data.partition(b"\n")[2]
        found[name] = hashlib.sha256(data).hexdigest()
    return found


def matches(status: dict[str, Any], data: bytes, folder: Path) -> None:
    """Status tells the truth about the ZIP."""
    artifact = status["artifact"]
    files = [p for p in folder.rglob("*") if p.is_file()]
    assert artifact["uri"] == status["s3Uri"]
    assert artifact["sha256"] == hashlib.sha256(data).hexdigest()
    assert artifact["sizeBytes"] == len(data)
    assert artifact["fileCount"] == len(files)
    assert artifact["uncompressedBytes"] == sum(p.stat().st_size for p in files)
    assert artifact["packageCount"] == len(list(folder.glob("*.dist-info")))
