"""DAGY's own accounts in a test's API server: their rights, and the policies that hold them, in force."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MANIFESTS = Path(__file__).parents[1] / "manifests/base"
FILES = (
    "user-roles",
    "index-credentials",
    "rbac",
    "api-rbac",
    "cluster-info",
    "webhook-server",
    "control-plane-policies",
    "annotation-sizes",
    "chosen-slugs",
)
ACTIVE_WITHIN = 30.0

Json = dict[str, Any]
Kubectl = Callable[..., tuple[int, str]]
"""kubectl with these arguments, and an object as `stdin`; its exit code and all that it said."""


def grant(kubectl: Kubectl) -> None:
    """Apply them, and return when each policy is in force. The namespaces must be there."""
    for file in FILES:
        code, said = kubectl("apply", "--server-side", "-f", str(MANIFESTS / f"{file}.yaml"))
        assert not code, said
    _await_policies(kubectl)


def _await_policies(kubectl: Kubectl) -> None:
    """What was accepted is in force a moment later, in its order: so one more, made last, is tried out."""
    kind, version = "ValidatingAdmissionPolicy", "admissionregistration.k8s.io/v1"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
    canary = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "canary", "namespace": "default"}}
    policy = {
        "matchConstraints": {"resourceRules": [{**rule, "resourceNames": ["canary"]}]},
        "validations": [{"expression": "false", "message": "the canary sings"}],
    }
    binding = {"policyName": "canary", "validationActions": ["Deny"]}
    made = [
        {"apiVersion": version, "kind": name, "metadata": {"name": "canary"}, "spec": spec}
        for name, spec in ((kind, policy), (f"{kind}Binding", binding))
    ]
    for one in made:
        code, said = kubectl("apply", "--server-side", "-f", "-", stdin=one)
        assert not code, said
    deadline = time.monotonic() + ACTIVE_WITHIN
    while "the canary sings" not in kubectl("create", "--dry-run=server", "-f", "-", stdin=canary)[1]:
        assert time.monotonic() < deadline, "policies do not come into force"
    for one in made:
        kubectl("delete", "-f", "-", stdin=one)
