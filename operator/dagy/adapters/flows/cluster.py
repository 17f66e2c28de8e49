"""The cluster as FlowDeployments use it: deployments, revisions, CronJobs, runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from dagy.adapters.kube.api import (
    GROUP_PATHS,
    Json,
    KubeApi,
    KubeError,
    deppackage_path,
    flowdeployment_path,
    namespaced,
)
from dagy.adapters.kube.kind_client import KindClient
from dagy.adapters.kube.reviews import may_get
from dagy.core.common.slug import OwnedSlug
from dagy.core.flows.facts import RunFact, controller_of, is_owned, is_unseen, runs_of
from dagy.core.flows.revisions import (
    KeptRevision,
    Pin,
    code_in,
    counted,
    number_in,
    owner_reference,
    pins_in,
    revision_name,
    revisions_in,
    users_of,
)
from dagy.model import constants as names
from dagy.model.base import NamespacedName
from dagy.model.flowstatus import Revision

_FOREIGN_PAGES, _FOREIGN_ACCOUNTS = 16, 100
"""The most that is read of one other namespace: pages of at most 8 MiB, and service accounts."""


class FlowCluster:
    """The Kubernetes objects around FlowDeployments. Each method is a few API calls and may raise KubeError."""

    def __init__(self, api: KubeApi, namespaces: tuple[str, ...] = ()) -> None:
        """`namespaces`: the namespaces of deployments; all namespaces when it is empty."""
        self._api, self._namespaces = api, namespaces
        self.deployments = KindClient(api, names.FLOWDEPLOYMENT_KIND, names.FLOWDEPLOYMENT_PLURAL)

    async def revisions(self, key: NamespacedName, uid: str) -> tuple[KeptRevision, ...]:
        """Return the deployment's revisions, newest first."""
        pages = self._revisions(key.namespace, f"{names.LABEL_FLOW}={key.name}")
        found = [kept async for page in pages for kept in revisions_in(page, uid)]
        return tuple(sorted(found, key=lambda kept: kept.number, reverse=True))

    async def numbers(self, key: NamespacedName, uid: str) -> list[int]:
        """Return the numbers of its revisions, newest first."""
        path, selector = namespaced("controllerrevisions", key.namespace), f"{names.LABEL_FLOW}={key.name}"
        found = await self._api.list_metadata(path, number_in, labelSelector=selector)
        return sorted((one[1] for one in found if one and one[0] == uid), reverse=True)

    async def revision(self, key: NamespacedName, uid: str, number: int) -> Revision | None:
        """Return the deployment's revision of that number, and read no other, for each may be large."""
        path = namespaced("controllerrevisions", key.namespace, revision_name(key.name, uid, number))
        found = await self._api.get(path)
        return next((kept.revision for kept in revisions_in([found] if found else [], uid)), None)

    async def present_revision(self, key: NamespacedName, uid: str) -> Revision | None:
        """Return the revision that runs are made from."""
        for number in await self.numbers(key, uid):
            found = await self.revision(key, uid, number)
            if found:
                return found
        return None

    async def code_of_others(self, namespace: str, uid: str) -> tuple[list[str], list[str]]:
        """Return the other deployments of a namespace: their names, and the URIs of all code that they use or keep."""
        living: dict[str, str] = {}
        uris: list[str] = []
        async for page in self._api.pages(flowdeployment_path(namespace), {}):
            others = [d for d in page.get("items") or [] if d["metadata"]["uid"] != uid]
            living |= {d["metadata"]["uid"]: d["metadata"]["name"] for d in others}
            uris += [d["spec"]["artifact"]["uri"] for d in others]
        async for items in self._revisions(namespace, names.LABEL_FLOW):
            uris += code_in(items, living.keys())
        return list(living.values()), uris

    async def awaits_first_look(self, namespace: str, slugs: Iterable[str]) -> bool:
        """Return True when a package of the namespace that may have one of these slugs was never looked at."""
        selectors = (f"!{names.LABEL_SLUG}", f"{names.LABEL_SLUG} in ({','.join(sorted(slugs))})")
        for selector in selectors:
            found, _ = await self._api.list(deppackage_path(namespace, ""), labelSelector=selector)
            if any(is_unseen(package) for package in found):
                return True
        return False

    async def create_revision(self, revision: Json) -> bool:
        """Keep a revision. Return False when there is one of that number: somebody was faster."""
        path = namespaced("controllerrevisions", revision["metadata"]["namespace"])
        return await self._api.create(path, revision) is not None

    async def delete_revision(self, namespace: str, name: str) -> None:
        """Forget a revision."""
        await self._api.delete(namespaced("controllerrevisions", namespace, name))

    async def pins(self, owned: OwnedSlug) -> tuple[Pin, ...]:
        """Return every artifact of the package that a kept revision of a deployment refers to.

        One namespace after the other, for revisions may be large.
        """
        return tuple([pin for place in await self._users(owned.slug) for pin in await self._pins_in(place, owned)])

    async def users(self, owned: OwnedSlug) -> list[str]:
        """Return the deployments whose newest revision uses the package, as namespace/name."""
        pins = await self.pins(owned)
        latest: dict[str, int] = {}
        for namespace in sorted({pin.namespace for pin in pins}):
            path = namespaced("controllerrevisions", namespace)
            numbers = await self._api.list_metadata(path, number_in, labelSelector=names.LABEL_FLOW)
            for uid, number in filter(None, numbers):
                latest[uid] = max(number, latest.get(uid, 0))
        return users_of(pins, latest)

    async def _users(self, slug: str) -> list[str]:
        """Return the namespaces with a ControllerRevision that says it uses the package. Only metadata is read."""
        everywhere = [f"{GROUP_PATHS['controllerrevisions']}/controllerrevisions"]
        paths = [namespaced("controllerrevisions", namespace) for namespace in self._namespaces] or everywhere
        selector = f"{names.LABEL_USES_PREFIX}{slug}"
        return sorted(
            {
                str(place)
                for path in paths
                for place in await self._api.list_metadata(path, lambda one: one["namespace"], labelSelector=selector)
            }
        )

    async def _pins_in(self, namespace: str, owned: OwnedSlug) -> tuple[Pin, ...]:
        """Return the pins that count among a namespace's revisions.

        In the package's own namespace, whoever may write ControllerRevisions may pin. In others, only flows
        may whose account may get the package; the text that is read there, and the questions, have a limit.
        """
        own = namespace == owned.key.namespace
        pages, pins = 0, list[Pin]()
        async for items in self._revisions(namespace, f"{names.LABEL_USES_PREFIX}{owned.slug}"):
            pins += pins_in(items, owned.slug)
            pages += 1
            if pages == _FOREIGN_PAGES and not own:
                break
        if not pins:
            return ()
        accounts = None if own else await self._allowed(namespace, pins, owned)
        living = await self._api.list_metadata(flowdeployment_path(namespace), lambda one: (one["name"], one["uid"]))
        return counted(pins, frozenset(living), accounts)

    async def _allowed(self, namespace: str, pins: Iterable[Pin], owned: OwnedSlug) -> frozenset[str]:
        newest = sorted(pins, key=lambda pin: pin.number, reverse=True)
        accounts = list(dict.fromkeys(pin.service_account for pin in newest))[:_FOREIGN_ACCOUNTS]
        answers = await asyncio.gather(*(may_get(self._api, namespace, one, owned.key) for one in accounts))
        return frozenset(account for account, allowed in zip(accounts, answers, strict=True) if allowed)

    async def cron_job(self, key: NamespacedName) -> Json | None:
        """Return the CronJob of the deployment's name, be it the deployment's or not."""
        return await self._api.get(namespaced("cronjobs", key.namespace, key.name))

    async def apply_cron_job(self, manifest: Json) -> Json:
        """Create or change the CronJob."""
        metadata = manifest["metadata"]
        return await self._api.apply(namespaced("cronjobs", metadata["namespace"], metadata["name"]), manifest)

    async def end_schedule(self, deployment: Json, uid: str) -> None:
        """Delete the CronJob of that UID, and take over its Jobs: a Job without an owner would be nobody's run."""
        key, owner = NamespacedName.of(deployment["metadata"]), owner_reference(deployment)
        path = namespaced("cronjobs", key.namespace, key.name)
        await self._api.merge(path, {"metadata": {"uid": uid}, "spec": {"suspend": True}})
        for job in await self._jobs(key):
            if controller_of(job).get("uid") == uid:
                metadata = {"uid": job["metadata"]["uid"], "ownerReferences": [owner]}
                await self._take(namespaced("jobs", key.namespace, job["metadata"]["name"]), {"metadata": metadata})
        await self._api.delete(path, uid=uid)

    async def runs(
        self, key: NamespacedName, uid: str, asked: str = "", cron_job: Json | None = None
    ) -> tuple[RunFact, ...]:
        """Return the deployment's runs, newest first. `asked`: the request that it carries; `cron_job`: its own."""
        return runs_of(await self._jobs(key), uid, asked, cron_job)

    async def run(self, key: NamespacedName, uid: str, name: str, cron_job: Json | None = None) -> RunFact | None:
        """Return the deployment's run of that Job, and read no other: there may be a thousand."""
        job = await self._api.get(namespaced("jobs", key.namespace, name))
        return next(iter(runs_of([job] if job else [], uid, cron_job=cron_job)), None)

    async def start_run(self, job: Json) -> bool:
        """Create a run's Job. Return False when it exists. Raises KubeError 409 when the name is somebody else's."""
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

    async def _jobs(self, key: NamespacedName) -> list[Json]:
        path, selector = namespaced("jobs", key.namespace), f"{names.LABEL_FLOW}={key.name}"
        return (await self._api.list(path, labelSelector=selector))[0]

    async def _take(self, path: str, body: Json) -> None:
        try:
            await self._api.merge(path, body)
        except KubeError as error:
            if error.status != 404:
                raise

    async def _revisions(self, namespace: str, selector: str) -> AsyncIterator[list[Json]]:
        path = namespaced("controllerrevisions", namespace)
        async for page in self._api.pages(path, {"labelSelector": selector}):
            yield page.get("items") or []
