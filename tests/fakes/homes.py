"""Places of packages' objects, and names as the builder gives them."""

from __future__ import annotations

from typing import Any

from dagy.core.common.keys import Location, PackageHome
from dagy.core.common.slug import OwnedSlug, claim_in, owned
from dagy.model.base import NamespacedName

NAMESPACE_UID = "11111111-2222-3333-4444-555555555555"
UID = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
ML = NamespacedName("team-a", "ml")
STEM = "0123456789abcdef-cp312-manylinux_2_28_x86_64"
ZIP = f"{STEM}-fedcba9876543210.zip"


def claim(
    slug: str, key: NamespacedName, namespace_uid: str | None = NAMESPACE_UID, version: int = 1
) -> dict[str, Any]:
    """A SlugClaim as the API server gives it."""
    bound = {"namespaceUid": namespace_uid} if namespace_uid else {}
    spec = {"slug": slug, "namespace": key.namespace, "name": key.name, **bound}
    return {"metadata": {"name": slug.lower(), "resourceVersion": str(version)}, "spec": spec}


def owned_slug(slug: str, key: NamespacedName) -> OwnedSlug:
    """Return a slug with the package that owns it."""
    found = owned(claim_in(claim(slug, key)), key, NAMESPACE_UID)
    assert found
    return found


def home(
    slug: str = "A1B2C3D4", key: NamespacedName = ML, uid: str = UID, bucket: str = "b", prefix: str = ""
) -> PackageHome:
    """A package's place in the bucket."""
    return PackageHome(Location(bucket, prefix), owned_slug(slug, key), uid)
