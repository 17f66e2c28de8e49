"""Users with a client certificate of the cluster, at the API as a process serves it, with the rights of the manifests."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator

import httpx
import pytest

from dagy.adapters.settings.tls import ApiTlsSettings
from dagy.core.rest.client_certificate import KubeUser, user_of
from dagy_builder.storage.store import ObjectStore
from tests.cluster import pki
from tests.fakes.api import unique
from tests.fakes.operator import PlayedOperator
from tests.fakes.tls import Served, served

ROLES = ("dagy-view", "dagy-package-edit", "dagy-flow-edit")


@pytest.fixture(scope="module")
def api(kubeconfig: str, objects: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The API, and carla and the group team-a-editors, who may edit team-a."""
    with served(kubeconfig, tmp_path_factory.mktemp("api"), DAGY_S3_BUCKET=objects.bucket) as running:
        for role in ROLES:
            subjects = ("--user=carla", "--group=team-a-editors", "--namespace=team-a")
            running.users.kubectl("create", "rolebinding", f"carla-{role}", f"--clusterrole={role}", *subjects)
        yield running


@pytest.fixture
def package(kubeconfig: str, objects: ObjectStore) -> str:
    """Path of a package of team-a that is built."""
    played, name = PlayedOperator(kubeconfig, objects), unique()
    spec = {"pythonVersion": "3.12", "dependencies": ["six"]}
    metadata = {"name": name, "namespace": "team-a"}
    played.kubectl(
        "create",
        "-f",
        "-",
        stdin={"apiVersion": "dagy.io/v1", "kind": "DepPackage", "metadata": metadata, "spec": spec},
    )
    played.completes("team-a", name, b"PK the package")
    return f"/dep-packages/team-a/{name}"


def artifact() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("flow.py", "print()\n")
    return data.getvalue()


@pytest.mark.apiserver
@pytest.mark.parametrize(
    ("user", "groups"), [("carla", ()), ("somebody", ("team-a-editors",)), ("root", ("system:masters",))]
)
def test_what_rbac_allows_the_user_or_a_group(api: Served, package: str, user: str, groups: tuple[str, ...]) -> None:
    with api.client(user, *groups) as client:
        link = client.get(f"{package}/download", params={"redirect": "false"})
        assert httpx.get(link.json()["url"]).content == b"PK the package"
        slug = client.get(package).json()["slug"]
        assert client.get(f"/dep-packages/by-slug/{slug}").json()["namespace"] == "team-a"
        assert client.get(f"{package}/logs").json()["code"] == "NoLog"


@pytest.mark.apiserver
@pytest.mark.parametrize(("user", "groups"), [("bob", ()), ("carl", ("team-b",)), ("system:anonymous", ())])
def test_what_it_does_not_allow_is_not_there(api: Served, package: str, user: str, groups: tuple[str, ...]) -> None:
    with api.client(user, *groups) as client:
        for path in (f"{package}/download", f"{package}/logs", package, "/deployments/team-a/x"):
            assert client.get(path).status_code == 404
        start = {"namespace": "team-a", "deployment_name": "x", "size_bytes": 1, "sha256": "0" * 64}
        assert client.post("/uploads", json=start).status_code == 404


