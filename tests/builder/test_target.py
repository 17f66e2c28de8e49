"""Which wheels fit, and which targets there are."""

from __future__ import annotations

import pytest

from dagy_builder.contract import BuildRequest
from dagy_builder.failure import StepError
from dagy_builder.target import Target


def test_target_tags_are_the_best_first() -> None:
    tags = [str(tag) for tag in Target("3.12", "arm64", "2.28").supported_tags()]
    assert tags[0] == "cp312-cp312-manylinux_2_28_aarch64"
    for later in ("cp312-cp312-manylinux2014_aarch64", "cp312-abi3-manylinux_2_17_aarch64", "py3-none-any"):
        assert later in tags
    assert not any("x86_64" in tag or "musl" in tag or "2_29" in tag or "cp313" in tag for tag in tags)


@pytest.mark.parametrize(
    "request_",
    [BuildRequest("3.12", architecture="s390x"), BuildRequest("3.12", glibc="2.5"), BuildRequest("3.12; rm")],
)
def test_unknown_targets_are_refused(request_: BuildRequest) -> None:
    with pytest.raises(StepError):
        Target.of(request_)
