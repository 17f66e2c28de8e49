"""The tables of docs/metrics.md: the catalogue of metrics, and the alerts that the manifests have."""

from __future__ import annotations

from pathlib import Path

import yaml

from dagy.core.metrics.catalogue import CATALOGUE
from dagy.core.metrics.metric import Metric

RULES = Path(__file__).parents[1] / "manifests/components/monitoring/rules.yaml"
_SHOWN_VALUES = 8


def metrics_table() -> str:
    """Every metric of DAGY's own."""
    rows = ["| Metric | Type | Of | Labels | What it is |", "|---|---|---|---|---|"]
    for metric in CATALOGUE:
        processes = ", ".join(metric.processes)
        rows.append(f"| `{metric.name}` | {metric.kind} | {processes} | {_labels(metric)} | {metric.help} |")
    return "\n".join(rows) + "\n"


def alerts_table() -> str:
    """Every alert."""
    rows = ["| Alert | Severity | After | What it means | What to do |", "|---|---|---|---|---|"]
    for group in yaml.safe_load(RULES.read_text())["spec"]["groups"]:
        for rule in group["rules"]:
            said = rule["annotations"]
            summary = said["summary"].replace("{{ $labels.", "*").replace(" }}", "*")
            after = rule.get("for", "at once")
            rows.append(
                f"| `{rule['alert']}` | {rule['labels']['severity']} | {after} | {summary} | {said['action']} |"
            )
    return "\n".join(rows) + "\n"


def _labels(metric: Metric) -> str:
    return ", ".join(
        f"`{name}`" + (f" ({', '.join(values)})" if len(values) <= _SHOWN_VALUES else "")
        for name, values in metric.labels.items()
    )
