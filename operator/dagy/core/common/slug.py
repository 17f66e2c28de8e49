"""Slugs: the identifiers that people type, and their owners. Pure.

A slug is its package's because a SlugClaim says so, and for no other reason: labels, specs and statuses are text that
others write. `OwnedSlug` is the proof, and `owned` the only function that makes one.
"""

from __future__ import annotations

import re
import secrets
import string
import sys
from collections.abc import Iterable, Mapping
from dataclasses import InitVar, dataclass
from typing import Any

from dagy.model.base import NamespacedName
from dagy.model.slugclaim import SlugClaimSpec
from dagy.model.spec import SLUG_PATTERN

ALPHABET = string.ascii_uppercase + string.digits
LENGTH = 8


class _Seal:
    """A mark that only this module has."""


_SEAL = _Seal()


def new_slug() -> str:
    """A random slug; 26 * 36**7 (2.0 * 10**12) are possible, so that a collision is rare, and a claim rules it out.

    A letter comes first: YAML takes 12345678 and 123E4567 for numbers, where people write a slug without quotes.
    """
    return secrets.choice(string.ascii_uppercase) + "".join(secrets.choice(ALPHABET) for _ in range(LENGTH - 1))


def is_slug(text: str) -> bool:
    """Return True when the text has the form of a slug."""
    return re.fullmatch(SLUG_PATTERN, text) is not None


@dataclass(frozen=True, slots=True)
class Claim:
    """The content of a SlugClaim."""

    slug: str
    key: NamespacedName
    namespace_uid: str
    """UID of the namespace that the claim was made in; empty when it is not bound to one (yet)."""
    version: int
    """resourceVersion: bound claims never change, so it is the order of their creation."""


@dataclass(frozen=True)
class OwnedSlug:
    """A slug, and the package that owns it by its claim."""

    slug: str
    key: NamespacedName
    seal: InitVar[_Seal]

    def __post_init__(self, seal: _Seal) -> None:
        if seal is not _SEAL:
            raise TypeError("Only dagy.core.common.slug.owned says whose a slug is.")


def claim_in(obj: Mapping[str, Any]) -> Claim | None:
    """Read a SlugClaim; None for one that its own name contradicts."""
    spec = SlugClaimSpec.model_validate(obj["spec"])
    if not is_slug(spec.slug) or obj["metadata"]["name"] != spec.slug.lower():
        return None
    key = NamespacedName(sys.intern(spec.namespace), spec.name)
    return Claim(spec.slug, key, sys.intern(spec.namespace_uid or ""), int(obj["metadata"]["resourceVersion"]))


def owned(claim: Claim | None, key: NamespacedName, namespace_uid: str) -> OwnedSlug | None:
    """Return the slug, when the claim is that package's: its namespace and name, and not those of an earlier namespace.

    A claim that is bound to no namespace was made before claims were, or was released by an administrator, and belongs
    to the first package with its namespace and name.
    """
    if claim is None or claim.key != key or claim.namespace_uid not in ("", namespace_uid):
        return None
    return OwnedSlug(claim.slug, key, _SEAL)


def chosen(claims: Iterable[Claim], key: NamespacedName, namespace_uid: str, hints: Iterable[str]) -> Claim | None:
    """Return the one of a package's claims that counts: the first that a hint names, else the oldest.

    Hints are texts of others (spec, status, label): they choose among the package's own claims and add none. Bound
    claims come first, because binding gives a claim a new version.
    """
    mine = [claim for claim in claims if owned(claim, key, namespace_uid)]
    mine.sort(key=lambda claim: (not claim.namespace_uid, claim.version))
    named = [claim for hint in hints for claim in mine if claim.slug == hint]
    return next(iter([*named, *mine]), None)
