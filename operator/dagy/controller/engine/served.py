"""The namespaces whose objects an operator serves: all, some by name, or those that a selector of labels finds."""

from __future__ import annotations

from collections.abc import Collection

from dagy.adapters.kube.api import KubeApi

_NAMESPACES = "/api/v1/namespaces"


class Served:
    """Namespaces by their names. Of one controller, which alone refreshes it."""

    def __init__(self, api: KubeApi | None = None, names: Collection[str] = (), selector: str = "") -> None:
        """All namespaces where there are neither names nor a selector; with a selector none until the first refresh."""
        self._api, self._selector = api, selector
        self.names: frozenset[str] | None = frozenset(names) if names or selector else None
        """None stands for all."""

    def __contains__(self, namespace: str) -> bool:
        return self.names is None or namespace in self.names

    async def refresh(self) -> frozenset[str]:
        """Find the selector's namespaces as they are now. Return those that are new. Raises KubeError."""
        if not self._api or not self._selector:
            return frozenset()
        query = {"labelSelector": self._selector}
        before, now = self.names or frozenset(), await self._api.list_metadata(_NAMESPACES, _name, **query)
        self.names = frozenset(now)
        return self.names - before


def _name(metadata: dict[str, str]) -> str:
    return metadata["name"]
