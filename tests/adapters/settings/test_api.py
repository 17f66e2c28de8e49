"""The API's settings."""

from __future__ import annotations

import pytest

from dagy.adapters.settings.api import ApiSettings


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("", "https://pypi.org/simple"),
        ("https://pkg.example.com/simple", "https://pkg.example.com/simple"),
        ("https://ci:correct-horse@pkg.example.com/simple", "https://****@pkg.example.com/simple"),
    ],
)
def test_no_password_of_the_index_is_shown(url: str, shown: str) -> None:
    assert ApiSettings(index_url=url).index_shown == shown
