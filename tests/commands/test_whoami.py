"""`dagy whoami` with a kubeconfig alone."""

from __future__ import annotations

import json

import pytest

from tests.commands.conftest import Dagy

pytestmark = pytest.mark.apiserver


def test_who_one_is_and_what_one_may(dagy: Dagy, capsys: pytest.CaptureFixture[str]) -> None:
    assert dagy("whoami", "-n", "team-a") == 0
    page = capsys.readouterr().out
    assert "Packages:    create, delete, get, list, patch, update, watch\n" in page
    assert "Namespace:   team-a\n" in page
    assert dagy("whoami", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["username"] in page
    assert told["server"]["local"]
