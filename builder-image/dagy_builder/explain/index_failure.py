"""Failures of uv that are not about the requirements: indexes, downloads, hashes, disks. Pure."""

from __future__ import annotations

import re

from dagy_builder.contract import Fault, Reason
from dagy_builder.failure import StepError

_DENIED = re.compile(
    r"\(?(https?://[^\s)]+)\)? (?:returned a (403)|could not be queried[^(]*\((401|403))"
    r"|HTTP status client error \((401|403)[^)]*\) for url \(([^)]+)\)"
)
# The index gateway's words: whose credentials were refused.
_REFUSED = re.compile(r"^index: (\S+) answered \d+ to the credentials of (.+)$", re.MULTILINE)
_GONE = re.compile(r"HTTP status client error \((404|410)[^)]*\) for url \(([^)]+)\)")
_FETCH = re.compile(r"(?:Failed to fetch:? |for url \()`?(https?://[^\s`)]+)")
_UNREACHABLE = (
    "error sending request",
    "Request failed after",
    "dns error",
    "tcp connect error",
    "Connection refused",
    "operation timed out",
    "HTTP status server error",
    "429 Too Many Requests",
    "Failed to download distribution due to network timeout",
    "error decoding response body",
)
_MISMATCH = re.compile(r"Hash mismatch for `([^`]+)`")
_BACKEND_FAILED = "cause: The build backend returned an error"
_DISK = ("No space left on device", "Disk quota exceeded")


def failure_of(output: str) -> StepError | None:
    """What uv's output says about anything but the requirements, or None."""
    if _BACKEND_FAILED in output:
        return None  # the rest is a build backend's own words, which decide nothing about whose fault it is
    if any(words in output for words in _DISK):
        return StepError(
            Reason.DISK_FULL,
            "uv ran out of disk space. Give the build more (its volume, or its ephemeral-storage limit), or split the "
            "package.",
            raw=output,
        )
    if match := _MISMATCH.search(output):
        return StepError(
            Reason.HASH_MISMATCH,
            f"The file that the index serves for {match[1]} is not the one that was locked: its SHA-256 differs. "
            "Validate again if its author replaced it; otherwise somebody tampers with the index or the way to it.",
            raw=output,
        )
    if match := _DENIED.search(output):
        url, status = match[1] or match[5], match[2] or match[3] or match[4]
        return StepError(Reason.INDEX_ACCESS_DENIED, _denied(url, status, output), raw=output)
    if match := _GONE.search(output):
        return StepError(
            Reason.PACKAGE_NOT_FOUND, f"There is no file at {match[2]} (HTTP {match[1]}). Correct that URL.", raw=output
        )
    if any(words in output for words in _UNREACHABLE):
        found = _FETCH.search(output)
        where = f" at {found[1]}" if found else ""
        if "certificate" in _last_cause(output):
            return StepError(
                Reason.INDEX_NOT_TRUSTED,
                f"The certificate of the package index{where} is not trusted ({_last_cause(output)}). Name its "
                "authority in spec.index.caBundle, or let the cluster's administrator add it for all packages "
                "(DAGY_CA_CONFIG_MAP).",
                raw=output,
            )
        return StepError(
            Reason.INDEX_UNREACHABLE,
            f"The package index{where} does not answer ({_last_cause(output)}). If this stays, check the "
            "index and the way to it from where this ran.",
            Fault.INFRASTRUCTURE,
            raw=output,
        )
    return None


def _denied(url: str, status: str, output: str) -> str:
    for refused, source in _REFUSED.findall(output):
        if refused.startswith(url):
            return (
                f"The package index at {url} refuses the credentials of {source} (HTTP {status}). Correct them, then "
                "ask for a validation."
            )
    return (
        f"The package index at {url} refuses access (HTTP {status}), and no credentials were sent to it. Check its URL "
        "in spec.index, and that a Secret in spec.index.secretNames is for that URL."
    )


def first_sentence(output: str) -> str:
    """uv's error in one line: what failed and the innermost cause."""
    errors = re.findall(r"^error: (.+)", output, re.MULTILINE)
    what = errors[-1].strip().rstrip(".") if errors else "uv gave no reason"
    cause = _last_cause(output)
    return f"{what[:300]} ({cause})." if "cause:" in output else f"{what[:300]}."


def _last_cause(output: str) -> str:
    causes = re.findall(r"cause: (.+)", output)
    return causes[-1].strip().rstrip(".")[:200] if causes else "no reason given"
