"""What is particular to a kind: a `Reconciler`, and the object that it gets in a pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from dagy.adapters.kube.api import Json
from dagy.adapters.kube.kind_client import KindClient
from dagy.core.common.conditions import Row, conditions_of
from dagy.model import constants as names
from dagy.model.base import NamespacedName
from dagy.model.flowstatus import FlowDeploymentStatus
from dagy.model.status import DepPackageStatus


class ManagedObject:
    """An object during a pass. Each write replaces `manifest`, so that the next write builds on it."""

    def __init__(
        self, kind: KindClient, manifest: Json, now: datetime, versions: dict[NamespacedName, str] | None = None
    ) -> None:
        """`now`: when the pass began; `versions`: takes the resourceVersion of each write."""
        self._kind, self.manifest, self.now = kind, manifest, now
        self.key = NamespacedName.of(manifest["metadata"])
        self._versions = {} if versions is None else versions

    @property
    def metadata(self) -> Json:
        """The object's metadata as last read or written."""
        metadata: Json = self.manifest["metadata"]
        return metadata

    @property
    def is_deleted(self) -> bool:
        """True when somebody has asked for its deletion."""
        return "deletionTimestamp" in self.metadata

    @property
    def has_finalizer(self) -> bool:
        """True when our finalizer holds it."""
        return names.FINALIZER in (self.metadata.get("finalizers") or [])

    async def ensure_metadata(self, labels: Mapping[str, str] | None = None) -> None:
        """Set these labels and our finalizer, unless they are there. Raises KubeError."""
        wanted = labels or {}
        if not (self.has_finalizer and wanted.items() <= (self.metadata.get("labels") or {}).items()):
            self._wrote(await self._kind.write_metadata(self.manifest, wanted))

    async def write_status(self, status: Mapping[str, Any]) -> None:
        """Replace the status. Raises KubeError."""
        self._wrote(await self._kind.write_status(self.manifest, status))

    async def record_event(self, reason: str, message: str, *, warning: bool = False) -> None:
        """Record an Event for the object as it is now. Never fails."""
        await self._kind.record_event(self.manifest, warning=warning, reason=reason, message=message, now=self.now)

    async def explain_delay(
        self, status: DepPackageStatus | FlowDeploymentStatus, rows: list[Row], reason: str, message: str
    ) -> None:
        """Tell the reason of a delayed deletion in status and as an Event; once, as long as it is the same reason."""
        if status.message == message:
            return
        new = conditions_of(status.conditions, rows, self.metadata.get("generation", 0), self.now)
        others = [c for c in status.conditions if c.type not in {c.type for c in new}]
        await self.write_status(status.model_copy(update={"message": message, "conditions": [*new, *others]}).to_json())
        await self.record_event(reason, message, warning=True)

    async def remove_finalizer(self) -> None:
        """Let the object go. Raises KubeError."""
        await self._kind.remove_finalizer(self.manifest)

    def _wrote(self, manifest: Json) -> None:
        self.manifest = manifest
        self._versions[self.key] = manifest["metadata"]["resourceVersion"]


@dataclass(frozen=True)
class Rest:
    """An object at which a look would do nothing now. `again`: seconds after which to look all the same."""

    again: float | None = None


class Reconciler(Protocol):
    """Passes over objects of one kind. The seconds they return are those after which to look at the object again."""

    async def reconcile(self, obj: ManagedObject) -> float | None:
        """Observe, decide, act, write status. Raises KubeError and StorageError; the pass is then tried again later."""

    async def finalize(self, obj: ManagedObject) -> float | None:
        """Take one step of the deletion of an object that has our finalizer. Raises the same errors."""

    def rest(self, manifest: Json, now: datetime) -> Rest | None:
        """Return how an object rests, as a list shows it; None when a look may do something. Takes no request."""

    def forget(self, key: NamespacedName) -> None:
        """Drop all memory of an object that is gone, or goes."""
