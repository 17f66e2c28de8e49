"""The README's table "Use it", word by word, by people who have a kubeconfig and nothing else. Only the slug is another."""

from __future__ import annotations

import hashlib
import os
import select
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from tests import readme
from tests.e2e import people
from tests.e2e.conftest import STATE
from tests.e2e.kube import Kube, package

pytestmark = pytest.mark.e2e

VENV = Path(sys.executable).parent
STAYS = {"dagy console"}
"""Commands that go on until they are ended."""
FLOW = "import idna\nprint('ran with', idna.__version__)\n"


@dataclass
class Person:
    """Somebody at a shell, as the README sets it up."""

    kube: Kube
    """The administrator's view, to look at what came of it."""
    kubeconfig: Path
    folder: Path
    slug: str = ""

    def environment(self) -> dict[str, str]:
        """The shell's."""
        return {
            "HOME": str(self.folder),
            "KUBECONFIG": str(self.kubeconfig),
            "PATH": f"{STATE / 'bin'}:{VENV}:{os.environ['PATH']}",
            **{name: os.environ[name] for name in ("SSL_CERT_FILE", "LANG") if name in os.environ},
        }

    def types(self, line: str) -> str:
        """A command and what it printed."""
        command = line.replace(readme.SLUG, self.slug)
        done = subprocess.run(
            ["bash", "-ec", command], cwd=self.folder, env=self.environment(),
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout

    def opens(self, line: str) -> str:
        """A command that serves a page until it is ended: who is signed in there."""
        with subprocess.Popen(
            ["bash", "-ec", f"exec {line}"], cwd=self.folder, env=self.environment(), stdout=subprocess.PIPE, text=True
        ) as running:
            try:
                assert running.stdout
                assert select.select([running.stdout], [], [], 60)[0], "no address was printed"
                address, _, key = running.stdout.readline().rpartition(" ")[2].strip().partition("#token=")
                assert "<title>DAGY</title>" in httpx.get(address, timeout=60).text
                who = httpx.get(urljoin(address, "../whoami"), headers={"Authorization": f"Bearer {key}"}, timeout=60)
                return str(who.json()["username"])
            finally:
                running.terminate()

    def applies(self, *requirements: str) -> None:
        """The package's manifest."""
        own = Kube(self.kube.kubectl, str(self.kubeconfig), self.kube.namespace)
        own.apply(package(readme.PACKAGE, *requirements))

    def starts_a_pod(self, annotation: str) -> None:
        """With that annotation; it imports the package."""
        name, value = annotation.replace(readme.SLUG, self.slug).split(": ")
        container = {
            "name": "main", "image": "docker.io/library/python:3.12-slim", "imagePullPolicy": "IfNotPresent",
            "command": ["python3", "-c", "import idna; print(idna.__file__)"],
        }  # fmt: skip
        pod = {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "imports", "annotations": {name: value}},
            "spec": {"restartPolicy": "Never", "containers": [container]},
        }  # fmt: skip
        own = Kube(self.kube.kubectl, str(self.kubeconfig), self.kube.namespace)
        own("create", "-f", "-", stdin=pod)
        own("wait", "pod/imports", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=120s")


@pytest.fixture(
    params=[people.with_certificate, people.with_token, people.administrator], ids=lambda make: make.__name__
)
def person(request: pytest.FixtureRequest, kube: Kube, tmp_path: Path) -> Person:
    """Somebody with a package, a flow and a requirements.txt."""
    make: Callable[[Kube, Path], Path] = request.param
    found = Person(kube, make(kube, tmp_path), tmp_path)
    (tmp_path / "requirements.txt").write_text("six\n")
    with zipfile.ZipFile(tmp_path / "artifact.zip", "w") as archive:
        archive.writestr("nightly.py", FLOW)
    found.applies("idna==3.6")
    found.slug = kube.wait(readme.PACKAGE, "Ready")["status"]["slug"]
    return found


def test_the_table_word_by_word(person: Person) -> None:
    printed: dict[str, str] = {}
    for row in readme.rows():
        for command in row.commands:
            if command in STAYS:
                assert person.opens(command)
                continue
            printed[command.partition(" -")[0].replace(readme.SLUG, "SLUG")] = person.types(command)
            if command.startswith("dagy packages logs --follow"):
                # What is downloaded next is what is there now.
                person.kube.wait(readme.PACKAGE, "Ready")
        if row.annotation:
            person.starts_a_pod(row.annotation)
        if row.program:
            person.types(f"python3 -c '{row.program}'")
        if row.applies:
            person.applies("idna==3.6", "six", "certifi")
            person.kube.wait(readme.PACKAGE, "Ready")
    assert person.slug in printed["dagy packages show SLUG"]
    assert readme.PACKAGE in printed["kubectl get deppackages"]
    assert printed["dagy run my-pipeline"] == "ran with 3.6\n"
    archive = (person.folder / f"{person.slug}.zip").read_bytes()
    assert hashlib.sha256(archive).hexdigest() in printed["dagy packages download SLUG"]
    with zipfile.ZipFile(person.folder / f"{person.slug}.zip") as found:
        assert {"idna/__init__.py", "six.py"} <= set(found.namelist())
    assert "kind: DepPackage" in printed["dagy requirements to-manifest requirements.txt"]
    assert zipfile.is_zipfile(person.folder / "deps.zip")


def test_by_way_of_the_api_server_where_no_address_is_published(kube: Kube, tmp_path: Path) -> None:
    """As an administrator: the command forwards a port. The ConfigMap is put back by the API itself, so it is hidden."""
    person = Person(kube, people.administrator(kube, tmp_path), tmp_path)
    person.applies("idna==3.6")
    person.slug = kube.wait(readme.PACKAGE, "Ready")["status"]["slug"]
    program = (
        "import dataclasses; from dagy.adapters import api_access; told = api_access.published\n"
        "async def hidden(api):\n    return dataclasses.replace(await told(api), url='', proxied_url='')\n"
        "api_access.published = hidden\nfrom dagy.cli import main\nmain(['packages', 'download', '%s'])\n"
    )
    (tmp_path / "hidden.py").write_text(program % person.slug)
    assert "sha256" in person.types("python3 hidden.py")
    assert zipfile.is_zipfile(tmp_path / f"{person.slug}.zip")
