"""Who may choose a package's slug: asked of a real API server, in the names of a tenant and of an administrator."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.manifests.conftest import Account, Json

pytestmark = pytest.mark.apiserver

TENANT = "tenant-of-slugs"
REFUSED = "spec.slug is for those who may create slugclaims"


def package(**spec: object) -> Json:
    return {
        "apiVersion": "dagy.io/v1", "kind": "DepPackage", "metadata": {"name": "p", "namespace": "default"},
        "spec": {"pythonVersion": "3.12", "dependencies": ["six"], **spec},
    }  # fmt: skip


@pytest.fixture(scope="module")
def tenant(admin: Account) -> Iterator[Account]:
    """Everything in its namespace, nothing of the cluster's."""
    binding = ("rolebinding", TENANT, "--namespace=default")
    assert not admin("create", *binding, "--clusterrole=admin", f"--user={TENANT}").startswith("refused")
    role = ("role", TENANT, "--namespace=default", "--verb=*", "--resource=deppackages.dagy.io")
    assert not admin("create", *role).startswith("refused")
    own = ("rolebinding", f"{TENANT}-dagy", "--namespace=default")
    assert not admin("create", *own, f"--role={TENANT}", f"--user={TENANT}").startswith("refused")
    yield Account(admin.kubeconfig, TENANT)
    for kind, name in (("rolebinding", TENANT), ("rolebinding", f"{TENANT}-dagy"), ("role", TENANT)):
        admin("delete", kind, name, "--namespace=default")


def test_a_tenant_takes_the_slug_that_it_gets(admin: Account, tenant: Account) -> None:
    assert not tenant.create(package()).startswith("refused")
    assert REFUSED in tenant.create(package(slug="A1B2C3D4"))
    assert not admin.create(package(slug="A1B2C3D4")).startswith("refused"), "a restore keeps its slugs"


def test_nor_is_one_chosen_later(admin: Account, tenant: Account, make: Callable[[Json], str]) -> None:
    name = make(package())
    assert REFUSED in tenant.patch("deppackage", name, "default", {"spec": {"slug": "A1B2C3D4"}})
    assert not admin.patch("deppackage", name, "default", {"spec": {"slug": "A1B2C3D4"}}).startswith("refused")
    restored = make(package(slug="A1B2C3D4"))
    change = {"spec": {"dependencies": ["idna"]}}
    assert not tenant.patch("deppackage", restored, "default", change).startswith("refused"), "what is there may stay"
