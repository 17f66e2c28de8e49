"""The cluster as FlowDeployments use it: deployments, revisions, CronJobs, runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from dagy.adapters.events import EventRecorder
from dagy.adapters.finalizers import remove_finalizer
from dagy.adapters.kube import GROUP_PATHS, Json, KubeApi, KubeError, flowdeployment_path, namespaced
from dagy.adapters.reviews import may_get
from dagy.core.flow_facts import RunFact, is_owned, runs_of
from dagy.core.flow_revisions import KeptRevision, Pin, pins_in, revisions_in, users_of
from dagy.core.plan import Key
from dagy.core.slug import OwnedSlug
from dagy.model import names


class FlowCluster:
    """The Kubernetes objects around FlowDeployments. Each method is a few API calls and may raise KubeError."""

    def __init__(self, api: KubeApi, namespaces: tuple[str, ...] = ()) -> None:
        """`namespaces`: where deployments are, as far as that is known; everywhere when there are none."""
        self._api, self._namespaces = api, namespaces
        self._events = EventRecorder(api, names.FLOWDEPLOYMENT_KIND)

    async def deployment(self, key: Key) -> Json | None:
        """The FlowDeployment as it is now."""
        return await self._api.get(flowdeployment_path(key.namespace, key.name))

    async def deployment_keys(self, namespaces: tuple[str, ...]) -> list[Key]:
        """All FlowDeployments, or those of some namespaces."""
        everywhere = [f"/apis/{names.API_VERSION}/{names.FLOWDEPLOYMENT_PLURAL}"]
        paths = [flowdeployment_path(namespace) for namespace in namespaces] or everywhere
        return [key for path in paths for key in await self._api.list_metadata(path, Key.of)]

    async def deployments_of(self, namespace: str) -> list[Json]:
        """All FlowDeployments of a namespace."""
        return (await self._api.list(flowdeployment_path(namespace)))[0]

    async def write_status(self, deployment: Json, status: Mapping[str, Any]) -> Json:
        """Replace the status. Raises KubeError 409 when the object has changed since it was read."""
        return await self._apply(deployment, {"status": dict(status)}, "status")

    async def write_finalizer(self, deployment: Json) -> Json:
        """Set our finalizer. Raises KubeError 409 as above."""
        return await self._apply(deployment, {}, "", {"finalizers": [names.FINALIZER]})

    async def let_go(self, deployment: Json) -> None:
        """Take our finalizer away, whoever put it there. Raises KubeError 409 as above."""
        metadata = deployment["metadata"]
        await remove_finalizer(self._api, flowdeployment_path(metadata["namespace"], metadata["name"]), deployment)

    async def _apply(self, obj: Json, fields: Json, subresource: str, metadata: Json | None = None) -> Json:
        known = {key: obj["metadata"][key] for key in ("name", "namespace", "uid", "resourceVersion")}
        kind = {"apiVersion": names.API_VERSION, "kind": names.FLOWDEPLOYMENT_KIND}
        path = flowdeployment_path(known["namespace"], known["name"], subresource)
        return await self._api.apply(path, {**kind, "metadata": {**known, **(metadata or {})}, **fields})

    async def record_event(self, deployment: Json, *, warning: bool, reason: str, message: str, now: datetime) -> None:
        """One Event for the deployment. Best effort: it never fails."""
        await self._events.record(deployment, warning=warning, reason=reason, message=message, now=now)

    async def revisions(self, key: Key, uid: str) -> tuple[KeptRevision, ...]:
        """The deployment's revisions, newest first."""
        items = await self._revisions(key.namespace, f"{names.LABEL_FLOW}={key.name}")
        return revisions_in(items, uid)

    async def revisions_of(self, namespace: str, uids: Iterable[str]) -> tuple[KeptRevision, ...]:
        """The revisions of several deployments of a namespace."""
        items = await self._revisions(namespace, names.LABEL_FLOW)
        return tuple(kept for uid in uids for kept in revisions_in(items, uid))

    async def create_revision(self, revision: Json) -> bool:
        """Keep a revision. False when there is one of that number: somebody was faster."""
        path = namespaced("controllerrevisions", revision["metadata"]["namespace"])
        return await self._api.create(path, revision) is not None

    async def delete_revision(self, namespace: str, name: str) -> None:
        """Forget a revision."""
        await self._api.delete(namespaced("controllerrevisions", namespace, name))

    async def pins(self, owned: OwnedSlug) -> tuple[Pin, ...]:
        """Every artifact of the package that a kept revision of a deployment refers to.

        Revisions of a deployment that is gone don't count: the garbage collector has not come yet. Nor do those of
        other namespaces whose flows may not get the package: anybody can write a ControllerRevision.
        """
        uses = f"{names.LABEL_USES_PREFIX}{owned.slug}"
        revisions = [obj for place in self._namespaces or ("",) for obj in await self._revisions(place, uses)]
        found = pins_in(revisions, owned.slug)
        accounts = {(p.namespace, p.service_account) for p in found}
        allowed = {a for a in accounts if a[0] == owned.key.namespace or await may_get(self._api, *a, owned.key)}
        found = tuple(p for p in found if (p.namespace, p.service_account) in allowed)
        owners = {p.uid: await self.deployment(Key(p.namespace, p.deployment)) for p in found}
        living = {uid for uid, owner in owners.items() if owner and owner["metadata"]["uid"] == uid}
        return tuple(p for p in found if p.uid in living)

    async def users(self, owned: OwnedSlug) -> list[str]:
        """Deployments whose newest revision uses the package, as namespace/name."""
        pins = await self.pins(owned)
        latest = {}
        for key, uid in {(Key(p.namespace, p.deployment), p.uid) for p in pins}:
            kept = await self.revisions(key, uid)
            latest[uid] = kept[0].number if kept else 0
        return users_of(pins, latest)

    async def cron_job(self, key: Key) -> Json | None:
        """The CronJob of the deployment's name, whoever it belongs to."""
        return await self._api.get(namespaced("cronjobs", key.namespace, key.name))

    async def apply_cron_job(self, manifest: Json) -> Json:
        """Create or change the CronJob."""
        metadata = manifest["metadata"]
        return await self._api.apply(namespaced("cronjobs", metadata["namespace"], metadata["name"]), manifest)

    async def delete_cron_job(self, key: Key, uid: str) -> None:
        """Delete the CronJob and leave its Jobs alone."""
        path = namespaced("cronjobs", key.namespace, key.name)
        await self._api.delete(path, uid=uid, propagation="Orphan")

    async def runs(self, key: Key, uid: str, asked: str = "") -> tuple[RunFact, ...]:
        """The deployment's runs, newest first; `asked` is the request that the deployment carries."""
        path, selector = namespaced("jobs", key.namespace), f"{names.LABEL_FLOW}={key.name}"
        return runs_of((await self._api.list(path, labelSelector=selector))[0], uid, asked)

    async def start_run(self, job: Json) -> bool:
        """Create a run's Job. False when it exists. Raises KubeError 409 when the name is somebody else's."""
        namespace, name = job["metadata"]["namespace"], job["metadata"]["name"]
        if await self._api.create(namespaced("jobs", namespace), job):
            return True
        found = await self._api.get(namespaced("jobs", namespace, name))
        if found is None or not is_owned(found, job["metadata"]["ownerReferences"][0]["uid"]):
            raise KubeError(409, "Conflict", f"Job {namespace}/{name} exists and is not this deployment's")
        return False

    async def delete_run(self, namespace: str, name: str) -> None:
        """Delete a run's Job with its pods."""
        await self._api.delete(namespaced("jobs", namespace, name))

    async def _revisions(self, namespace: str, selector: str) -> list[Json]:
        everywhere = f"{GROUP_PATHS['controllerrevisions']}/controllerrevisions"
        path = namespaced("controllerrevisions", namespace) if namespace else everywhere
        return (await self._api.list(path, labelSelector=selector))[0]
