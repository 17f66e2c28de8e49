"""`dagy` with a kubeconfig and nothing else: a client certificate or a token, of a namespace's user or an administrator."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dagy.adapters import api_access
from dagy.adapters.api_access import Credentials, Published
from dagy.cli import main
from dagy.client.http.errors import SetupError, UnreachableError
from dagy.commands import cluster_api
from dagy.commands.options import Api
from dagy_builder.storage.store import ObjectStore
from tests.cluster import pki
from tests.fakes.api import unique
from tests.fakes.operator import PlayedOperator
from tests.fakes.tls import Served, served

Dagy = Callable[..., int]
ROLES = ("dagy-view", "dagy-package-edit", "dagy-flow-edit")


@pytest.fixture(scope="module")
def api(kubeconfig: str, objects: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The API, and clio (by certificate) and the account theo (by token), who may edit team-b and nothing else."""
    with served(kubeconfig, tmp_path_factory.mktemp("alone"), DAGY_S3_BUCKET=objects.bucket) as running:
        running.users.create("theo", edits="team-b")
        for role in ROLES:
            grant = (f"--clusterrole={role}", "--user=clio", "--namespace=team-b")
            running.users.kubectl("create", "rolebinding", f"clio-{role}", *grant)
        yield running


@pytest.fixture(params=["certificate", "token", "administrator"])
def dagy(request: pytest.FixtureRequest, api: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dagy:
    """The command line of somebody who has no variable of ours and no right outside their namespace."""
    config = Path(api.kubeconfig)
    if request.param == "certificate":
        config = api.write_kubeconfig(tmp_path / "config", "team-b", api.certified("clio"))
    elif request.param == "token":
        config = api.write_kubeconfig(tmp_path / "config", "team-b", {"token": api.users.token("theo")})
    alone(monkeypatch, config)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, namespace: bool = True) -> int:
        with pytest.raises(SystemExit) as ended:
            main([*arguments, *(("-n", "team-b") if namespace else ())])
        return int(ended.value.code or 0)

    return run


