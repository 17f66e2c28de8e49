"""The bill of materials: the packages in the ZIP, with their files and licenses. Pure.

CycloneDX 1.6 in JSON (ECMA-424). It holds no time, serial number or machine, so that the same lock gives the same
bytes; its facts about files come from the lock, those about licenses from the packages' own metadata.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from email.message import Message
from email.parser import HeaderParser
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.utils import canonicalize_name

from dagy_builder.contract import BuildRequest
from dagy_builder.redact import redact

METADATA_BYTES = 1 << 20
"""METADATA files that are longer are not looked into: no honest one is."""
_SHOWN = 200
_NO_LICENSE = {"", "unknown", "none"}


def sbom(lock_text: str, request: BuildRequest, metadata: Iterable[bytes]) -> bytes:
    """Return the document. `metadata` are the installed packages' METADATA files, in any order."""
    licenses = {name: found for text in metadata for name, found in [_licenses(text)]}
    packages = sorted(tomllib.loads(lock_text)["packages"], key=lambda package: str(package["name"]))
    identity = hashlib.sha256(lock_text.encode()).hexdigest()
    target = {"python": request.python_version, "architecture": request.architecture, "glibc": request.glibc}
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": f"lock:{identity}",
                "name": "dependency-package",
                "version": identity,
                "properties": [{"name": f"dagy:{name}", "value": value} for name, value in target.items()],
            }
        },
        "components": [_component(package, licenses.get(package["name"], [])) for package in packages],
    }
    return (json.dumps(document, indent=1) + "\n").encode()


def _component(package: Mapping[str, Any], licenses: list[dict[str, Any]]) -> dict[str, Any]:
    name, version = str(package["name"]), package.get("version")
    file = _file(package)
    url = str(file.get("url", ""))
    shown = f"@{quote(str(version), safe='')}" if version else ""
    component: dict[str, Any] = {
        "type": "library",
        # The file is part of it, because a lock can hold a package from a URL in place of the index's.
        "bom-ref": f"pkg:pypi/{name}{shown}",
        "name": name,
        **({"version": str(version)} if version else {}),
        "purl": f"pkg:pypi/{name}{shown}",
        "hashes": [{"alg": "SHA-256", "content": file["hashes"]["sha256"]}],
        "externalReferences": [{"type": "distribution", "url": url}],
        "properties": [{"name": "dagy:file", "value": unquote(PurePosixPath(urlsplit(url).path).name)}],
    }
    return {**component, "licenses": licenses} if licenses else component


def _file(package: Mapping[str, Any]) -> Mapping[str, Any]:
    wheels = package.get("wheels") or []
    file = wheels[0] if wheels else package.get("sdist") or package.get("archive") or {}
    assert isinstance(file, dict)
    return file


def _licenses(metadata: bytes) -> tuple[str, list[dict[str, Any]]]:
    """A package's normalized name, and its licenses as CycloneDX writes them: from License-Expression (PEP 639) or else
    from License, if that is a name and not a text, or else from the classifiers."""
    headers = HeaderParser().parsestr(metadata.decode("utf-8", errors="replace"))
    name = canonicalize_name(str(headers.get("Name", "")))
    expression = str(headers.get("License-Expression", ""))
    if expression:
        try:
            return name, [{"expression": canonicalize_license_expression(expression)}]
        except InvalidLicenseExpression:
            return name, [_named(expression)]
    text = str(headers.get("License", "")).strip()
    if text.lower() not in _NO_LICENSE and len(text) <= _SHOWN and "\n" not in text:
        return name, [_named(text)]
    return name, [_named(found) for found in _classified(headers)]


def _classified(headers: Message) -> list[str]:
    classifiers = [str(value) for value in headers.get_all("Classifier", [])]
    named = {c.rpartition("::")[2].strip() for c in classifiers if c.startswith("License ::")}
    return sorted(named - {"OSI Approved"})


def _named(text: str) -> dict[str, Any]:
    return {"license": {"name": redact(text)[:_SHOWN]}}
