"""Bills of materials of the images: what their own layers say is in them.

CycloneDX 1.6 in JSON (ECMA-424), read from dpkg's status file, from the metadata of Python's distributions, and from the
interpreters' own version: nothing is guessed, and no image has to run.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from packaging.utils import canonicalize_name

from tests.cluster.images import manifest

DPKG_STATUS = "var/lib/dpkg/status"
_METADATA = re.compile(
    r".*/(?:site-packages|dist-packages|app)/[^/]+\.dist-info/METADATA|app/[^/]+\.dist-info/METADATA"
)
_INTERPRETER = re.compile(r"opt/python/(3\.\d+)/(?:bin/python3\.\d+|lib/libpython3\.\d+\.so\.1\.0)")
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_NAMESPACE = uuid.UUID("5d0c1f4e-2f0b-5e0e-9a43-6a4f2f1f7a10")


@dataclass(frozen=True, order=True)
class Component:
    """One thing in an image."""

    purl: str
    kind: str
    name: str
    version: str

    def as_json(self) -> dict[str, str]:
        """As CycloneDX has it."""
        return {"type": self.kind, "bom-ref": self.purl, "name": self.name, "version": self.version, "purl": self.purl}


def document(archive: Path, name: str, version: str, epoch: int) -> str:
    """The bill of materials of an image, given as an OCI archive."""
    digest = str(manifest(archive)["digest"])
    components = sorted(set(_components(facts(archive))))
    image = f"pkg:oci/{name.rpartition('/')[2]}@{quote(digest, safe='')}?repository_url={quote(name, safe='')}"
    content = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, digest)}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "container",
                "bom-ref": image,
                "name": name,
                "version": version,
                "purl": image,
                "hashes": [{"alg": "SHA-256", "content": digest.removeprefix("sha256:")}],
            },
        },
        "components": [component.as_json() for component in components],
    }
    return json.dumps(content, indent=1) + "\n"


def facts(archive: Path) -> dict[str, bytes]:
    """The files of the image that say what is in it: path to contents, as its last layer leaves them."""
    found: dict[str, bytes] = {}
    with tarfile.open(archive) as whole:
        for layer in manifest(archive)["layers"]:
            blob = whole.extractfile(f"blobs/{layer['digest'].replace(':', '/')}")
            assert blob is not None
            with tarfile.open(fileobj=io.BytesIO(blob.read())) as files:
                for member in files:
                    _take(found, files, member)
    return found


def _take(found: dict[str, bytes], files: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    path = PurePosixPath(member.name.removeprefix("./"))
    if path.name.startswith(_WHITEOUT):
        gone = path.parent if path.name == _OPAQUE else path.with_name(path.name.removeprefix(_WHITEOUT))
        for known in [one for one in found if PurePosixPath(one).is_relative_to(gone)]:
            del found[known]
    elif member.isfile() and (
        str(path) == DPKG_STATUS or _METADATA.fullmatch(str(path)) or _INTERPRETER.fullmatch(str(path))
    ):
        file = files.extractfile(member)
        assert file is not None
        found[str(path)] = file.read()


def _components(found: Mapping[str, bytes]) -> Iterator[Component]:
    for path, content in found.items():
        interpreter = _INTERPRETER.fullmatch(path)
        if interpreter:
            yield from _python(interpreter[1], content)
        elif path == DPKG_STATUS:
            yield from debian(content.decode().split("\n\n"))
        else:
            yield _distribution(HeaderParser().parsestr(content.decode("utf-8", errors="replace")))


def _python(minor: str, program: bytes) -> Iterator[Component]:
    """The interpreter by the release in its program, or in the library that has all of it."""
    version = re.search(rb"(%s\.\d+)\0" % re.escape(minor.encode()), program)
    if version:
        release = version[1].decode()
        yield Component(f"pkg:generic/python@{release}", "platform", "python", release)


def debian(stanzas: Iterable[str]) -> Iterator[Component]:
    """The packages that dpkg's status file calls installed."""
    for stanza in stanzas:
        fields: Message[str, str] = HeaderParser().parsestr(stanza.strip())
        if str(fields.get("Status", "")).endswith(" installed"):
            name, version, architecture = (str(fields[key]) for key in ("Package", "Version", "Architecture"))
            purl = f"pkg:deb/debian/{quote(name, safe='')}@{quote(version, safe='')}?arch={architecture}"
            yield Component(purl, "library", name, version)


def _distribution(headers: Message[Any, Any]) -> Component:
    name, version = canonicalize_name(str(headers["Name"])), str(headers["Version"])
    return Component(f"pkg:pypi/{name}@{quote(version, safe='')}", "library", name, version)
