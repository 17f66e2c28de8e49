"""The reconcilers and the played kubelet at work in a thread, on whatever packages and flows there are.

They serve one namespace as an operator would, and try again what the API server or S3 did not let pass.
"""

from __future__ import annotations

import asyncio
import threading
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from dagy.adapters.kube.api import deppackage_path, flowdeployment_path
from dagy.controller.engine.errors import EXPECTED
from dagy.model.base import NamespacedName
from dagy_builder.contract import Fault, Reason, Step, StepOutcome
from dagy_builder.storage.store import ObjectStore
from tests.fakes.controller import NAMESPACE, Rig, open_rig
from tests.fakes.flow_controller import FlowRig
from tests.fakes.kubelet import Kubelet

UNKNOWN = "nonesuch"
"""A requirement that no index has."""
SENTENCE = f"The index knows no package {UNKNOWN}. Correct the name."
INVALID = StepOutcome(
    Step.RESOLVE,
    ok=False,
    reason=Reason.PACKAGE_NOT_FOUND,
    message=SENTENCE,
    fault=Fault.USER,
    problems=[{"message": SENTENCE, "requirement": UNKNOWN}],
)


class Rounds:
    """Counts how often the operator has looked at everything."""

    def __init__(self) -> None:
        self.done = 0


@contextmanager
def busy_operator(kubeconfig: str, objects: ObjectStore, prefix: str) -> Iterator[Rounds]:
    """Work below that prefix of the bucket while the block runs. What goes wrong there is raised at its end."""
    stop, rounds = threading.Event(), Rounds()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            asyncio.run(_work(kubeconfig, objects, prefix, stop, rounds))
        except BaseException as error:
            traceback.print_exc()  # beside the test that waits in vain
            failures.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield rounds
    finally:
        stop.set()
        thread.join(60)
    if failures:
        raise failures[0]


async def _work(kubeconfig: str, objects: ObjectStore, prefix: str, stop: threading.Event, rounds: Rounds) -> None:
    async with open_rig(kubeconfig, objects) as rig:
        operator = _Operator(replace(rig, prefix=prefix))
        while not stop.is_set():
            with _tried_again():
                await operator.round()
            rounds.done += 1
            await asyncio.sleep(0.2)


def _tried_again() -> AbstractContextManager[None]:
    """Leave what is refused now to the next round, as the operator's own queue does."""
    return suppress(*EXPECTED)


@dataclass
class _Operator:
    rig: Rig
    kubelets: dict[tuple[NamespacedName, str], Kubelet] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rig = self.rig
        self.packages = rig.reconciler()
        self.flows = FlowRig(rig.admin, rig.operator, rig.objects, rig.prefix, NAMESPACE).reconciler()

    async def round(self) -> None:
        """Look at each object once, and let each package's Job do a step."""
        packages, _ = await self.rig.admin.list(deppackage_path(NAMESPACE, "").rstrip("/"))
        for package in packages:
            with _tried_again():
                await self._package(package)
        flows, _ = await self.rig.admin.list(flowdeployment_path(NAMESPACE))
        for flow in flows:
            with _tried_again():
                await self.flows.reconcile(NamespacedName.of(flow["metadata"]))

    async def _package(self, package: dict[str, Any]) -> None:
        key = NamespacedName.of(package["metadata"])
        await self.packages.reconcile(key)
        listed = package["spec"]["dependencies"]
        # Each list of each package has a lock of its own.
        kubelet = self.kubelets.setdefault((key, str(listed)), self.rig.alone(key).kubelet)
        kubelet.logs = self.rig.kubelet.logs
        await kubelet.step(INVALID if UNKNOWN in listed else None)
