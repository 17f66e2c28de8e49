"""Names of images in the registry, and the one gate through which text becomes one. Pure.

Whoever holds the registry's credentials may push and delete everywhere below DAGY_OCI_REPOSITORY, and status, records
and requests are text that others may have written. So a client takes a `Repository`, which only this module makes: of a
package's namespace and slug, or of a text that has exactly the form of such a name.

Source: OCI Distribution Specification 1.1, "Pulling manifests".
"""

from __future__ import annotations

import re
from dataclasses import InitVar, dataclass
from typing import Self

_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"  # RFC 1123
_SLUG = "[a-z0-9]{8}"
_HOST = "[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(?::[0-9]{1,5})?"
_PART = "[a-z0-9]+(?:(?:[.]|_|__|-+)[a-z0-9]+)*"
_BASE = re.compile(rf"(?P<host>{_HOST})/(?P<path>{_PART}(?:/{_PART})*)")
_OWN = re.compile(rf"(?P<base>{_HOST}(?:/{_PART})+)/(?P<namespace>{_LABEL})/(?P<slug>{_SLUG})")
_DIGEST = re.compile("sha256:[0-9a-f]{64}")
_SHARED = "layers"  # six letters: no slug
_LONGEST = 255  # characters of host and name together, as registries and runtimes bound them


class _Seal:
    """A mark that only this module has."""


_SEAL = _Seal()


@dataclass(frozen=True, order=True)
class Repository:
    """One repository, on whose behalf blobs and manifests may be pushed and deleted."""

    host: str
    """HOST[:PORT] of the registry."""
    name: str
    """The repository's name there."""
    seal: InitVar[_Seal]

    def __post_init__(self, seal: _Seal) -> None:
        if seal is not _SEAL:
            raise TypeError("Only dagy_builder.image.repository makes repositories.")

    def __str__(self) -> str:  # type: ignore[explicit-override] # 3.11 has no typing.override
        return f"{self.host}/{self.name}"

    @classmethod
    def of(cls, base: str, namespace: str, slug: str) -> Self:
        """Return the repository of the package with that slug, below `base` (HOST[:PORT]/PATH).

        Raises ValueError for what can't be a repository.
        """
        if not _BASE.fullmatch(base):
            raise ValueError(f"{base!r} is no HOST[:PORT]/PATH of a registry, with small letters in PATH")
        return cls.parse(f"{base}/{namespace}/{slug.lower()}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the repository of a package that `str` made a text of. Raises ValueError."""
        found = _OWN.fullmatch(text)
        if not found or len(text) > _LONGEST:
            raise ValueError(f"{text[:_LONGEST]!r} is no repository of a package")
        host, _, name = text.partition("/")
        return cls(host, name, _SEAL)

    @property
    def shared(self) -> Repository:
        """The repository in which the packages of the same namespace find each other's large layers."""
        return Repository(self.host, f"{self.name.rpartition('/')[0]}/{_SHARED}", _SEAL)

    def image(self, digest: str) -> str:
        """Return the reference of the image with that digest. Raises ValueError for what is no digest."""
        if not _DIGEST.fullmatch(digest):
            raise ValueError(f"{digest!r} is no sha256 digest")
        return f"{self}@{digest}"

    def digest_of(self, reference: str) -> str | None:
        """Return the digest in the reference of an image of this repository; None for any other text."""
        name, _, digest = reference.partition("@")
        return digest if name == str(self) and _DIGEST.fullmatch(digest) else None
