"""Alert rules and dashboard against the metrics that there are, and with Prometheus' own tools."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dagy.core.metrics.catalogue import CATALOGUE
from dagy.core.metrics.metric import OTHER, Kind, Metric
from tests.cluster.layout import current_layout

Json = dict[str, Any]
HERE = Path(__file__).parent
COMPONENT = HERE.parents[2] / "manifests/components/monitoring"
BASE = HERE.parents[2] / "manifests/base"
DASHBOARD: Json = json.loads((COMPONENT / "dashboard.json").read_text())
RULES: list[Json] = [
    rule
    for group in yaml.safe_load((COMPONENT / "rules.yaml").read_text())["spec"]["groups"]
    for rule in group["rules"]
]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = {
    **{rule["alert"]: rule["expr"] for rule in RULES},
    **{f"{panel['title']} {target['refId']}": target["expr"] for panel in PANELS for target in panel["targets"]},
}
METRICS = {metric.name: metric for metric in CATALOGUE}
OF_THE_TARGET = {"job", "pod", "le", "version", "process"}
OF_THE_CLIENT = {"dagy_build_info"}


def series_in(expression: str) -> Iterator[tuple[str, str]]:
    """Each of our series in an expression, with what its braces say."""
    yield from re.findall(r"\b(dagy_\w+)(?:\{([^}]*)\})?", expression)


def metric_of(series: str) -> Metric | None:
    """The metric that has a series of that name."""
    for name, metric in METRICS.items():
        ends = ("_bucket", "_sum", "_count") if metric.kind is Kind.HISTOGRAM else ("",)
        if series in [name + end for end in ends]:
            return metric
    return None


@pytest.mark.parametrize("where", EXPRESSIONS)
def test_every_series_and_label_that_is_asked_for_exists(where: str) -> None:
    expression, labels = EXPRESSIONS[where], set(OF_THE_TARGET)
    for series, braces in series_in(expression):
        metric = metric_of(series)
        assert metric or series in OF_THE_CLIENT, f"{series} is no metric"
        if metric is None:
            continue
        labels |= set(metric.labels)
        for label, how, value in re.findall(r'(\w+)(=~|!~|!=|=)"([^"]*)"', braces):
            if label in OF_THE_TARGET:
                continue
            known = (*metric.labels[label], OTHER)
            matches = [one for one in known if (re.fullmatch(value, one) if "~" in how else one == value)]
            assert matches, f"{label}{how}{value} matches no value of {metric.name}"
    for grouped in re.findall(r"(?:by|on)\s*\(([^)]*)\)", expression):
        assert {label.strip() for label in grouped.split(",")} <= labels


def test_every_metric_is_on_the_dashboard() -> None:
    shown = {metric_of(series) for panel in PANELS for t in panel["targets"] for series, _ in series_in(t["expr"])}
    assert {metric.name for metric in CATALOGUE if metric not in shown} == set()


def test_panels_do_not_overlap_and_fill_no_more_than_the_width() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + dx, place["y"] + dy) for dx in range(place["w"]) for dy in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_a_legend_speaks_of_labels_that_its_expression_leaves() -> None:
    for panel in PANELS:
        for target in panel["targets"]:
            named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            left = {
                label.strip() for part in re.findall(r"by \(([^)]*)\)", target["expr"]) for label in part.split(",")
            }
            assert named <= left, panel["title"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_it_means_and_what_to_do(rule: Json) -> None:
    assert rule["alert"].startswith("Dagy")
    assert set(rule["annotations"]) == {"summary", "action"}
    assert rule["labels"]["severity"] in {"warning", "critical"}


def test_every_alert_has_a_case_in_which_it_fires() -> None:
    cases = yaml.safe_load((HERE / "rules_test.yaml").read_text())["tests"]
    fires = {check["alertname"] for case in cases for check in case["alert_rule_test"] if check.get("exp_alerts")}
    assert fires == {rule["alert"] for rule in RULES}


@pytest.mark.parametrize("file", ["operator", "api", "webhook-server"])
def test_the_port_that_is_scraped_is_that_of_the_setting(file: str) -> None:
    from dagy.adapters.settings.environment import ProcessSettings

    objects = [one for one in yaml.safe_load_all((BASE / f"{file}.yaml").read_text()) if one["kind"] == "Deployment"]
    (deployment,) = objects
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports["metrics"] == ProcessSettings.model_fields["metrics_port"].default
    monitor = yaml.safe_load((COMPONENT / "pod-monitor.yaml").read_text())
    assert monitor["spec"]["podMetricsEndpoints"][0]["port"] == "metrics"
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()


def promtool(*arguments: str) -> str:
    """What promtool says. Fails when it finds a mistake."""
    done = subprocess.run(
        [str(current_layout().bin / "promtool"), *arguments], capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stdout + done.stderr
    return done.stdout


@pytest.mark.peers
@pytest.mark.long_build
def test_prometheus_takes_the_rules_and_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "dagy", "rules": RULES}]}))
    asked = [
        {"record": f"panel:{number}", "expr": text.replace("$__rate_interval", "5m")}
        for number, text in enumerate(EXPRESSIONS.values())
    ]
    (tmp_path / "dashboard.yaml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": asked}]}))
    assert f"{len(RULES)} rules found" in promtool("check", "rules", str(tmp_path / "rules.yaml"))
    promtool("check", "rules", str(tmp_path / "dashboard.yaml"))


@pytest.mark.peers
@pytest.mark.long_build
def test_alerts_fire_when_they_should(tmp_path: Path) -> None:
    # Their words are checked above: promtool wants to hear them again in each case.
    silent = [{key: value for key, value in rule.items() if key != "annotations"} for rule in RULES]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "dagy", "rules": silent}]}))
    (tmp_path / "rules_test.yaml").write_text((HERE / "rules_test.yaml").read_text())
    assert "SUCCESS" in promtool("test", "rules", str(tmp_path / "rules_test.yaml"))


@pytest.mark.peers
@pytest.mark.long_build
def test_prometheus_finds_nothing_to_say_about_names_and_help(tmp_path: Path) -> None:
    from dagy.adapters.metrics.registry import Metrics
    from dagy.core.metrics.metric import Process

    for process in Process:
        text = Metrics(process, "1").exposition()[0]
        done = subprocess.run(
            [str(current_layout().bin / "promtool"), "check", "metrics"], input=text, capture_output=True, check=False
        )
        ours = [line for line in done.stderr.decode().splitlines() if line.startswith("dagy_")]
        assert not ours
