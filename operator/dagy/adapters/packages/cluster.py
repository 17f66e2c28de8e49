"""The cluster as the controller uses it: packages, claims, Jobs, logs. Each method is one or two API calls."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from types import MappingProxyType

from dagy.adapters.flows.cluster import FlowCluster
from dagy.adapters.kube.api import Json, KubeApi, KubeError, deppackage_path, namespaced
from dagy.adapters.kube.kind_client import KindClient
from dagy.adapters.packages.claims import Claims
from dagy.core.common.failure import Failure
from dagy.core.jobs.index_access import Found, Unreadable, access_of, place_of, references_of
from dagy.core.outcomes.facts import JobFact, JobKind, PodFact, jobs_of, occupied_slots
from dagy.core.outcomes.logs import NOT_STARTED, POD_GONE, LogReader, StepLog
from dagy.core.package.observed import IndexAccess
from dagy.core.package.plan import BuildPlan
from dagy.model import constants as names
from dagy_builder.contract import Step, StepOutcome
from dagy_builder.redact import one_line

_LOG_SECONDS = 60.0
_LAST_LOG_SECONDS = 10.0
_CAUSE_CHARACTERS = 800


class Cluster:
    """The Kubernetes objects that the operator reads and writes."""

    def __init__(
        self,
        api: KubeApi,
        build_namespace: str,
        reported: Mapping[str, StepOutcome] = MappingProxyType({}),
        namespaces: tuple[str, ...] = (),
    ) -> None:
        """`reported`: see `OutcomeFollower`; `namespaces`: see `FlowCluster`."""
        self._api, self._builds, self._reported = api, build_namespace, reported
        self.packages = KindClient(api, names.DEPPACKAGE_KIND, names.DEPPACKAGE_PLURAL)
        self.flows = FlowCluster(api, namespaces)
        """The users of packages."""
        self.claims = Claims(api)
        """The owners of slugs."""

    async def packages_with_lock(self, namespace: str, lock_hash: str) -> list[Json]:
        """The DepPackages of a namespace whose present lock is that one."""
        path = deppackage_path(namespace)
        return (await self._api.list(path, fieldSelector=f"status.lockHash={lock_hash}"))[0]

    async def jobs(self, selector: Mapping[str, str], *, trust_reported: bool = False) -> tuple[JobFact, ...]:
        """Jobs with these labels, and their pods. `trust_reported`: believe a step before the kubelet does."""
        jobs = await self._ours("jobs", selector)
        if not jobs:  # so it is with nearly every package of a cluster, when all are looked at
            return ()
        return jobs_of(jobs, await self._ours("pods", selector), self._reported if trust_reported else {})

    async def occupied_slots(self, kind: JobKind) -> list[str]:
        """The package namespaces of all that takes a slot of that kind, pods that outlive their Jobs included."""
        selector = {names.LABEL_JOB_KIND: str(kind)}
        return occupied_slots(*await asyncio.gather(self._ours("jobs", selector), self._ours("pods", selector)))

    async def _ours(self, resource: str, selector: Mapping[str, str]) -> list[Json]:
        query = ",".join(f"{k}={v}" for k, v in {names.LABEL_MANAGED_BY: names.MANAGED_BY, **selector}.items())
        found, _ = await self._api.list(namespaced(resource, self._builds), labelSelector=query)
        return found

    async def pods_exist(self, uid: str) -> bool:
        """Return True when any pod of the package is left, even one that is being stopped."""
        selector = f"{names.LABEL_PACKAGE_UID}={uid}"
        return bool((await self._api.list(namespaced("pods", self._builds), labelSelector=selector))[0])

    async def create_job(self, job: Json) -> Json:
        """Create the Job, or take the one of that name, if it is the same package's. KubeError 409 (`is_taken`) if not.

        One that has lost labels gets them back: by its labels it is found.
        """
        desired, path = job["metadata"], namespaced("jobs", self._builds, job["metadata"]["name"])
        found = await self._api.create(namespaced("jobs", self._builds), job) or await self._api.get(path)
        if found is None:  # deleted between the two requests
            raise KubeError(409, "Conflict", f"Job {desired['name']} was there, and is gone")
        has = found["metadata"]
        labels, owner = has.get("labels") or {}, (has.get("annotations") or {}).get(names.ANNOTATION_PACKAGE)
        if desired["labels"].items() <= labels.items():
            return found
        others = labels.get(names.LABEL_PACKAGE_UID) not in (None, desired["labels"][names.LABEL_PACKAGE_UID])
        if others or owner != desired["annotations"][names.ANNOTATION_PACKAGE]:
            there = (
                f"Job {self._builds}/{desired['name']} exists, and its labels and annotations are another's. Delete it."
            )
            raise KubeError(409, "AlreadyExists", there)
        return await self._api.merge(path, {"metadata": {"labels": desired["labels"], "uid": has["uid"]}})

    async def create_config_map(self, config_map: Json) -> None:
        """Create it unless it exists; its name says what it holds."""
        await self._api.create(namespaced("configmaps", self._builds), config_map)

    async def create_secret(self, secret: Json) -> None:
        """Create a Job's Secret unless it exists."""
        await self._api.create(namespaced("secrets", self._builds), secret)

    async def delete_secret(self, name: str) -> None:
        """Delete a Job's Secret before its Job goes; one that is gone is fine."""
        await self._api.delete(namespaced("secrets", self._builds, name))

    async def index_access(self, plan: BuildPlan, default_index: str) -> IndexAccess | Failure:
        """Read what the package's index settings name in its own namespace, or why that can't be used."""
        wanted, namespace = references_of(plan), plan.key.namespace
        secrets = {name: await self._found("secrets", namespace, name) for name in wanted.secrets}
        bundle = None
        if wanted.ca_bundle:
            kind, reference = place_of(wanted.ca_bundle)
            bundle = await self._found(f"{kind.lower()}s", namespace, reference.name)
        return access_of(plan, secrets, bundle, default_index)

    async def _found(self, resource: str, namespace: str, name: str) -> Found:
        try:
            return await self._api.get(namespaced(resource, namespace, name)) or Unreadable.MISSING
        except KubeError as error:
            if error.status == 403:
                return Unreadable.FORBIDDEN
            raise

    async def mark_job(self, name: str, annotations: Mapping[str, str], *, suspend: bool = False) -> None:
        """Annotate a Job, and stop its pods with `suspend`. One that is gone is fine."""
        body: Json = {"metadata": {"annotations": dict(annotations)}}
        if suspend:
            body["spec"] = {"suspend": True}
        try:
            await self._api.merge(namespaced("jobs", self._builds, name), body)
        except KubeError as error:
            if error.status != 404:
                raise

    async def job_names(self) -> list[str]:
        """All Jobs of packages that are there."""
        selector = f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY}"
        path = namespaced("jobs", self._builds)
        return await self._api.list_metadata(path, lambda job: str(job["name"]), labelSelector=selector)

    async def why_no_pod(self, job: JobFact) -> str:
        """Return Kubernetes' message about a Job that has no pod; empty when there is none that can be read."""
        query = f"involvedObject.uid={job.uid},reason=FailedCreate"
        try:
            events, _ = await self._api.list(namespaced("events", self._builds), fieldSelector=query)
        except KubeError:
            return ""
        newest = max(events, key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime")), default={})
        return one_line(str(newest.get("message", "")), _CAUSE_CHARACTERS).removeprefix("Error creating: ").rstrip(".")

    async def has_input(self, job: str) -> bool:
        """Return True when that Job has its ConfigMap."""
        return await self._api.get(namespaced("configmaps", self._builds, job)) is not None

    async def delete_job(self, name: str) -> None:
        """Delete a Job with its pods and its ConfigMap."""
        await self._api.delete(namespaced("jobs", self._builds, name))

    async def log(self, pod: PodFact, step: Step) -> StepLog:
        """A step's log, read once and in pieces; what comes of it in a minute when it takes longer.

        Of a pod that is going, ten seconds: its kubelet may hold back an answer until the last container has ended.
        """
        if not pod.name:
            return POD_GONE
        path, reader = namespaced("pods", self._builds, pod.name, "log"), LogReader(pod.uid, step)
        seconds = _LAST_LOG_SECONDS if pod.deleting or pod.disruption else _LOG_SECONDS
        try:
            async with asyncio.timeout(seconds):
                chunks = self._api.stream(path, query={"container": str(step)}, idle_seconds=seconds)
                async with aclosing(chunks):
                    async for chunk in chunks:
                        reader.feed(chunk)
        except TimeoutError:
            return reader.end()
        except KubeError as error:
            if error.status in (400, 404):
                return POD_GONE if error.status == 404 else NOT_STARTED
            raise
        return reader.end()
