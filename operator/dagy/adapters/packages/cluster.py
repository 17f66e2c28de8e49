"""The cluster as the controller uses it: packages, claims, Jobs, logs. Each method is one or two API calls."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from types import MappingProxyType

from dagy.adapters.flows.cluster import FlowCluster
from dagy.adapters.kube.api import Json, KubeApi, KubeError, deppackage_path, namespaced
from dagy.adapters.kube.kind_client import KindClient
from dagy.adapters.kube.objects import slim
from dagy.adapters.packages.claims import Claims
from dagy.core.common.failure import Failure
from dagy.core.jobs import kueue
from dagy.core.jobs.index_access import Found, Unreadable, access_of, place_of, references_of
from dagy.core.jobs.orphans import OwnedJob, owned_job
from dagy.core.outcomes.facts import JobFact, PodFact, jobs_of
from dagy.core.outcomes.logs import NOT_STARTED, POD_GONE, LogReader, StepLog
from dagy.core.outcomes.slots import occupied_slots, packages_without_pods
from dagy.core.package.observed import IndexAccess
from dagy.core.package.plan import BuildPlan
from dagy.model import constants as names
from dagy.model.status import JobKind
from dagy_builder.contract import Step, StepOutcome
from dagy_builder.redact import one_line

_LOG_SECONDS = 60.0
_LAST_LOG_SECONDS = 10.0
_CAUSE_CHARACTERS = 800
_LIVE, _OVER = "status.phase!=Succeeded,status.phase!=Failed", "status.phase!=Pending,status.phase!=Running"
_UNSUCCESSFUL = "status.successful=0"
_FEW = 100
_MOST_ALIKE = 100


class Cluster:
    """The Kubernetes objects that the operator reads and writes."""

    def __init__(
        self,
        api: KubeApi,
        build_namespace: str,
        reported: Mapping[str, StepOutcome] = MappingProxyType({}),
        namespaces: tuple[str, ...] = (),
        *,
        pushes_images: bool = False,
    ) -> None:
        """`reported`: see `OutcomeFollower`; `namespaces`: see `FlowCluster`.

        `pushes_images`: a build's pod goes on when its ZIP is complete, and takes no slot from then on.
        """
        self._api, self._builds, self._reported = api, build_namespace, reported
        self._pushes_images = pushes_images
        self.packages = KindClient(api, names.DEPPACKAGE_KIND, names.DEPPACKAGE_PLURAL)
        self.flows = FlowCluster(api, namespaces)
        """The users of packages."""
        self.claims = Claims(api)
        """The owners of slugs."""

    async def packages_with_lock(self, namespace: str, lock_hash: str) -> list[Json]:
        """Return DepPackages of a namespace whose present lock is that one: not all, where thousands have the same.

        Each of them asks for the others before it starts, and then takes a copy of any that is built.
        """
        path = deppackage_path(namespace)
        return list((await self._api.page(path, _MOST_ALIKE, "", fieldSelector=f"status.lockHash={lock_hash}")).items)

    async def jobs(self, selector: Mapping[str, str], *, trust_reported: bool = False) -> tuple[JobFact, ...]:
        """Return the Jobs with these labels, with their pods. `trust_reported`: believe a step before the kubelet."""
        jobs = await self._ours("jobs", selector)
        if not jobs:  # so it is with nearly every package of a cluster, when all are looked at
            return ()
        # Step `upload` never runs package code, and nobody else writes to its log.
        told = {job: said for job, said in self._reported.items() if trust_reported or said.step == Step.UPLOAD}
        return jobs_of(jobs, await self._ours("pods", selector), told)

    async def occupied_slots(self, kind: JobKind) -> list[str]:
        """Return the package namespaces of all that takes a slot of that kind, also of pods that outlive their Jobs.

        Slots are counted before each start, so little is read: of what has ended and is kept, and of what stands in a
        queue, nothing, as there may be thousands; of Jobs that have pods, and of pods, only the metadata. A Job that
        its queue has let go is counted from when it has its pod.
        """
        selector, there = {names.LABEL_JOB_KIND: str(kind)}, f"!{names.LABEL_ENDED},!{kueue.QUEUE_LABEL}"
        jobs, pods = await asyncio.gather(
            self._metadata("jobs", selector, there, _UNSUCCESSFUL), self._metadata("pods", selector, "", _LIVE)
        )
        if uids := packages_without_pods(jobs, pods):  # some of these have ended, and nobody has seen to it yet
            over = await self._metadata("pods", selector, _few(uids), _OVER)
            pods += [{**pod, "status": {"phase": "Succeeded"}} for pod in over]
        uids = packages_without_pods(jobs, pods)
        few = ",".join([there, *filter(None, [_few(uids)])])
        jobs = await self._ours("jobs", selector, few, fieldSelector=_UNSUCCESSFUL) if uids else []
        uploaded = {job for job, said in self._reported.items() if said.step == Step.UPLOAD and said.ok}
        return occupied_slots(jobs, pods, uploaded if self._pushes_images else ())

    async def _metadata(self, resource: str, selector: Mapping[str, str], more: str, fields: str) -> list[Json]:
        query = {"labelSelector": _labels(selector, more), "fieldSelector": fields}
        return await self._api.list_metadata(namespaced(resource, self._builds), _metadata_alone, **query)

    async def _ours(self, resource: str, selector: Mapping[str, str], more: str = "", **query: str) -> list[Json]:
        found, _ = await self._api.list(
            namespaced(resource, self._builds), labelSelector=_labels(selector, more), **query
        )
        return found

    async def jobs_of_pods(self, uid: str) -> list[list[tuple[str, str]]]:
        """For each pod of the package that is left, even one that is being stopped: name and UID of its Job, if any."""

        def jobs(metadata: Json) -> list[tuple[str, str]]:
            owners = metadata.get("ownerReferences") or []
            return [(owner["name"], owner["uid"]) for owner in owners if owner["kind"] == "Job"]

        selector = f"{names.LABEL_PACKAGE_UID}={uid}"
        return await self._api.list_metadata(namespaced("pods", self._builds), jobs, labelSelector=selector)

    async def create_job(self, job: Json) -> Json:
        """Create the Job, or take the one of that name, if it is the same package's. KubeError 409 (`is_taken`) if not.

        A Job that has lost labels gets them back: by its labels it is found.
        """
        desired, path = job["metadata"], namespaced("jobs", self._builds, job["metadata"]["name"])
        found = await self._api.create(namespaced("jobs", self._builds), job) or await self._api.get(path)
        if found is None or "deletionTimestamp" in found["metadata"]:  # deleted between the two requests, or goes
            raise KubeError(409, "Conflict", f"Job {desired['name']} was there, and goes or is gone")
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
        """Create it unless it exists; its name tells its content."""
        await self._api.create(namespaced("configmaps", self._builds), config_map)

    async def create_secret(self, secret: Json) -> None:
        """Create a Job's Secret unless it exists."""
        await self._api.create(namespaced("secrets", self._builds), secret)

    async def delete_secret(self, name: str) -> None:
        """Delete a Job's Secret before its Job goes; one that is gone is fine."""
        await self._api.delete(namespaced("secrets", self._builds, name))

    async def index_access(self, plan: BuildPlan, default_index: str) -> IndexAccess | Failure:
        """Read the objects that the package's index settings name in its namespace; a Failure if they can't be used."""
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

    async def mark_job(self, name: str, annotations: Mapping[str, str], *, stop: bool = False) -> None:
        """Annotate a Job that has ended, or end it with `stop`: it has failed then, and nobody can let it go on.

        A suspension would be a queue's to end (Kueue). One that is gone is fine.
        """
        body: Json = {"metadata": {"annotations": dict(annotations), "labels": {names.LABEL_ENDED: "true"}}}
        if stop:
            body["spec"] = {"activeDeadlineSeconds": 0}
        try:
            await self._api.merge(namespaced("jobs", self._builds, name), body)
        except KubeError as error:
            if error.status != 404:
                raise

    async def all_jobs(self) -> list[OwnedJob]:
        """Return all Jobs of packages that are there."""
        selector = f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY}"
        found = await self._api.list_metadata(namespaced("jobs", self._builds), owned_job, labelSelector=selector)
        return [job for job in found if job]

    async def why_no_pod(self, job: JobFact) -> str:
        """Return Kubernetes' or the queue's message about a Job without a pod; empty when there is none to be read."""
        if job.suspended:
            return one_line(await self._why_queued(job), _CAUSE_CHARACTERS).rstrip(".")
        query = f"involvedObject.uid={job.uid},reason=FailedCreate"
        try:
            events, _ = await self._api.list(namespaced("events", self._builds), fieldSelector=query)
        except KubeError:
            return ""
        newest = max(events, key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime")), default={})
        return one_line(str(newest.get("message", "")), _CAUSE_CHARACTERS).removeprefix("Error creating: ").rstrip(".")

    async def _why_queued(self, job: JobFact) -> str:
        for path in kueue.workload_paths(self._builds):
            try:
                workloads, _ = await self._api.list(path, labelSelector=f"{kueue.JOB_UID_LABEL}={job.uid}")
            except KubeError:  # not served, or another queue than Kueue
                continue
            return next((said for said in map(kueue.why_pending, workloads) if said), "")
        return ""

    async def has_input(self, job: str) -> bool:
        """Return True when that Job has its ConfigMap."""
        return await self._api.get(namespaced("configmaps", self._builds, job)) is not None

    async def delete_job(self, name: str, uid: str | None = None, *, foreground: bool = False) -> None:
        """Delete a Job with its pods and its ConfigMap; with `uid`, that one and no namesake. See `KubeApi.delete`."""
        await self._api.delete(namespaced("jobs", self._builds, name), uid=uid, foreground=foreground)

    async def log(self, pod: PodFact, step: Step) -> StepLog:
        """Return a step's log, read once and in pieces; when it takes longer than a minute, the part that came in it.

        For a pod that is going, ten seconds: its kubelet may hold back an answer until the last container has ended.
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


def _labels(selector: Mapping[str, str], more: str = "") -> str:
    labels = [f"{k}={v}" for k, v in {names.LABEL_MANAGED_BY: names.MANAGED_BY, **selector}.items()]
    return ",".join([*labels, *([more] if more else [])])


def _few(uids: list[str]) -> str:
    """Return a selector of these packages' objects; none where they are so many that all are read."""
    return f"{names.LABEL_PACKAGE_UID} in ({','.join(uids)})" if len(uids) <= _FEW else ""


def _metadata_alone(metadata: Json) -> Json:
    return slim({"metadata": metadata})
