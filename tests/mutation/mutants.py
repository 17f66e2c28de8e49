"""The mutants: a precondition, a claim's check, a resync, a finalizer or an order is removed, one in each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_DAGY = "operator/dagy"
_CORE, _PACKAGES, _FLOWS = f"{_DAGY}/core", f"{_DAGY}/controller/packages", f"{_DAGY}/controller/flows"
_ENGINE, _ADAPTERS = f"{_DAGY}/controller/engine", f"{_DAGY}/adapters"


@dataclass(frozen=True)
class Mutant:
    """One change of the product: `before`, which its file has once, becomes `after`. Something must fail then."""

    name: str
    path: str
    before: str
    after: str
    tests: tuple[str, ...]
    """Where a test fails: folders or files below tests/, those that are quick first."""

    def applied(self) -> str:
        """The file's text with the change. Raises ValueError unless there is exactly one place for it."""
        text = (ROOT / self.path).read_text()
        if text.count(self.before) != 1:
            raise ValueError(f"{self.name}: {self.path} has the text {text.count(self.before)} times: {self.before!r}")
        return text.replace(self.before, self.after)


_DECIDE, _FACTS = f"{_CORE}/package/decide.py", f"{_CORE}/outcomes/facts.py"
_ATTEMPTS, _QUEUE = f"{_CORE}/package/attempts.py", f"{_CORE}/package/queue.py"
_KIND, _STORE = f"{_ADAPTERS}/kube/kind_client.py", f"{_ADAPTERS}/packages/artifact_store.py"
_RULES = ("core",)

