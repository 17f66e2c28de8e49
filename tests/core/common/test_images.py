"""Whose an image is, and what is told of it."""

from __future__ import annotations

import pytest

from dagy.core.common import images
from dagy.core.common.conditions import conditions_of
from dagy.core.common.keys import Location, PackageHome
from dagy.model.status import ArtifactStatus, Condition, ImageFailure
from tests.fakes.facts import START
from tests.fakes.homes import home

BASE, DIGEST = "r.example/dagy", "sha256:" + "a" * 64
PLACE = home()
HOME = PackageHome(Location("b", "", BASE), PLACE.owned, PLACE.uid)
NO_REGISTRY = PackageHome(Location("b"), PLACE.owned, PLACE.uid)
OWN = f"{images.repository_of(HOME)}@{DIGEST}"
FAILURE = ImageFailure(reason="RegistryRefused", message="No room.")


def artifact(image: str | None = None, failure: ImageFailure | None = None) -> ArtifactStatus:
    return ArtifactStatus.model_construct(image=image, image_failure=failure)


def test_an_image_is_its_own_or_none() -> None:
    assert images.own_digest(artifact(OWN), HOME) == DIGEST
    for text in (OWN.replace("dagy", "x"), f"{OWN}0", OWN.partition("@")[0], "", None):
        assert images.own_digest(artifact(text), HOME) is None
        assert images.with_own_image(artifact(text), HOME).image in (None, "")
    assert images.with_own_image(artifact(OWN), HOME).image == OWN
    assert images.with_own_image(artifact(OWN), NO_REGISTRY).image is None


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (artifact(OWN), (True, "ImagePushed")),
        (artifact(failure=FAILURE), (False, "RegistryRefused")),
        (artifact(), (None, "ImagePushing")),
        (images.never_pushed(artifact()), (False, "ImageNotPushed")),
    ],
)
def test_the_condition(one: ArtifactStatus, expected: tuple[bool | None, str]) -> None:
    ((kind, status, reason, message),) = images.image_rows(one, HOME)
    assert (kind, (status, reason)) == ("ImagePushed", expected)
    assert message.endswith(".")
    key = PLACE.owned.key
    assert (f"kubectl -n {key.namespace} annotate deppackage {key.name} dagy.io/build=" in message) is (status is False)
    assert images.image_rows(one, NO_REGISTRY) == images.image_rows(None, HOME) == images.image_rows(one, None) == []


def test_only_a_push_that_has_just_failed_is_news() -> None:
    def told(one: ArtifactStatus, *before: Condition) -> list[Condition]:
        return conditions_of(before, images.image_rows(one, HOME), 1, START)

    failed = told(artifact(failure=FAILURE))
    assert images.image_news(told(artifact()), failed) == failed[0]
    assert images.image_news(failed, failed) is None
    for one in (artifact(OWN), artifact(), images.never_pushed(artifact())):
        assert images.image_news([], told(one)) is None


def test_one_is_pending_until_somebody_has_said() -> None:
    assert images.is_pending(artifact(), HOME)
    for one, place in ((artifact(OWN), HOME), (artifact(failure=FAILURE), HOME), (artifact(), NO_REGISTRY)):
        assert not images.is_pending(one, place)
