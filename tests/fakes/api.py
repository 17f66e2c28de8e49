"""Shared parts of the API's tests: users, the served app, packages as the operator would leave them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import threading
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
import yaml

from dagy.adapters.kube.api import KubeApi
from dagy.adapters.settings.api import ApiSettings
from dagy.model.rest.packages import DepPackageResponse
from dagy.web.app import create_app
from dagy.web.serving.services import Services
from tests.cluster.doctor import free_port
from tests.cluster.layout import current_layout

ROOT = Path(__file__).parents[2]
PREFIX = "rest"


class Users:
    """Service accounts of the namespace `default`, with a kubeconfig that knows how to make their tokens."""

    def __init__(self, kubeconfig: str) -> None:
        self.kubeconfig = kubeconfig
        self._tokens: dict[str, str] = {}

    def kubectl(self, *arguments: str, stdin: Any = None) -> str:
        """Run kubectl as the administrator; return its output."""
        argv = [str(current_layout().bin / "kubectl"), f"--kubeconfig={self.kubeconfig}", *arguments]
        text = None if stdin is None else json.dumps(stdin)
        done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False, timeout=60)
        assert not done.returncode, done.stderr
        return done.stdout

    def create(self, name: str, *, edits: str | None = None, views: str | None = None) -> None:
        """A user who may edit or view one namespace."""
        self.kubectl("create", "serviceaccount", name)
        # Aggregation into `view` and `edit` needs the controller manager, which is not part of this tier.
        for namespace, roles in (
            (edits, ("dagy-view", "dagy-package-edit", "dagy-flow-edit")),
            (views, ("dagy-view",)),
        ):
            for role in roles if namespace else ():
                grant = f"--clusterrole={role}", f"--serviceaccount=default:{name}", f"--namespace={namespace}"
                self.kubectl("create", "rolebinding", f"{name}-{role}", *grant)

    def create_api(self) -> None:
        """The API's own account with the rights that its manifest gives it, and nothing more."""
        documents = [d for d in yaml.safe_load_all((ROOT / "manifests/base/api-rbac.yaml").read_text()) if d]
        self.kubectl(
            "apply", "--server-side", "-f", "-", stdin={"apiVersion": "v1", "kind": "List", "items": documents}
        )

    def token(self, name: str, namespace: str = "default") -> str:
        """The user's token."""
        if name not in self._tokens:
            made = self.kubectl("create", "token", name, f"--namespace={namespace}", "--duration=2h")
            self._tokens[name] = made.strip()
        return self._tokens[name]


@dataclass
class Api:
    """The served app."""

    url: str
    users: Users

    def client(self, user: str | None, **headers: str) -> httpx.Client:
        """A client with the user's token, or with none."""
        token = {"Authorization": f"Bearer {self.users.token(user)}"} if user else {}
        return httpx.Client(base_url=self.url, headers={**token, **headers}, timeout=60)


def api_kubeconfig(users: Users, folder: Path) -> Path:
    """A kubeconfig of the API's service account. It carries the administrator's certificate, too, which the connection
    for callers must leave out."""
    config = json.loads(Path(users.kubeconfig).read_text())
    path = folder / "api-kubeconfig"
    config["users"][0]["user"] = {"token": users.token("dagy-api", "dagy-system")}
    path.write_text(json.dumps(config))
    return path


@contextmanager
def serving(kubeconfig: str, users: Users, bucket: str, prefix: str = PREFIX, **more: Any) -> Iterator[Api]:
    """uvicorn with the app, as `python -m dagy.web` runs it, but for TLS."""
    # Nobody in a test searches PyPI, whose list of names is large.
    settings = ApiSettings(s3_bucket=bucket, s3_prefix=prefix, **{"search": "index_url" in more, **more})
    own_kubeconfig = str(api_kubeconfig(users, Path(kubeconfig).parent))

    async def connect() -> Services:
        callers = await KubeApi.connect_without_identity("dagy-api", kubeconfig)
        return Services(settings, callers, await KubeApi.connect("dagy-api", own_kubeconfig))

    with _served(connect) as url:
        yield Api(url, users)


@contextmanager
def in_process(kubeconfig: str, settings: ApiSettings) -> Iterator[httpx.Client]:
    """A client of the app with a kubeconfig's rights, as a command has it."""
    with (
        _served(lambda: Services.in_process(settings, kubeconfig)) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        yield client


@contextmanager
def _served(connect: Callable[[], Awaitable[Services]]) -> Iterator[str]:
    port = free_port()
    server: list[uvicorn.Server] = []
    started = threading.Event()

    async def run() -> None:
        services = await connect()
        config = uvicorn.Config(create_app(services), host="127.0.0.1", port=port, log_level="warning", lifespan="off")
        server.append(uvicorn.Server(config))
        server[0].install_signal_handlers = lambda: None  # type: ignore[method-assign]
        task = asyncio.create_task(server[0].serve())
        while not server[0].started and not task.done():
            await asyncio.sleep(0.01)
        started.set()
        await task
        await services.close()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert started.wait(60), "the API does not start"
    yield f"http://127.0.0.1:{port}"
    server[0].should_exit = True
    thread.join(20)


def unique(prefix: str = "p") -> str:
    """A name that no other test has."""
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def body(**fields: Any) -> dict[str, Any]:
    """The body of a package."""
    return {"python_version": "3.12", "dependencies": ["idna"], **fields}


def create(api: Api, user: str = "alice", namespace: str = "team-a", **fields: Any) -> DepPackageResponse:
    """A new package of a user's."""
    with api.client(user) as client:
        answer = client.post("/dep-packages", json=body(namespace=namespace, name=unique(), **fields))
    assert answer.status_code == 201, answer.text
    return DepPackageResponse.read(answer.json())


def folder_of(users: Users, namespace: str, name: str, slug: str) -> str:
    """Give the package that slug; return the folder of its objects."""
    spec = {"slug": slug, "namespace": namespace, "name": name}
    claim = {"apiVersion": "dagy.io/v1", "kind": "SlugClaim", "metadata": {"name": slug.lower()}, "spec": spec}
    users.kubectl("create", "-f", "-", stdin=claim)
    uid = users.kubectl("get", "deppackage", name, "-n", namespace, "-o", "jsonpath={.metadata.uid}")
    return f"{PREFIX}/{namespace}/{slug}/{uid}"


def zip_name(data: bytes) -> str:
    """Return the name that the builder would give to a ZIP."""
    return f"{'0' * 16}-cp312-manylinux_2_28_x86_64-{hashlib.sha256(data).hexdigest()[:16]}.zip"


def artifact_status(uri: str, data: bytes) -> dict[str, Any]:
    """status.artifact of a ZIP with these bytes."""
    sha256 = hashlib.sha256(data).hexdigest()
    return {
        "uri": uri, "sha256": sha256, "contentSha256": sha256, "sizeBytes": len(data), "uncompressedBytes": 9,
        "fileCount": 1, "packageCount": 1, "pythonVersion": "3.12", "architecture": "amd64", "glibc": "2.28",
        "zipImportable": True, "lockHash": sha256, "lockUri": uri.replace(".zip", ".pylock.toml"), "builtAt": "2026-11-21T12:00:00Z",
    }  # fmt: skip
