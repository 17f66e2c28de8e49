"""kubectl for tests: what a user would type, and the waiting that a test needs. No sleeps: conditions are awaited."""

from __future__ import annotations

import json
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

BUILDS = "dagy-builds"
SYSTEM = "dagy-system"
DEADLINE_SECONDS = 300.0


class KubectlError(AssertionError):
    """kubectl said no; the text is what it said."""


@dataclass
class Kube:
    """kubectl with one kubeconfig and one namespace."""

    kubectl: str
    kubeconfig: str
    namespace: str

    def __call__(self, *args: str, stdin: Any = None, namespace: str | None = None) -> str:
        """Run kubectl; its standard output. Raises KubectlError with its standard error."""
        command = [self.kubectl, "--kubeconfig", self.kubeconfig, "-n", namespace or self.namespace, *args]
        text = None if stdin is None else stdin if isinstance(stdin, str) else json.dumps(stdin)
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False
        )
        if done.returncode:
            raise KubectlError(done.stderr)
        return done.stdout

    def apply(self, *objects: Json) -> None:
        """Server-side apply."""
        self(
            "apply",
            "--server-side",
            "--force-conflicts",
            "-f",
            "-",
            stdin={"apiVersion": "v1", "kind": "List", "items": list(objects)},
        )

    def get(self, kind: str, name: str, namespace: str | None = None) -> Json:
        """One object."""
        found: Json = json.loads(self("get", kind, name, "-o", "json", namespace=namespace))
        return found

    def list(self, kind: str, *selector: str, namespace: str | None = None) -> list[Json]:
        """All objects of a kind, with `-l` or `--field-selector` arguments."""
        items: list[Json] = json.loads(self("get", kind, *selector, "-o", "json", namespace=namespace))["items"]
        return items

    def wait(self, name: str, condition: str = "Settled", seconds: int = 240) -> Json:
        """`kubectl wait` for a DepPackage's condition; the object then."""
        try:
            self("wait", f"--for=condition={condition}", f"dp/{name}", f"--timeout={seconds}s")
        except KubectlError as error:
            status = self.get("dp", name).get("status")
            raise KubectlError(f"{error}\n{json.dumps(status, indent=1)}") from None
        return self.get("dp", name)

    def held_up(self, name: str, reason: str, seconds: float = DEADLINE_SECONDS) -> Json:
        """Watch a DepPackage until that reason holds it up: told, tried again by itself, and therefore not settled."""
        return self.until(
            name,
            lambda dp: (
                "status" in dp
                and condition(dp, "Ready").get("reason") == reason
                and condition(dp, "Settled")["status"] == condition(dp, "Stalled")["status"] == "False"
                and "by itself" in dp["status"]["message"]
            ),
            seconds,
        )

    def until(self, name: str, test: Callable[[Json], bool], seconds: float = DEADLINE_SECONDS) -> Json:
        """Watch a DepPackage until it passes the test; the object then."""
        for _, package in self.watch("dp", "--field-selector", f"metadata.name={name}", seconds=seconds):
            if package["metadata"]["name"] == name and test(package):
                return package
        raise KubectlError(f"{name} never got there: {json.dumps(self.get('dp', name).get('status'), indent=1)}")

    def watch(
        self, kind: str, *selector: str, seconds: float, namespace: str | None = None
    ) -> Iterator[tuple[str, Json]]:
        """Watch events (type, object) of a kind, beginning with what is there, for so long at most."""
        command = [self.kubectl, "--kubeconfig", self.kubeconfig, "-n", namespace or self.namespace, "get", kind]
        command += [*selector, "-o", "json", "--watch", "--output-watch-events"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            timer = threading.Timer(seconds, process.kill)
            timer.start()
            try:
                assert process.stdout
                for line in process.stdout:
                    event = json.loads(line)
                    yield event["type"], event["object"]
            finally:
                timer.cancel()
                process.kill()

    @contextmanager
    def recording(self, kind: str, namespace: str, *selector: str) -> Iterator[Recording]:
        """Record every version of the objects of a kind while the block runs; those that an API server away didn't tell are missing."""
        recording = Recording()
        stop = threading.Event()
        end = time.monotonic() + DEADLINE_SECONDS * 3

        def record() -> None:
            while not stop.is_set() and (left := end - time.monotonic()) > 0:
                for type_, obj in self.watch(kind, *selector, seconds=left, namespace=namespace):
                    recording.versions.append((type_, obj))
                    if stop.is_set():
                        return
                time.sleep(0.5)  # the API server is away; between two tries

        thread = threading.Thread(target=record, daemon=True)
        thread.start()
        yield recording
        stop.set()


@dataclass
class Recording:
    """What a watch has seen."""

    versions: list[tuple[str, Json]] = field(default_factory=list)

    def objects(self) -> list[Json]:
        """All versions, in order."""
        return [obj for _, obj in self.versions]

    def names(self) -> set[str]:
        """Names of all objects that ever were."""
        return {obj["metadata"]["name"] for obj in self.objects()}

    def phases(self, name: str) -> list[str]:
        """The phases that a package went through, in order, each once."""
        seen: list[str] = []
        for obj in self.objects():
            phase = obj.get("status", {}).get("phase")
            if obj["metadata"]["name"] == name and phase and (not seen or seen[-1] != phase):
                seen.append(phase)
        return seen


@contextmanager
def own_namespace(admin: Kube, *, emptied: bool = False) -> Iterator[Kube]:
    """kubectl in a namespace of its own, while the block runs. `emptied`: it waits until the packages there are gone."""
    kube = Kube(admin.kubectl, admin.kubeconfig, f"e2e-{uuid.uuid4().hex[:8]}")
    admin("create", "namespace", kube.namespace)
    yield kube
    if emptied:
        kube("delete", "dp", "--all", "--timeout=120s")
    admin("delete", "namespace", kube.namespace, "--wait=false")


def package(name: str, *dependencies: str, python: str = "3.12", **spec: Any) -> Json:
    """A DepPackage manifest."""
    return {
        "apiVersion": "dagy.io/v1",
        "kind": "DepPackage",
        "metadata": {"name": name},
        "spec": {"pythonVersion": python, "dependencies": list(dependencies), **spec},
    }


def slow_package(name: str, *dependencies: str) -> Json:
    """A manifest whose build lasts: with so little CPU each of its phases is seen, however fast the machine is."""
    return package(name, *dependencies, build={"resources": {"limits": {"cpu": "100m"}}})


def condition(obj: Json, kind: str) -> Json:
    """One condition of a package's status; empty when there is none."""
    found: Json = next((c for c in obj.get("status", {}).get("conditions", []) if c["type"] == kind), {})
    return found


def eventually(test: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Await something that has no watch (an object in S3, a process that ends), asking five times a second."""
    end = time.monotonic() + seconds
    while not test():
        assert time.monotonic() < end, f"still not so after {seconds:.0f} s: {what}"
        threading.Event().wait(0.2)
