"""What the doctor says. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

_SHOWN = 5


class Check(StrEnum):
    """What is looked at."""

    CRDS = "crds"
    CONTROL_PLANE = "control-plane"
    RIGHTS = "rights"
    STORAGE = "storage"
    INDEX = "index"
    REGISTRY = "registry"
    WEBHOOK = "webhook"
    CERTIFICATES = "certificates"
    NETWORK_POLICY = "network-policy"
    CLOCK = "clock"


class Verdict(StrEnum):
    """How it stands."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """One judgement. `action`: what to do; empty where nothing is to be done."""

    check: Check
    verdict: Verdict
    message: str
    action: str = ""


def some(texts: Sequence[str]) -> str:
    """Return the first of these, and how many more there are."""
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more
