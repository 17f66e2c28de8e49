"""Lists of objects that others made as large as they could."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from dagy.adapters.kube import api as kube
from dagy.adapters.kube.api import KubeApi, KubeError, custom_path
from dagy.model import constants as names
from tests.fakes.api import Users

pytestmark = pytest.mark.apiserver

T = TypeVar("T")
COUNT, FAT = 12, 130_000
FATTEST = "kubectl.kubernetes.io/last-applied-configuration"


@pytest.fixture(scope="module")
def fat(kubeconfig: str) -> Iterator[str]:
    """A namespace with packages that carry 130 kB of annotations, as the policy on their sizes lets them each."""
    users, namespace = Users(kubeconfig), f"fat-{uuid.uuid4().hex[:6]}"
    users.kubectl("create", "namespace", namespace)
    items = [
        {
            "apiVersion": "dagy.io/v1", "kind": "DepPackage",
            "metadata": {"name": f"p{n:02d}", "namespace": namespace, "annotations": {FATTEST: "y" * FAT, "dagy.io/build": "1"}},
            "spec": {"pythonVersion": "3.12", "dependencies": ["idna"]},
        }
        for n in range(COUNT)
    ]  # fmt: skip
    for item in items:  # raw, because kubectl would put its own into that annotation
        users.kubectl("create", f"--raw={custom_path(names.DEPPACKAGE_PLURAL, namespace)}", "-f", "-", stdin=item)
    yield namespace
    users.kubectl("delete", "namespace", namespace, "--wait=false")


def asked(kubeconfig: str, what: Callable[[KubeApi], Awaitable[T]]) -> T:
    async def run() -> T:
        api = await KubeApi.connect(kubeconfig=kubeconfig)
        try:
            return await what(api)
        finally:
            await api.close()

    return asyncio.run(run())


def test_a_list_is_read_in_pages_that_fit(kubeconfig: str, fat: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kube, "_PAGE_BYTES", 4 * FAT)
    sizes: list[int] = []
    real = json.loads

    def counting(text: Any) -> Any:
        sizes.append(len(text))
        return real(text)

    monkeypatch.setattr(kube.json, "loads", counting)
    path = custom_path(names.DEPPACKAGE_PLURAL, fat)
    items, version = asked(kubeconfig, lambda api: api.list(path))
    assert version
    assert [item["metadata"]["name"] for item in items] == [f"p{n:02d}" for n in range(COUNT)]
    assert all(item["metadata"]["annotations"] == {"dagy.io/build": "1"} for item in items), "of others nothing is kept"
    assert max(sizes) <= 4 * FAT
    found = asked(kubeconfig, lambda api: api.list_metadata(path, lambda metadata: str(metadata["name"])))
    assert found == [f"p{n:02d}" for n in range(COUNT)]
    assert max(sizes) <= 4 * FAT


def test_a_page_has_fewer_items_when_they_are_large(kubeconfig: str, fat: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kube, "_PAGE_BYTES", 4 * FAT)
    path = custom_path(names.DEPPACKAGE_PLURAL, fat)

    async def through(api: KubeApi) -> list[int]:
        token, lengths = "", []
        while True:
            page = await api.page(path, 10, token)
            token = page.following
            lengths.append(len(page.items))
            if not token:
                return lengths

    lengths = asked(kubeconfig, through)
    assert sum(lengths) == COUNT
    assert max(lengths) < 4


def test_an_object_that_fits_in_no_page_is_said_to_be_one(
    kubeconfig: str, fat: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kube, "_PAGE_BYTES", FAT // 4)
    monkeypatch.setattr(kube, "_OBJECT_BYTES", FAT // 2)
    with pytest.raises(KubeError, match="larger than any of a cluster"):
        asked(kubeconfig, lambda api: api.list(custom_path(names.DEPPACKAGE_PLURAL, fat)))


def test_a_page_that_is_not_there_is_refused_as_ever(kubeconfig: str, tmp_path: Path) -> None:
    with pytest.raises(KubeError) as caught:
        asked(kubeconfig, lambda api: api.page("/apis/dagy.io/v1/nonsense", 10, ""))
    assert caught.value.status == 404
