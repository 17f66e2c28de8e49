"""Who may do what in the cluster, and why: read from the manifests. A rule without a reason here fails the test of docs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

BASE = Path(__file__).parents[1] / "manifests/base"
# (role, what) to why. What a role may do to one resource has one reason.
WHY = {
    ("dagy-operator", "deppackages"): "status, the label of the slug, the finalizer; never the spec (policy)",
    ("dagy-operator", "flowdeployments"): "the same",
    ("dagy-operator", "deppackages/status"): "what users read",
    ("dagy-operator", "flowdeployments/status"): "what users read",
    ("dagy-operator", "flowdeployments/finalizers"): "to own runs and revisions where the API server checks it",
    ("dagy-operator", "controllerrevisions"): "the deployments' revisions, and no others (policy)",
    ("dagy-operator", "cronjobs"): "schedules of flows, and no others (policy)",
    ("dagy-operator", "jobs"): "runs of flows; in dagy-builds builds of packages; no others (policy)",
    ("dagy-operator", "events"): "what `kubectl describe` shows",
    ("dagy-operator-cluster", "subjectaccessreviews"): "whether a run's account may get a package of another namespace",
    ("dagy-operator-cluster", "slugclaims"): "a slug is given once in the whole cluster; patch binds it to a namespace",
    ("dagy-operator-cluster", "namespaces"): "a slug is its namespace's, not that of a later one of the same name",
    ("dagy-operator", "workloads"): "why Kueue has not admitted a Job, where there is Kueue",
    ("dagy-operator", "configmaps"): "a Job's input; only what a Job owns (policy)",
    ("dagy-operator", "secrets"): "a Job's copy of index credentials, never read; only what a Job owns (policy)",
    ("dagy-operator", "pods"): "how far Jobs are",
    ("dagy-operator", "pods/log"): "results and logs of Jobs",
    ("dagy-api", "deppackages"): "whose artifact it signs a URL for",
    ("dagy-api", "flowdeployments"): "the same for flows",
    ("dagy-api-cluster", "slugclaims"): "whose a slug is",
    ("dagy-api-cluster", "namespaces"): "the same; and their names, each for those who may list packages there",
    ("dagy-api-cluster", "tokenreviews"): "whether the token of a pod is one",
    ("dagy-api-cluster", "subjectaccessreviews"): "what a pod's account may get",
    ("dagy-api", "jobs"): "the logs of a package, for who may get it",
    ("dagy-api", "pods"): "the same",
    ("dagy-api", "pods/log"): "the same",
    ("dagy-api-certificates", "secrets"): "the certificates that the replicas share; that Secret alone",
    ("dagy-api-authority", "configmaps"): "by which authority it is known; that ConfigMap alone",
    ("dagy-api-address", "configmaps"): "where the API is, and by which authority it is known; that ConfigMap alone",
    ("dagy-webhook", "deppackages"): "what pods get",
    ("dagy-webhook-cluster", "slugclaims"): "whose a slug is",
    ("dagy-webhook-cluster", "namespaces"): "the same; and from where a namespace takes packages",
    ("dagy-webhook-cluster", "nodes"): "whether every node can mount an image",
    ("dagy-webhook-cluster", "subjectaccessreviews"): "what a pod's account may get",
    ("dagy-webhook", "configmaps"): "by which authority pods know the API; that ConfigMap alone",
    ("dagy-webhook-certificates", "secrets"): "the certificates that the replicas share; that Secret alone",
    ("dagy-webhook-certificates", "mutatingwebhookconfigurations"): "caBundle of ours, and nothing else (policy)",
    ("dagy-webhook-certificates", "validatingwebhookconfigurations"): "the same",
    ("dagy-index-credentials-reader", "secrets"): "index credentials of the packages there (indexes.md)",
    ("dagy-index-credentials-reader", "configmaps"): "their authorities' certificates",
    ("dagy-view", "deppackages"): "part of view, edit and admin",
    ("dagy-view", "flowdeployments"): "part of view, edit and admin",
    ("dagy-package-edit", "deppackages"): "part of edit and admin; safe alone: gives no pod in the namespace",
    ("dagy-flow-edit", "controllerrevisions"): "which revision is run and rolled back to",
    (
        "dagy-flow-edit",
        "flowdeployments",
    ): "part of edit and admin; alone it gives pods under any account there, and any Secret",
}


def objects() -> list[dict[str, Any]]:
    """What the base consists of, its files in order."""
    listed = yaml.safe_load((BASE / "kustomization.yaml").read_text())["resources"]
    files = [BASE / name for name in listed if name.endswith(".yaml")]
    return [document for file in files for document in yaml.safe_load_all(file.read_text()) if document]


def rules() -> Iterator[tuple[str, str, str, str, str]]:
    """(who, where, role, what, verbs) of each resource in each rule of each role."""
    found = objects()
    bindings = [one for one in found if one["kind"].endswith("RoleBinding")]
    for role in (one for one in found if one["kind"] in ("ClusterRole", "Role")):
        name, namespace = role["metadata"]["name"], role["metadata"].get("namespace", "")
        mine = [
            b
            for b in bindings
            if (b["roleRef"]["kind"], b["roleRef"]["name"]) == (role["kind"], name)
            and namespace in ("", b["metadata"].get("namespace", ""))
        ]
        who = ", ".join(sorted({s["name"] for b in mine for s in b["subjects"]})) or "whom it is bound to"
        where = namespace or ("the cluster" if mine else "where it is bound")
        for rule in role["rules"]:
            for resource in rule["resources"]:
                named = f" ({', '.join(rule['resourceNames'])})" if "resourceNames" in rule else ""
                yield who, where, name, f"{resource}{named}", ", ".join(rule["verbs"])


def rights_table() -> str:
    """The table. Raises LookupError for a rule that nobody has given a reason for."""
    rows = ["| Who | Where | Role | May | Why |", "|---|---|---|---|---|"]
    for who, where, role, what, verbs in rules():
        try:
            why = WHY[role, what.partition(" ")[0]]
        except KeyError:
            raise LookupError(f"docs/rights.py does not say why {role} may {verbs} {what}") from None
        rows.append(f"| {who} | {where} | `{role}` | {verbs} {what} | {why} |")
    return "\n".join(rows) + "\n"
