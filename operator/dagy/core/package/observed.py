"""Facts about one package, from which decisions are made. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from dagy.core.common.failure import Failure
from dagy.core.common.keys import PackageHome
from dagy.core.outcomes.facts import JobFact
from dagy.core.package.plan import Tokens
from dagy.core.package.records import Missing, Record
from dagy.core.package.reuse import Source
from dagy.model.status import LostArtifact


@dataclass(frozen=True)
class Resolution:
    """The lock that was found for a spec hash, as kept in S3."""

    spec_hash: str
    lock_hash: str
    refresh_token: str = ""
    """Value of the refresh request that led to it."""
    warnings: tuple[str, ...] = ()
    """The resolver's remarks on it, e.g. that a release was withdrawn."""


@dataclass(frozen=True)
class Lock:
    """A resolution together with the text of its pylock.toml."""

    resolution: Resolution
    text: str

    def to_bytes(self) -> bytes:
        """Return it as it is kept."""
        found = self.resolution
        kept = {
            "specHash": found.spec_hash,
            "lockHash": found.lock_hash,
            "refreshToken": found.refresh_token,
            "warnings": list(found.warnings),
            "lock": self.text,
        }
        return json.dumps(kept).encode()


def read_lock(data: bytes | None, spec_hash: str) -> Lock | None:
    """Return the lock of that spec; None when it can't be read, or is not the one that it says it is.

    It is found anew then, as if there had never been one.
    """
    try:
        kept = json.loads(data or b"")
        text, lock_hash, warnings = str(kept["lock"]), str(kept["lockHash"]), kept.get("warnings") or ()
        said = tuple(str(warning) for warning in warnings)
        resolution = Resolution(str(kept["specHash"]), lock_hash, str(kept.get("refreshToken", "")), said)
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return None
    whole = hashlib.sha256(text.encode(errors="replace")).hexdigest() == lock_hash
    return Lock(resolution, text) if whole and resolution.spec_hash == spec_hash else None


@dataclass(frozen=True)
class IndexAccess:
    """A Job's access to the package's own indexes."""

    credentials: tuple[tuple[str, Mapping[str, str]], ...] = field(default=(), repr=False)
    """Secret's name, and its keys with their values."""
    certificates: str = ""
    """PEM."""


@dataclass(frozen=True)
class Observed:
    """Findings in the cluster, in S3 and in status (as a cache of those) for one package."""

    slug: str
    jobs: tuple[JobFact, ...] = ()
    resolution: Resolution | None = None
    record: Record | None = None
    """The finished build of the resolution's lock, its ZIP in S3."""
    missing: Missing | None = None
    """A known record, instead of `record`: S3 has just said that its ZIP is not there."""
    lost: LostArtifact | None = None
    """Status's record of a ZIP that was missing."""
    sources: tuple[Source, ...] = ()
    """Packages that may have an artifact of that lock, likeliest first; asked only while nothing has been built."""
    rejected: Failure | None = None
    """The failed validation of the present spec hash, as remembered by status."""
    rejected_log: str = ""
    """URI of the log that `rejected` was read from; it tells the Job."""
    handled: Tokens = field(default_factory=Tokens)
    home: PackageHome | None = None
    """Keys of the package's objects; None as long as it has no slug."""
    index_refused: Failure | None = None
    """The failure when the package's index settings (Secrets, certificates) can't be used, so that no Job may start."""
    index_access: IndexAccess | None = field(default=None, repr=False)
    """The access that they give, once they have been read for this look: it holds credentials."""
    not_allowed: Failure | None = None
    """The failure of a package that asks for more than it may have, so that no Job may start until it asks for less."""
    blocked: Failure | None = None
    """The failure of this look: the objects in S3 are unknown, because S3 does not answer or their place is unknown."""
