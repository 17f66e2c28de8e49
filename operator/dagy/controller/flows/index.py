"""Which deployments look at which slugs, so that a package's change wakes them. A cache: each pass renews its part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from dagy.model.base import NamespacedName


class SlugIndex:
    """Slugs to deployments. Not thread-safe: for one event loop."""

    def __init__(self) -> None:
        self._deployments: dict[str, set[NamespacedName]] = defaultdict(set)
        self._slugs: dict[NamespacedName, frozenset[str]] = {}

    def set(self, deployment: NamespacedName, slugs: Iterable[str]) -> None:
        """The deployment looks at exactly these slugs; at none, it is forgotten."""
        new = frozenset(slugs)
        for slug in self._slugs.pop(deployment, frozenset()) - new:
            self._deployments[slug].discard(deployment)
            if not self._deployments[slug]:
                del self._deployments[slug]
        if new:
            self._slugs[deployment] = new
        for slug in new:
            self._deployments[slug].add(deployment)

    def deployments(self, slug: str) -> frozenset[NamespacedName]:
        """Who looks at that slug."""
        return frozenset(self._deployments.get(slug, ()))
