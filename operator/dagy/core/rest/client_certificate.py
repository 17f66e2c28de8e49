"""The user of a client certificate, as Kubernetes reads it: common name is user, organizations are groups. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

AUTHENTICATED = "system:authenticated"


@dataclass(frozen=True)
class KubeUser:
    """Somebody as Kubernetes knows them."""

    name: str
    groups: tuple[str, ...]


def user_of(certificate: Mapping[str, Any]) -> KubeUser | None:
    """Read a verified certificate, as `ssl.SSLSocket.getpeercert` gives it; None when it names nobody, or several."""
    fields = [field for relative_name in certificate.get("subject", ()) for field in relative_name]
    names = [str(value) for kind, value in fields if kind == "commonName"]
    if len(names) != 1 or not names[0]:
        return None
    groups = [str(value) for kind, value in fields if kind == "organizationName" and value]
    return KubeUser(names[0], tuple(dict.fromkeys([*groups, AUTHENTICATED])))
