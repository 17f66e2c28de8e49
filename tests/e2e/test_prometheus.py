"""A real Prometheus scrapes operator, API and webhook through the network policy, as the PodMonitor says.

It has the alert rules and is asked the dashboard's questions, both as they are shipped.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dagy.core.metrics.catalogue import CATALOGUE
from dagy.core.metrics.metric import Kind
from tests.cluster.layout import current_layout
from tests.e2e import prometheus
from tests.e2e.kube import SYSTEM, Json, Kube, KubectlError, eventually
from tests.e2e.prometheus import MAY_SCRAPE, Prometheus
from tests.manifests.monitoring.test_monitoring import PANELS, RULES

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.peers,
    pytest.mark.long_build,
    pytest.mark.skipif(not current_layout().state.exists(), reason="images get to other clusters by registries"),
]
QUESTIONS = {
    f"{panel['title']} {target['refId']}": target["expr"].replace("$__rate_interval", "5m")
    for panel in PANELS
    for target in panel["targets"]
}
REFUSED = 'sum(dagy_webhook_reviews_total{decision="Refused"})'
WITHIN = 90
"""Seconds: a scrape is due every 30."""


@pytest.fixture(scope="module")
def both(admin: Kube) -> Iterator[tuple[Prometheus, Prometheus]]:
    """One in a namespace with the label that the policy asks for, and one in a namespace without."""
    if not (current_layout().bin / prometheus.NAME).exists():
        pytest.fail("prometheus is missing: run `make test-peers`, which builds it.")
    with prometheus.running(admin, [MAY_SCRAPE, {}]) as (let_in, kept_out):
        for one in (let_in, kept_out):
            eventually(one.scraped, "each target has been asked", WITHIN)
        yield let_in, kept_out


@pytest.fixture(scope="module")
def let_in(both: tuple[Prometheus, Prometheus]) -> Prometheus:
    """The one that may scrape."""
    return both[0]


def states(server: Prometheus) -> dict[str, str]:
    """Alert to its state."""
    return {rule["name"]: rule["state"] for rule in server.rules()}


def pods_of_ours(admin: Kube) -> set[tuple[str, str]]:
    """Label and name of the pods that there are; what another test has replaced may be going."""
    pods = admin.list("pods", "-l", "app.kubernetes.io/part-of=dagy", namespace=SYSTEM)
    return {(pod["metadata"]["labels"]["app.kubernetes.io/name"], pod["metadata"]["name"]) for pod in pods}


def looked_at(server: Prometheus, health: str) -> set[tuple[str, str]]:
    """Job and pod of the targets in that state."""
    return {(one["labels"]["job"], one["labels"]["pod"]) for one in server.targets() if one["health"] == health}


def test_every_pod_of_ours_is_scraped(admin: Kube, let_in: Prometheus) -> None:
    eventually(lambda: looked_at(let_in, "up") == pods_of_ours(admin), "each pod is scraped", WITHIN)
    assert {job for job, _ in looked_at(let_in, "up")} == {"dagy-operator", "dagy-api", "dagy-webhook"}


def test_each_process_sends_the_metrics_that_the_catalogue_says(let_in: Prometheus) -> None:
    found = let_in.value('group by (job, __name__) ({__name__=~"dagy_.+"})')
    jobs: dict[str, set[str]] = {}
    for series in found:
        jobs.setdefault(series["metric"]["__name__"], set()).add(series["metric"]["job"])
    assert jobs["dagy_build_info"] == {"dagy-operator", "dagy-api", "dagy-webhook"}
    for metric in CATALOGUE:
        of = {f"dagy-{process}" for process in metric.processes}
        if metric.kind is Kind.GAUGE:
            assert jobs.get(metric.name) == of, metric.name
        else:  # counts may begin with the first event
            assert jobs.get(metric.name, set()) <= of, metric.name


def test_the_rules_are_taken_and_evaluated_and_no_process_is_missed(let_in: Prometheus) -> None:
    def calm() -> bool:
        return all(states(let_in)[name] == "inactive" for name in ("DagyOperatorDown", "DagyWebhookDown"))

    eventually(calm, "what was missed before the first scrape is there")
    rules = let_in.rules()
    assert {rule["name"] for rule in rules} == {rule["alert"] for rule in RULES}
    assert [rule for rule in rules if rule["health"] != "ok" or rule.get("lastError")] == []


def test_every_question_of_the_dashboard_is_answered(let_in: Prometheus) -> None:
    [before] = let_in.value(REFUSED)
    asking = {"name": "asks", "annotations": {"dagy.io/dep-packages": "NOSUCH00"}}
    container = {"name": "main", "image": "docker.io/library/python:3.12-slim"}
    pod: Json = {"apiVersion": "v1", "kind": "Pod", "metadata": asking, "spec": {"containers": [container]}}
    with pytest.raises(KubectlError, match="has the slug NOSUCH00"):
        let_in.kube.apply(pod)

    def counted() -> bool:
        [now] = let_in.value(REFUSED)
        return float(now["value"][1]) > float(before["value"][1])

    eventually(counted, "the refusal arrives", WITHIN)
    eventually(lambda: let_in.value("min(count_over_time(up[5m])) > 1") != [], "two scrapes of each", WITHIN)
    answers = {title: let_in.value(question) for title, question in QUESTIONS.items()}
    silent = {title for title, answer in answers.items() if not answer}
    # These have something to show when something has happened, the others always.
    may_be = {title for title, question in QUESTIONS.items() if "> 0" in question or "quantile" in question}
    assert silent <= may_be | {"Answers that are refusals or faults A"}
    refused = [
        float(series["value"][1])
        for series in answers["Reviews of pods and workloads A"]
        if series["metric"] == {"webhook": "pods", "decision": "Refused"}
    ]
    assert sum(refused) > 0


def test_from_a_namespace_without_the_label_nothing_is_scraped(
    admin: Kube, both: tuple[Prometheus, Prometheus]
) -> None:
    _, kept_out = both
    eventually(lambda: looked_at(kept_out, "down") == pods_of_ours(admin), "each pod refuses", WITHIN)
    assert all(target["lastError"] for target in kept_out.targets())
    assert kept_out.value('{__name__=~"dagy_.+"}') == []
    # Who forgot the label hears of it.
    assert {states(kept_out)[name] for name in ("DagyOperatorDown", "DagyWebhookDown")} <= {"pending", "firing"}
