"""What a package asks for stands beside the defaults, key by key, and never above what the administrator allows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy.core.common.resources import amount, bounded_resources, not_allowed, trusted_resources
from dagy.model.spec import Resources
from dagy_builder.contract import Fault

DEFAULTS = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "2Gi"}}
BOUNDS = {"cpu": "2", "ephemeral-storage": "20Gi"}
MAXIMA = {"cpu": "16", "memory": "64Gi"}
NAMES = ["cpu", "memory", "ephemeral-storage"]
LISTS = st.dictionaries(st.sampled_from(NAMES), st.integers(1, 200).map(lambda n: f"{n * 100}M"))


def resources(**given_: Any) -> Resources:
    return Resources.model_validate(given_)


def test_one_value_leaves_the_other_defaults_in_place() -> None:
    assert trusted_resources(resources(requests={"cpu": "1m"}), DEFAULTS) == {
        "requests": {"cpu": "1m", "memory": "128Mi"},
        "limits": {"memory": "2Gi"},
    }
    assert trusted_resources(None, DEFAULTS) == DEFAULTS


@pytest.mark.parametrize(
    ("asked", "requests", "limits"),
    [
        ({"requests": {"memory": "4Gi"}}, "4Gi", "4Gi"),
        ({"limits": {"memory": "64Mi"}}, "64Mi", "64Mi"),
        ({"requests": {"memory": "1Gi"}, "limits": {"memory": "8Gi"}}, "1Gi", "8Gi"),
    ],
)
def test_a_default_gives_way(asked: dict[str, Any], requests: str, limits: str) -> None:
    made = trusted_resources(resources(**asked), DEFAULTS)
    assert (made["requests"]["memory"], made["limits"]["memory"]) == (requests, limits)


@given(requests=LISTS, limits=LISTS)
def test_no_request_is_above_its_limit_and_memory_always_has_one(
    requests: dict[str, str], limits: dict[str, str]
) -> None:
    asked = resources(requests=requests, limits=limits)
    for made in (trusted_resources(asked, DEFAULTS), bounded_resources(asked, DEFAULTS, BOUNDS)):
        assert "memory" in made["limits"]
        for name in made["requests"].keys() & made["limits"].keys():
            assert amount(made["requests"][name]) <= amount(made["limits"][name])
    assert set(bounded_resources(asked, DEFAULTS, BOUNDS)["limits"]) == set(NAMES)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"requests": {"cpu": "900"}}, "requests.cpu is 900, and the administrator allows 16 at most"),
        ({"limits": {"memory": "65Gi"}}, "limits.memory is 65Gi, and the administrator allows 64Gi at most"),
        ({"requests": {"cpu": "4"}, "limits": {"cpu": "2"}}, "requests.cpu is 4, which is above limits.cpu, 2"),
    ],
)
def test_what_is_not_allowed_is_said_before_any_job(asked: dict[str, Any], words: str) -> None:
    refused = not_allowed(resources(**asked), MAXIMA)
    assert refused
    assert (refused.reason, refused.fault) == ("ResourcesNotAllowed", Fault.USER)
    assert words in refused.message


@pytest.mark.parametrize(
    "asked", [None, resources(requests={"cpu": "16"}), resources(limits={"ephemeral-storage": "9Ti"})]
)
def test_what_is_allowed(asked: Resources | None) -> None:
    assert not_allowed(asked, MAXIMA) is None


@pytest.mark.parametrize(
    ("quantity", "number"),
    [("2", 2), ("500m", "0.5"), (".5", "0.5"), ("1.", 1), ("1e3", 1000), ("1E3", 1000), ("1E", 10**18), ("2Ki", 2048),
     ("250000u", "0.25"), ("3G", 3 * 10**9), ("-1", -1)],
)  # fmt: skip
def test_quantities_as_kubernetes_reads_them(quantity: str, number: int | str) -> None:
    assert amount(quantity) == Decimal(number)


@pytest.mark.parametrize("text", ["", "x", "1.5.2", "1 Gi", "Gi", "1e", "1e9999999", "٣", "1KI"])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        amount(text)
