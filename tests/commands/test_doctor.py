"""`dagy doctor` on an API server that has CRDs and rights, and nothing that runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cluster.doctor import free_port
from tests.commands.conftest import Dagy

pytestmark = pytest.mark.apiserver


def test_what_is_missing_is_said_with_what_to_do(dagy: Dagy, capsys: pytest.CaptureFixture[str]) -> None:
    assert dagy("doctor", "-n", "team-a") == 1
    page = capsys.readouterr().out
    assert "ok        crds: 3 CustomResourceDefinitions are there, of this release or a later one.\n" in page
    assert "PROBLEM   control-plane: There is no Deployment dagy-operator in namespace dagy-system.\n" in page
    assert "          Apply the manifests of this release.\n" in page


def test_programs_get_all_of_it(dagy: Dagy, capsys: pytest.CaptureFixture[str]) -> None:
    assert dagy("doctor", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["well"] is False
    checks = {finding["check"] for finding in told["findings"]}
    assert {"crds", "control-plane", "rights", "storage", "index", "webhook", "certificates", "clock"} <= checks
    assert all(finding["verdict"] in {"ok", "warning", "problem", "unknown"} for finding in told["findings"])


def test_a_cluster_that_is_away_is_no_sound_one(
    dagy: Dagy, kubeconfig: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = json.loads(Path(kubeconfig).read_text())
    config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{free_port()}"
    away = tmp_path / "kubeconfig"
    away.write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(away))
    assert dagy("doctor") == 1
    assert "The Kubernetes API server doesn't answer" in capsys.readouterr().err