@pytest.mark.apiserver
def test_uploads_are_assembled_and_deployed_by_whoever_may(api: Served) -> None:
    data, name = artifact(), unique("flow")
    start = {
        "namespace": "team-a",
        "deployment_name": name,
        "size_bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    with api.client("carla") as client:
        upload = client.post("/uploads", json=start).raise_for_status().json()
        etag = httpx.put(upload["parts"][0]["url"], content=data).raise_for_status().headers["etag"]
        body = {
            "upload_id": upload["upload_id"], "artifact_key": upload["artifact_key"], "parts": [{"part_number": 1, "etag": etag}],
            "deployment_name": name, "flow_name": "flow", "flow_version": "1",
        }  # fmt: skip
        for _ in range(2):
            found = client.post("/uploads/assemble", json=body).raise_for_status().json()
            assert (found["sha256"], found["size_bytes"]) == (start["sha256"], len(data))
        assert client.get(f"/deployments/team-a/{name}").status_code == 404, "nothing is deployed for who has no token"
        refused = client.post("/uploads/complete", json=body)
        assert refused.status_code == 403
        assert "With a client certificate this API only gives logs and files" in refused.json()["detail"]


@pytest.mark.apiserver
def test_nothing_is_listed_or_written(api: Served, package: str) -> None:
    with api.client("carla") as client:
        wish = {"namespace": "team-a", "name": "new", "python_version": "3.12", "dependencies": ["six"]}
        for answer in (
            client.get("/dep-packages?namespace=team-a"),
            client.post("/dep-packages", json=wish),
            client.post(f"{package}:build"),
            client.delete(package),
        ):
            assert answer.status_code == 403, answer.text
            assert answer.json()["detail"].endswith("or send a token of the cluster.")


@pytest.mark.apiserver
def test_who_it_is_is_told_and_what_this_api_does_for_it(api: Served) -> None:
    with api.client("carla", "team-x") as client:
        me = client.get("/whoami", params={"namespace": "team-a"}).raise_for_status().json()
        assert (me["username"], me["groups"]) == ("carla", ["team-x", "system:authenticated"])
        assert me["rights"] == {"dep_packages": ["get"], "deployments": ["get"]}
        assert client.get("/whoami", params={"namespace": "team-b"}).json()["rights"]["dep_packages"] == []
        assert client.get("/namespaces").json() == {"items": [{"name": "team-a"}], "complete": True}
        for path in ("/dep-packages:summaries", "/dep-packages:watch"):
            assert client.get(path, params={"namespace": "team-a"}).json()["code"] == "Forbidden"
    with api.client("carl", "team-x") as other:
        assert other.get("/namespaces").json()["items"] == []


@pytest.mark.apiserver
def test_tokens_are_as_before(api: Served, package: str) -> None:
    api.users.create("tess", views="team-a")
    token = {"Authorization": f"Bearer {api.users.token('tess')}"}
    with api.client(None) as nobody:
        assert nobody.get(package).status_code == 401
        assert nobody.get(package, headers=token).status_code == 200
    with api.client("carla") as both:
        assert both.post(f"{package}:build", headers=token).status_code == 403, "the token's owner may only view"
        assert both.get(package, headers={"Authorization": "Bearer nonsense"}).status_code == 401


@pytest.mark.apiserver
def test_another_authority_is_none(api: Served, package: str) -> None:
    with api.client("carla", of=pki.new_authority("dagy-kubernetes")) as stranger, pytest.raises(httpx.TransportError):
        stranger.get(package)


@pytest.mark.apiserver
def test_everybody_who_can_sign_in_is_told_where_it_is(api: Served) -> None:
    assert api.published() == {"ca.crt": api.authority, "url": api.url}
    for user in ("nobody", "carla"):
        allowed = api.users.kubectl("auth", "can-i", "get", "configmap/dagy-api-authority", "-n", "dagy-system", f"--as={user}", "--as-group=system:authenticated")  # fmt: skip
        assert allowed.strip() == "yes"


@pytest.mark.parametrize(
    ("url", "hosts", "told"),
    [
        ("", "dagy.example.com", {"url": None, "proxied-url": None}),
        ("https://dagy.example.com/", "dagy.example.com", {"url": "https://dagy.example.com", "proxied-url": None}),
        (
            "https://DAGY.example.com:8443",
            "dagy.example.com",
            {"url": "https://DAGY.example.com:8443", "proxied-url": None},
        ),
        ("https://dagy.example.com", "", {"url": None, "proxied-url": "https://dagy.example.com"}),
    ],
)
def test_whose_certificate_answers_at_the_address(url: str, hosts: str, told: dict[str, str | None]) -> None:
    assert ApiTlsSettings(api_public_url=url, api_hosts=hosts).address == told


def subject(*fields: tuple[str, str]) -> dict[str, object]:
    return {"subject": tuple(((kind, value),) for kind, value in fields)}


@pytest.mark.parametrize(
    ("certificate", "user"),
    [
        (subject(("commonName", "carla")), KubeUser("carla", ("system:authenticated",))),
        (
            subject(
                ("organizationName", "a"), ("organizationName", "b"), ("commonName", "c"), ("organizationName", "a")
            ),
            KubeUser("c", ("a", "b", "system:authenticated")),
        ),
        (
            {"subject": ((("commonName", "c"), ("organizationName", "a")),)},
            KubeUser("c", ("a", "system:authenticated")),
        ),
        (subject(("organizationName", "system:masters")), None),
        (subject(("commonName", "")), None),
        (subject(("commonName", "carla"), ("commonName", "root")), None),
        ({}, None),
    ],
)
def test_whose_a_certificate_is(certificate: dict[str, object], user: KubeUser | None) -> None:
    assert user_of(certificate) == user
