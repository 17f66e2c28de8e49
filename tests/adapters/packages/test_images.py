"""Images go with their artifacts: by digest, in the package's own repository, and never when another artifact has them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dagy.adapters.packages.images import ImageRegistry
from dagy.core.common.images import repository_of
from dagy.core.common.keys import Location, PackageHome
from dagy.model.status import ArtifactStatus
from dagy_builder.image.repository import Repository
from dagy_builder.registry.auth import Login
from dagy_builder.registry.client import Patience, RegistryClient
from dagy_builder.registry.push import push, tag_of
from tests.cluster.doctor import free_port
from tests.fakes.homes import home
from tests.fakes.layouts import SMALL, made_image
from tests.registry_server import PASSWORD, USER, Registry, registry_server

pytestmark = pytest.mark.apiserver


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    (tmp_path / "registry").mkdir()
    with registry_server(tmp_path / "registry", login=True) as running:
        running.docker_config()
        yield running


def place_in(registry: Registry, slug: str = "A1B2C3D4") -> PackageHome:
    return replace(home(slug), location=Location("b", "", registry.base))


def client_of(repository: Repository) -> RegistryClient:
    return RegistryClient(repository, Login(USER, PASSWORD), Patience(2, 5), plain_http=True)


def pushed(place: PackageHome, version: str, folder: Path) -> ArtifactStatus:
    """An artifact whose image is in the registry."""
    repository = repository_of(place)
    assert repository
    made_image(folder, {"small": version}, {"small": SMALL})
    image = push(client_of(repository), client_of(repository.shared), folder / "image", lambda _: None)
    return ArtifactStatus.model_construct(image=image)


def there(artifact: ArtifactStatus) -> bool:
    name, _, digest = str(artifact.image).partition("@")
    return client_of(Repository.parse(name)).digest_at(tag_of(digest)) == digest


def test_an_image_goes_unless_another_artifact_has_it(registry: Registry, tmp_path: Path) -> None:
    place, images = place_in(registry), ImageRegistry(registry.folder / "config.json", plain_http=True)
    one, two = (pushed(place, version, tmp_path / version) for version in ("1.0", "2.0"))
    asyncio.run(images.delete(place, [one, two], kept=[two]))
    assert not there(one)
    assert there(two)
    asyncio.run(images.delete(place, [one, two]))
    assert not there(two)


def test_an_image_of_somebody_else_stays(registry: Registry, tmp_path: Path) -> None:
    images = ImageRegistry(registry.folder / "config.json", plain_http=True)
    theirs = pushed(place_in(registry, "B1B2C3D4"), "1.0", tmp_path / "theirs")
    asked = len(registry.requests())
    asyncio.run(images.delete(place_in(registry), [theirs]))
    assert len(registry.requests()) == asked
    assert there(theirs)


def test_without_a_login_nothing_is_asked(registry: Registry, tmp_path: Path) -> None:
    place = place_in(registry)
    artifact = pushed(place, "1.0", tmp_path / "one")
    images = ImageRegistry(registry.folder / "none.json", plain_http=True)
    assert not images.deletes
    asyncio.run(images.delete(place, [artifact]))
    assert there(artifact)


def test_a_registry_that_is_away_holds_nothing_up(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("dagy.adapters.packages.images._IDLE_SECONDS", 0.5)
    place = replace(home(), location=Location("b", "", f"127.0.0.1:{free_port()}/dagy"))
    artifact = ArtifactStatus.model_construct(image=f"{repository_of(place)}@sha256:{'a' * 64}")
    with caplog.at_level(logging.WARNING):
        asyncio.run(ImageRegistry(registry.folder / "config.json", plain_http=True).delete(place, [artifact]))
    assert "stay in the registry" in caplog.text
    assert "a" * 64 in caplog.text
