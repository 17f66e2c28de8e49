"""What the cluster can do with image volumes: its own release, and the kinds of its nodes. Asked at intervals."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from dagy.adapters.kube.api import KubeApi
from dagy.core.attach.ways import Cluster, NodeKind, release_in

log = logging.getLogger(__name__)

_NODES = "/api/v1/nodes"
_MOST_TEXT, _MOST_KINDS = 64, 1000
_TRY_AGAIN_SECONDS = 30.0
LOOK_SECONDS = 300.0
BELIEVED_SECONDS = 3 * LOOK_SECONDS
"""How long an answer counts when no other comes: nodes are replaced meanwhile."""


class ClusterFacts:
    """The last answers about the cluster. `selector`: labels of the nodes that packages may run on; all when empty."""

    def __init__(self, api: KubeApi, selector: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        self._api, self._query, self._clock = api, {"labelSelector": selector} if selector else {}, clock
        self._found, self._at = Cluster(), clock()

    @property
    def present(self) -> Cluster:
        """What is known now: nothing once it is old."""
        return self._found if self._clock() - self._at < BELIEVED_SECONDS else Cluster()

    async def look(self) -> None:
        """Ask. Raises KubeError, and aiohttp's or OS errors."""
        version = json.loads(await self._api.request("GET", "/version"))
        server = release_in(f"{version.get('major')}.{version.get('minor')}")
        kinds: set[NodeKind] = set()
        # A node's status lists the images on it: of many bytes a few are kept.
        async for page in self._api.pages(_NODES, self._query):
            kinds |= {kind for kind in map(_kind, page.get("items") or ()) if kind}
            if len(kinds) > _MOST_KINDS:
                raise ValueError(f"The nodes are of more than {_MOST_KINDS} kinds")
        self._found, self._at = Cluster(server, frozenset(kinds)), self._clock()

    async def run(self) -> None:
        """Look at intervals until cancelled; what goes wrong is tried again."""
        while True:
            pause = LOOK_SECONDS
            try:
                await self.look()
            except Exception:
                log.exception("Reading what the cluster's nodes can do failed; trying again")
                pause = _TRY_AGAIN_SECONDS if self.present == Cluster() else LOOK_SECONDS
            await asyncio.sleep(pause)


def _kind(node: Mapping[str, Any]) -> NodeKind | None:
    """Return what a node says of itself; None for one that runs no Linux."""
    said = (node.get("status") or {}).get("nodeInfo") or {}
    if str(said.get("operatingSystem") or "linux").lower() != "linux":
        return None
    fields = ("architecture", "kubeletVersion", "containerRuntimeVersion")
    return NodeKind(*(str(said.get(field) or "")[:_MOST_TEXT] for field in fields))
