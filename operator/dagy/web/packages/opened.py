"""The artifacts of one package that a caller may get: which there are, and what lies beside and in them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from packaging.utils import canonicalize_name

from dagy.adapters.kube.api import Json, KubeApi
from dagy.adapters.packages import zip_directory
from dagy.adapters.packages.zip_directory import Contents
from dagy.adapters.presigned import PresignedStore, UploadGoneError
from dagy.core.common.keys import ObjectKey, PackageHome
from dagy.core.package.status_cache import trusted_status
from dagy.core.requirements import RequirementError, parse_dependency
from dagy.core.rest import artifact_files
from dagy.core.rest.artifact_files import SpoiledError
from dagy.core.rest.reasons import ApiReason
from dagy.model.rest.artifacts import ArtifactLock
from dagy.model.status import ArtifactStatus
from dagy.web.serving.problems import ProblemError
from dagy.web.serving.resources import PACKAGES
from dagy.web.serving.services import Services

_R = ApiReason
_LOCK_BYTES = 4 << 20
ZIP_GONE = "The ZIP is not in S3 any more."


async def opened(services: Services, caller: KubeApi, namespace: str, name: str) -> Artifacts:
    """Return them. Raises ProblemError: 404, and 501 where there are no settings of S3."""
    package, files = await PACKAGES.get(caller, namespace, name), services.storage()
    home = await services.home_of(package)
    said = trusted_status(package, home) if home else None
    known = [one for one in (said.artifact, *said.history) if one] if said else []
    return Artifacts(services, files, package, home, said.artifact if said else None, known)


def _names(dependencies: Sequence[str]) -> frozenset[str]:
    found: set[str] = set()
    for text in dependencies:
        try:
            found.add(canonicalize_name(parse_dependency(text).normalized_name))
        except RequirementError:
            continue
    return frozenset(found)


@dataclass(frozen=True)
class Artifacts:
    """The artifacts of a package that the caller may get. Only objects of the package's own home are read."""

    services: Services
    files: PresignedStore
    package: Json
    home: PackageHome | None
    present: ArtifactStatus | None
    """The one that pods get; None before the first build."""
    known: Sequence[ArtifactStatus]
    """The present one, and those of history."""

    @property
    def label(self) -> str:
        """The package's name in sentences."""
        metadata = self.package["metadata"]
        return f"{metadata['namespace']}/{metadata['name']}"

    def artifact(self, sha256: str) -> ArtifactStatus:
        """Return the one with that SHA-256. Raises ProblemError (404)."""
        found = next((one for one in self.known if one.sha256 == sha256), None)
        if found is None:
            raise ProblemError(
                _R.NOT_FOUND,
                f"Package {self.label} keeps no ZIP with the SHA-256 {sha256}. `artifact` and `history` of the "
                "package name those that it keeps.",
            )
        return found

    def gone(self, why: str) -> ProblemError:
        """What is kept beside a ZIP, or the ZIP itself, can't be had; `why` is a sentence."""
        return ProblemError(_R.NOT_FOUND, f"{why} Build package {self.label} again to have it.")

    def zip_key(self, artifact: ArtifactStatus) -> ObjectKey | None:
        """Where the ZIP lies; None where status names a place that is none of the package's."""
        return self.home.artifact_of(artifact.uri) if self.home else None

    def _key(self, uri: str | None) -> ObjectKey:
        key = self.home.key_of(uri) if self.home else None
        if key is None:
            raise self.gone("The release of DAGY that built this ZIP kept none.")
        return key

    async def data(self, uri: str | None, limit: int) -> bytes:
        """Return an object of the package's home. Raises ProblemError (404)."""
        found = await asyncio.to_thread(self.files.data, self._key(uri), limit)
        if found is None:
            raise self.gone("It is not in S3 any more.")
        return found

    async def lock_text(self, sha256: str) -> bytes:
        """Return the lock as it is kept (pylock.toml, PEP 751). Raises ProblemError (404)."""
        return await self.data(self.artifact(sha256).lock_uri, _LOCK_BYTES)

    async def lock(self, sha256: str) -> ArtifactLock:
        """Return the packages of the lock. Raises ProblemError (404)."""
        text = (await self.lock_text(sha256)).decode(errors="replace")
        try:
            return await asyncio.to_thread(artifact_files.lock_of, text, _names(self.package["spec"]["dependencies"]))
        except SpoiledError as error:
            raise self.gone(str(error)) from error

    async def contents(self, sha256: str) -> Contents:
        """Return what lies in the ZIP, which is read only where nobody has asked before. Raises ProblemError (404)."""
        artifact = self.artifact(sha256)
        key = self.zip_key(artifact)
        if key is None or artifact.file_count > zip_directory.MOST_FILES:
            raise self.gone(f"A ZIP of {artifact.file_count} files is not looked into.")
        if kept := self.services.contents.get(key.text):
            return kept
        try:
            return await self.services.unzipping.run(partial(self._read, key, artifact.size_bytes))
        except (SpoiledError, UploadGoneError) as error:
            raise self.gone(str(error) or ZIP_GONE) from error

    def _read(self, key: ObjectKey, size: int) -> Contents:
        cache = self.services.contents
        if kept := cache.get(key.text):  # others waited for the same
            return kept
        read = Contents.of(zip_directory.contents(size, partial(self.files.part, key)))
        cache.put(key.text, read, read.weight)
        return read

    async def sizes(self, sha256: str) -> Mapping[str, int]:
        """Bytes of each package; none where the ZIP can't be looked into."""
        try:
            return (await self.contents(sha256)).sizes
        except ProblemError:
            return {}