MUTANTS = (
    # Preconditions of writes
    Mutant("a write does not ask for the version that was read", _KIND, '_IDENTITY = ("name", "namespace", "uid", "resourceVersion")', '_IDENTITY = ("name", "namespace", "uid")', ("controller/packages/test_own_objects.py",)),
    Mutant("a finalizer is taken from whatever is there now", _KIND, '[_as_read(metadata), {"op": "replace", "path": "/metadata/finalizers"', '[{"op": "replace", "path": "/metadata/finalizers"', ("controller/packages/test_own_objects.py",)),
    Mutant("what others wrote into a status stays", _KIND, 'if applied.get("status") == wanted:', "if True:", ("controller/packages/test_spoiled.py",)),
    Mutant("finalizers of others go with ours", _KIND, "if finalizer != names.FINALIZER]", "if False]", ("controller/packages/test_own_objects.py",)),
    Mutant("a conflict is an error like any other", f"{_ENGINE}/controller.py", "if error.is_conflict:", "if False:", ("controller/packages/test_truth.py",)),
    Mutant("a record is replaced whatever others wrote meanwhile", _STORE, '"application/json", found[1]):', '"application/json", ((await asyncio.to_thread(self._objects.get_tagged, key.text)) or found)[1]):', ("controller/packages/test_records.py",)),
    # Whose a slug and an object are
    Mutant("a claim of an earlier namespace counts", f"{_CORE}/common/slug.py", 'or claim.namespace_uid not in ("", namespace_uid)', "", ("core/common", "controller/packages/test_claims.py")),
    Mutant("a claim of another package counts", f"{_CORE}/common/slug.py", "claim.key != key or ", "", ("core/common", "controller/packages/test_claims.py")),
    Mutant("the newest of two claims counts", f"{_CORE}/common/slug.py", "(not claim.namespace_uid, claim.version)", "(not claim.namespace_uid, -claim.version)", ("core/common", "controller/packages/test_claims.py")),
    Mutant("a slug is given although another has it", f"{_PACKAGES}/slugs.py", "or _taken(requested)", "or await self._claims.claim(requested)", ("controller/packages/test_claims.py",)),
    Mutant("a namespace may use up all slugs", f"{_PACKAGES}/slugs.py", "if await self._used(key.namespace) >= self._limit:", "if False:", ("controller/packages/test_claims.py",)),
    Mutant("an artifact of another package is taken for one's own", f"{_CORE}/common/keys.py", "return self.artifact_of(artifact.uri) is not None and all(map(self.key_of, artifact.uris.values()))", "return True", ("core/common", "controller/packages/test_own_objects.py")),
    Mutant("status is believed whose objects it names", f"{_CORE}/package/status_cache.py", "foreign = (artifact, history) != (said.artifact, said.history)", "foreign = False", ("core/common", "controller/packages/test_own_objects.py")),
    Mutant("status of an earlier spec tells the lock", f"{_CORE}/package/status_cache.py", "if status.spec_hash != plan.spec_hash:\n        return Look.UNKNOWN", "", ("core/package",)),
    Mutant("a record of another package is read", f"{_CORE}/package/records.py", "if home.owns(artifact) else None", "", ("core/package",)),
    Mutant("a copy is taken of a package that is being deleted", f"{_CORE}/package/reuse.py", 'or "deletionTimestamp" in metadata ', "", ("core/package",)),
    Mutant("what package code has built is copied", f"{_CORE}/package/reuse.py", "return not asked and plan.spec.source_distributions is SourceDistributions.FORBID", "return not asked", ("core/package",)),
    # Events, resyncs, the work queue
    Mutant("a resync looks at nothing", f"{_ENGINE}/controller.py", "if rest is None:\n            self._queue.add(key)\n", "if rest is None:\n", ("controller/engine",)),
    Mutant("events that are lost are made up for after ten minutes", f"{_ENGINE}/controller.py", "return max(least, min(", "return max(LONGEST_RESYNC_SECONDS, min(", ("controller/engine",)),
    Mutant("what changes during a look is forgotten", f"{_ENGINE}/queue.py", "if key in self._wanted:\n                    self._queue.put_nowait(key)", "", ("controller/engine",)),
    Mutant("two workers look at one object", f"{_ENGINE}/queue.py", "if key not in self._active:\n            self._queue", "if True:\n            self._queue", ("controller/engine",)),
    Mutant("a back-off never ends", f"{_ENGINE}/queue.py", "self._failures.pop(key, None)", "pass", ("controller/engine",)),
    Mutant("a failed look is not repeated", f"{_ENGINE}/queue.py", "self.add_after(key, self._backoff(key))", "self._backoff(key)", ("controller/engine",)),
    Mutant("a running Job is looked at only when an event comes", f"{_PACKAGES}/reconcile.py", "return _SAFETY_SECONDS if progress.started else _STARTING_SECONDS", "return None", ("controller/packages/test_reconcile.py",)),
    Mutant("Jobs start before all have been looked at", f"{_PACKAGES}/limiter.py", "self._open = False", "self._open = True", ("controller/packages/test_limiter.py",)),
    # Deletion
    Mutant("a package goes while flows use it", f"{_PACKAGES}/finalize.py", "if users:", "if False:", ("controller/packages/test_in_use.py",)),
    Mutant("a package goes while its pod can still upload", f"{_PACKAGES}/finalize.py", "    if pods:", "    if False:", ("controller/packages/test_own_objects.py", "controller/packages/test_reconcile.py")),
    Mutant("a package's Jobs outlive it", f"{_PACKAGES}/finalize.py", "await cluster.delete_job(job.name)", "pass", ("controller/packages/test_reconcile.py", "controller/packages/test_own_objects.py")),
    Mutant("Retain deletes", f"{_PACKAGES}/finalize.py", "store.retain(home) if retain else store.delete(home)", "store.delete(home)", ("controller/packages/test_reconcile.py",)),
    Mutant("objects outlive their package", f"{_PACKAGES}/finalize.py", "store.retain(home) if retain else store.delete(home)", "store.retain(home)", ("controller/packages/test_reconcile.py",)),
    Mutant("there is no finalizer", f"{_ENGINE}/reconciler.py", "return names.FINALIZER in (self.metadata.get(\"finalizers\") or [])", "return True", ("controller/packages/test_own_objects.py",)),
    Mutant("code of other deployments is deleted", f"{_FLOWS}/finalize.py", "self._store.own([*mine, *used], key.namespace)", "self._store.own([*mine], key.namespace)", ("controller/flows/test_history.py",)),
    Mutant("an artifact goes that a revision pins", f"{_PACKAGES}/reconcile.py", "frozenset(pin.sha256 for pin in pins)", "frozenset()", ("controller/packages/test_in_use.py",)),
    # Requests, attempts, outcomes
    Mutant("a cancellation is obeyed for ever", _DECIDE, "return bool(asked) and asked != seen.handled.cancel and all(job.after_cancel != asked for job in seen.jobs)", "return bool(asked)", _RULES),
    Mutant("Jobs go while S3 is away", _DECIDE, "case states.Blocked():\n            return ()", "case states.Blocked():\n            wanted = set()", _RULES),
    Mutant("failed attempts are kept for ever", _DECIDE, "if job.attempt <= newest[job.input_hash] - ATTEMPTS_KEPT]", "if job.attempt < 0]", _RULES),
    Mutant("the failure of the attempt before is not kept", _DECIDE, "return _keep(job, failure) if isinstance(failure, Failure) else ()\n    return ()", "return ()\n    return ()", ("core/package",)),
    Mutant("attempts are one more than allowed", _ATTEMPTS, "attempt > limit:", "attempt > limit + 1:", _RULES),
    Mutant("attempts of other faults count", _ATTEMPTS, "return last.attempt - max(others, default=0)", "return last.attempt", _RULES),
    Mutant("attempts follow each other without a pause that grows", _ATTEMPTS, "float(2 ** min(attempt - 1, 10))", "1.0", _RULES),
    Mutant("a clock that is put back stops attempts", f"{_CORE}/package/states.py", "if ahead or at <= now", "if at <= now", _RULES),
    Mutant("a Job that has ended may still run", f"{_CORE}/outcomes/diagnosis.py", "return pod_failures.lost(job.name) if job.finished else None", "return None", _RULES),
    Mutant("memory's end is the step's own fault", f"{_CORE}/outcomes/diagnosis.py", 'if container.reason == "OOMKilled":', "if False:", _RULES),
    Mutant("a user's fault is tried again", f"{_CORE}/package/states.py", "if not failure.retryable:", "if False:", _RULES),
    Mutant("a suspended package is built", f"{_CORE}/package/states.py", "    if plan.spec.suspend:\n        return Suspended()\n    if not (plan.auto or asked or lost):", "    if not (plan.auto or asked or lost):", _RULES),
    Mutant("what is lost is built again and again", f"{_CORE}/package/lost.py", "rebuild=last is None or now - last >= ONCE_IN", "rebuild=True", ("core/package",)),
    # Requests
    Mutant("a refresh is asked for again until its build has ended", f"{_CORE}/package/status.py", "refresh=asked.refresh if refreshed and", "refresh=asked.refresh if ended and", _RULES),
    # Fairness
    Mutant("one namespace may take every slot", _QUEUE, "level < self._limits.per_namespace and self.place(key)", "self.place(key)", _RULES),
    Mutant("who was served stays in front", _QUEUE, "self._served[key.namespace] = self._turn", "self._served[key.namespace] = 0", _RULES),
    Mutant("pods that outlive their Jobs take no slot", f"{_CORE}/outcomes/slots.py", "for obj in [*live.values(), *_without_pods(jobs, pods)]]", "for obj in _without_pods(jobs, pods)]", _RULES),
    Mutant("slots are not counted before a Job starts", f"{_PACKAGES}/limiter.py", "queue.count(await self._cluster.occupied_slots(kind))", "pass", ("controller/packages/test_limiter.py",)),
    # Attaching
    Mutant("a pod takes packages of any namespace", f"{_CORE}/attach/request.py", "return namespace == self.namespace or wanted.sha256 is not None or namespace in self.suppliers", "return True", ("core/attach", "web/attach")),
)  # fmt: skip