def alone(monkeypatch: pytest.MonkeyPatch, config: Path) -> None:
    """Nothing but the kubeconfig."""
    monkeypatch.setenv("KUBECONFIG", str(config))
    for name in ("DAGY_API_URL", "DAGY_API_TOKEN", "DAGY_CA_FILE", "DAGY_S3_BUCKET"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.apiserver
def test_everything_that_needs_the_store(
    dagy: Dagy, kubeconfig: str, objects: ObjectStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = unique()
    assert dagy("packages", "create", name, "six", "--python", "3.12") == 0
    slug = PlayedOperator(kubeconfig, objects).completes("team-b", name, b"PK the package")
    capsys.readouterr()
    assert dagy("packages", "show", slug, "--json", namespace=False) == 0
    assert json.loads(capsys.readouterr().out)["name"] == name
    assert dagy("packages", "download", slug) == 0
    assert (tmp_path / f"{slug}.zip").read_bytes() == b"PK the package"
    assert dagy("packages", "logs", name, "--follow") == 0
    assert f"There is no log of package team-b/{name}" in capsys.readouterr().out

    with zipfile.ZipFile(tmp_path / "artifact.zip", "w") as archive:
        archive.writestr("flow.py", "print()\n")
    flow = unique("flow")
    for _ in range(2):
        assert dagy("deploy", "artifact.zip", "--deployment", flow, "--dep-packages", slug, "--no-wait") == 0
    deployed = PlayedOperator(kubeconfig, objects).get("team-b", flow, "flowdeployment")
    assert deployed["spec"]["depPackageSlugs"] == [slug]
    assert deployed["metadata"]["generation"] == 1
    refused = dagy("deploy", "artifact.zip", "--deployment", unique("flow"), "--dep-packages", "NOSUCH00", "--no-wait")
    assert refused == 1
    assert "has the slug NOSUCH00" in capsys.readouterr().err


@pytest.mark.apiserver
def test_who_may_not_deploy_uploads_nothing(
    api: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    alone(monkeypatch, api.write_kubeconfig(tmp_path / "config", "team-a", api.certified("clio")))
    with zipfile.ZipFile(tmp_path / "artifact.zip", "w") as archive:
        archive.writestr("flow.py", "print()\n")
    with pytest.raises(SystemExit) as ended:
        main(["deploy", str(tmp_path / "artifact.zip"), "--deployment", "team-a/x", "--no-wait"])
    assert ended.value.code == 1
    assert "There is no namespace team-a whose deployments you may see" in capsys.readouterr().err


class Process:
    """The API in the process, with a cluster that says this."""

    def __init__(self, told: Published, shown: Credentials, folder: Path) -> None:
        self.answers: dict[str, Any] = {"published": told, "credentials": shown}
        self.api, self.folder = None, folder

    def run(self, coroutine: Any) -> Any:
        name = coroutine.__name__
        coroutine.close()
        answer = self.answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer


def opened(told: Published, shown: Credentials, folder: Path, **answers: Any) -> httpx.Client:
    process = Process(told, shown, folder)
    process.answers |= answers
    return cluster_api.open_cluster_api(process, Api())  # type: ignore[arg-type]


AUTHORITY = pki.new_authority("dagy-api").pem.decode()
TOKEN, PAIR = Credentials("token"), Credentials("", ("/none/tls.crt", "/none/tls.key"))


@pytest.mark.parametrize(
    ("told", "shown", "says"),
    [
        (Published(), TOKEN, "This cluster tells nothing about DAGY's API: there is no ConfigMap dagy-system/dagy-api-authority"),
        (Published(AUTHORITY), TOKEN, "publishes no address of DAGY's API, and you may not forward a port to it. Ask who installed"),
        (Published(AUTHORITY, "", "https://dagy.example.com"), PAIR, "does not pass client certificates on, which is what this"),
        (Published(AUTHORITY, "https://dagy.example.com"), PAIR, "client certificate cannot be used"),
        (Published("nonsense", "https://dagy.example.com"), TOKEN, "The certificates in ConfigMap .* cannot be used"),
        (Published(AUTHORITY, "http://dagy.example.com"), TOKEN, "is not encrypted"),
        (Published(AUTHORITY, "https://a@dagy.example.com"), TOKEN, "without a user or a password"),
    ],
)  # fmt: skip
def test_what_is_said_where_there_is_no_way(told: Published, shown: Credentials, says: str, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=says):
        opened(told, shown, tmp_path, may_forward=False)


def test_a_token_goes_to_the_published_address_and_no_further(tmp_path: Path) -> None:
    """And only to who has a certificate of the published authority: no other is trusted there."""
    with opened(Published(AUTHORITY, "https://dagy.example.com"), TOKEN, tmp_path) as client:
        assert client.base_url == "https://dagy.example.com"
        assert not client.follow_redirects
        pool = client._transport._pool  # type: ignore[attr-defined]
        assert [one["subject"] for one in pool._ssl_context.get_ca_certs()] == [((("commonName", "dagy-api"),),)]


def test_no_replica_is_told_as_that(tmp_path: Path) -> None:
    with pytest.raises(
        UnreachableError, match=r"No pod of dagy-api is ready\. `kubectl --namespace dagy-system get pods`"
    ):
        opened(Published(AUTHORITY), TOKEN, tmp_path, may_forward=True, ready_replica=None)


@pytest.mark.apiserver
def test_whose_rights_end_at_a_namespace_is_told_whom_to_ask(
    api: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no address is published; who may look at pods, and not forward a port, is no better off."""
    system = "--namespace=dagy-system"
    api.users.kubectl("create", "role", "looks", "--verb=get,list", "--resource=pods", system)
    api.users.kubectl("create", "rolebinding", "looks", "--role=looks", "--serviceaccount=default:theo", system)
    monkeypatch.setattr(api_access, "published", _told_no_address)
    alone(monkeypatch, api.write_kubeconfig(tmp_path / "config", "team-b", {"token": api.users.token("theo")}))
    with pytest.raises(SystemExit) as ended:
        main(["packages", "download", "some-package", "-o", str(tmp_path / "x.zip")])
    assert ended.value.code != 0
    assert "publishes no address of DAGY's API, and you may not forward a port to it" in capsys.readouterr().err


async def _told_no_address(_api: object) -> Published:
    return Published(AUTHORITY)
