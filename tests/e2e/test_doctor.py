"""`dagy doctor` on the cluster: all that it can look at is looked at, and all is well."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.kube import Kube

pytestmark = pytest.mark.e2e

PROGRAM = Path(sys.executable).parent / "dagy"


def test_a_sound_installation_is_found_to_be_one(kube: Kube) -> None:
    environment = {**os.environ, "KUBECONFIG": kube.kubeconfig}
    command = [str(PROGRAM), "doctor", "--json", "-n", kube.namespace]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    findings = json.loads(done.stdout)["findings"]
    # Whether there is an index depends on the machine.
    others = [finding for finding in findings if finding["check"] != "index"]
    assert {finding["verdict"] for finding in others} == {"ok"}, done.stdout
    (index,) = [finding for finding in findings if finding["check"] == "index"]
    assert index["verdict"] != "unknown"
    assert not kube("get", "pods", "-o", "name")  # what was tried was not created
