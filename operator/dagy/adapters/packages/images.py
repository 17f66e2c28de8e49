"""Images in the registry: deleted when their artifacts go, and looked for. Blocking work runs in a thread.

The operator deletes what its packages' builds have pushed, each in the package's own repository and by its digest, with
a login of its own. A registry that is away or refuses holds nothing up: what stays there is named in the log, and the
registry's own rules for old images get it. Layers are the registry's to collect.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Iterable
from pathlib import Path

from dagy.core.common.images import own_digest, repository_of
from dagy.core.common.keys import PackageHome
from dagy.model.status import ArtifactStatus
from dagy_builder.image.repository import Repository
from dagy_builder.registry.auth import read_login
from dagy_builder.registry.client import Patience, RegistryClient
from dagy_builder.registry.errors import RegistryError

log = logging.getLogger(__name__)

_IDLE_SECONDS, _MOST_SECONDS = 5.0, 30.0
_AWAY_SECONDS = 600.0
"""Seconds for which images are not looked for when the registry does not answer, or refuses."""


class ImageRegistry:
    """The registry. Without a docker config at `config`, nothing is deleted and nothing is looked for there."""

    def __init__(self, config: Path, *, plain_http: bool = False) -> None:
        self._config, self._plain_http = config, plain_http
        self._quiet_until = 0.0

    @property
    def deletes(self) -> bool:
        """True when there is a login with which to delete."""
        return self._config.is_file()

    async def delete(
        self, home: PackageHome, artifacts: Iterable[ArtifactStatus], kept: Iterable[ArtifactStatus] = ()
    ) -> None:
        """Delete the images of these artifacts of a package, but for those that one of `kept` has as well."""
        repository = repository_of(home)
        if repository is None or not self.deletes:
            return
        there = {own_digest(artifact, home) for artifact in kept}
        digests = sorted({digest for one in artifacts if (digest := own_digest(one, home)) and digest not in there})
        if digests:
            await asyncio.to_thread(self._delete, repository, digests)

    async def lacks(self, home: PackageHome, image: str) -> bool:
        """Return True when the registry says that it does not have this image of the package.

        One that does not answer or refuses has lost nothing, and is left alone for a while.
        """
        repository = repository_of(home)
        digest = repository.digest_of(image) if repository else None
        if repository is None or digest is None or not self.deletes or time.monotonic() < self._quiet_until:
            return False
        try:
            return await asyncio.to_thread(lambda: self._client(repository).digest_at(digest)) is None
        except (RegistryError, ValueError, OSError) as error:
            self._quiet_until = time.monotonic() + _AWAY_SECONDS
            log.warning("Looking whether images are still in the registry failed; trying again later: %s", error)
            return False

    def _client(self, repository: Repository) -> RegistryClient:
        login = read_login(self._config, repository.host)
        patience = Patience(_IDLE_SECONDS, _MOST_SECONDS)
        return RegistryClient(repository, login, patience, plain_http=self._plain_http)

    def _delete(self, repository: Repository, digests: Collection[str]) -> None:
        try:
            client = self._client(repository)
            for digest in digests:
                client.delete_image(digest)
        except (RegistryError, ValueError, OSError) as error:
            log.warning("Images of %s stay in the registry (%s): %s", repository, ", ".join(digests), error)
