"""The reconciler and the played kubelet at work in a thread, on whatever packages there are, as an operator would be."""

from __future__ import annotations

import asyncio
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from dagy.adapters.kube.api import deppackage_path
from dagy.model.base import NamespacedName
from dagy_builder.contract import Fault, Reason, Step, StepOutcome
from dagy_builder.storage.store import ObjectStore
from tests.fakes.controller import NAMESPACE, open_rig
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


@contextmanager
def busy_operator(kubeconfig: str, objects: ObjectStore) -> Iterator[None]:
    """Work while the block runs. What goes wrong there is raised at its end."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            asyncio.run(_work(kubeconfig, objects, stop))
        except BaseException as error:
            traceback.print_exc()  # beside the test that waits in vain
            failures.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)
    if failures:
        raise failures[0]


async def _work(kubeconfig: str, objects: ObjectStore, stop: threading.Event) -> None:
    async with open_rig(kubeconfig, objects) as rig:
        operator, kubelets = rig.reconciler(), dict[NamespacedName, Kubelet]()
        while not stop.is_set():
            packages, _ = await rig.admin.list(deppackage_path(NAMESPACE, "").rstrip("/"))
            for package in packages:
                key = NamespacedName.of(package["metadata"])
                await operator.reconcile(key)
                # Each package has a lock of its own.
                kubelet = kubelets.setdefault(key, rig.alone(key).kubelet)
                kubelet.logs = rig.kubelet.logs
                await kubelet.step(INVALID if UNKNOWN in package["spec"]["dependencies"] else None)
            await asyncio.sleep(0.2)
