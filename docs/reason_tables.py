"""The tables of docs/reasons.md and of the reasons in other pages, from the catalogues that the code decides by."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from dagy.core.attach import refusals
from dagy.core.common.reasons import CATALOGUE, Entry
from dagy.core.flows import reasons as flow_reasons
from dagy.core.rest.reasons import API_CATALOGUE
from dagy_builder.contract import Fault

_WHOSE = {
    None: "",
    Fault.USER: "yours",
    Fault.ADMINISTRATOR: "the administrator's",
    Fault.INFRASTRUCTURE: "the infrastructure's",
}
_AGAIN = {Fault.USER: "no", Fault.ADMINISTRATOR: "yes, until it is mended", Fault.INFRASTRUCTURE: "yes"}


def reasons_table() -> str:
    """Every reason of a package."""
    rows = ["| Reason | Phase | Meaning | Whose fault | Tried again | What to do |", "|---|---|---|---|---|---|"]
    for reason, entry in CATALOGUE.items():
        cells = [f"`{reason}`", entry.phase or "", entry.meaning, _WHOSE[entry.fault], _again(entry), entry.next_step]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def flow_reasons_table() -> str:
    """Every reason of a flow deployment beside those of attaching."""
    return _meanings(flow_reasons.MEANINGS)


def attach_reasons_table() -> str:
    """Every reason why a package is not attached."""
    return _meanings(refusals.MEANINGS)


def api_reasons_table() -> str:
    """Every code of the REST API."""
    rows = ["| Code | Status | Meaning |", "|---|---|---|"]
    rows += [f"| `{reason}` | {int(entry.status)} | {entry.meaning} |" for reason, entry in API_CATALOGUE.items()]
    return "\n".join(rows) + "\n"


def _again(entry: Entry) -> str:
    if entry.fault is None:
        return ""
    return "yes, every 15 seconds" if entry.looked_at_again else _AGAIN[entry.fault]


def _meanings(meanings: Mapping[StrEnum, str]) -> str:
    rows = [f"| `{reason}` | {meaning} |" for reason, meaning in meanings.items()]
    return "\n".join(["| Reason | Meaning |", "|---|---|", *rows]) + "\n"
