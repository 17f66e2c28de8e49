"""kubectl as one of DAGY's own service accounts, on an API server with the manifests' rights and policies."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.cluster.layout import current_layout
from tests.rights import MANIFESTS

Json = dict[str, Any]


@dataclass(frozen=True)
class Account:
    """Requests in somebody's name."""

    kubeconfig: str
    user: str = ""

    def __call__(self, *arguments: str, stdin: Any = None) -> str:
        """What kubectl says, whether it worked or not."""
        argv = [str(current_layout().bin / "kubectl"), f"--kubeconfig={self.kubeconfig}", *arguments]
        argv += [f"--as={self.user}"] if self.user else []
        text = None if stdin is None else json.dumps(stdin)
        done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False, timeout=60)
        return done.stdout + done.stderr if not done.returncode else f"refused: {done.stderr}"

    def create(self, manifest: Json) -> str:
        """Whether that could be created."""
        return self("create", "--dry-run=server", "-o", "name", "-f", "-", stdin=manifest)

    def patch(self, kind: str, name: str, namespace: str, patch: Json | list[Json], *options: str) -> str:
        """Whether that could be changed so: by a merge patch, or by a list of JSON patch's operations."""
        how = "--type=json" if isinstance(patch, list) else "--type=merge"
        where = (f"--namespace={namespace}", "--dry-run=server", "-o", "name", how, f"--patch={json.dumps(patch)}")
        return self("patch", kind, name, *where, *options)

    def delete(self, kind: str, name: str, namespace: str) -> str:
        """Whether that could be deleted."""
        return self("delete", kind, name, f"--namespace={namespace}", "--dry-run=server", "-o", "name")


@pytest.fixture(scope="session")
def admin(kubeconfig: str) -> Account:
    """The administrator."""
    return Account(kubeconfig)


@pytest.fixture(scope="session")
def operator(admin: Account) -> Account:
    """The operator's account."""
    return Account(admin.kubeconfig, "system:serviceaccount:dagy-system:dagy-operator")


@pytest.fixture
def keeper(admin: Account) -> Iterator[Account]:
    """The account that keeps the webhook's certificates, and while it is asked the webhook's configurations."""
    files = (MANIFESTS / "webhook.yaml", MANIFESTS / "webhook-server.yaml")
    webhook = ("--server-side", *(word for file in files for word in ("-f", str(file))))
    said = admin("apply", *webhook)
    assert not said.startswith("refused"), said
    yield Account(admin.kubeconfig, "system:serviceaccount:dagy-system:dagy-webhook")
    admin("delete", *webhook[1:])


@pytest.fixture
def make(admin: Account) -> Iterator[Callable[[Json], str]]:
    """Creates an object, which goes after the test, and returns its name."""
    made: list[Json] = []

    def create(manifest: Json) -> str:
        name = f"{manifest['metadata']['name'][:20]}-{uuid.uuid4().hex[:6]}"
        new = {**manifest, "metadata": {**manifest["metadata"], "name": name}}
        said = admin("create", "-f", "-", stdin=new)
        assert not said.startswith("refused"), said
        made.append(new)
        return name

    yield create
    for one in made:
        admin("delete", "--wait=false", "--force", "-f", "-", stdin=one)
