"""Errors of uv that are no derivation: files by URL, indexes, hashes, disks, malformed wheels. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dagy_builder.contract import Fault, Problem, Reason
from dagy_builder.explain.hints import ANOTHER_FILE
from dagy_builder.failure import StepError
from dagy_builder.redact import one_line
from dagy_builder.requirement import ParsedRequirement

_NO_BUILD = re.compile(r"Building source distributions for `([^`]+)` is disabled")
_STATUS = re.compile(r"HTTP status client error \((4\d\d[^)]*)\)")
_UNREADABLE = ("Failed to extract archive", "Invalid zip file structure", "not a valid zip", "Failed to read metadata")
_URL_DEPENDENCY = re.compile(
    r"Failed to resolve dependencies for package `([^`]+)`.*?Package `([^`]+)` was included as a URL dependency",
    re.DOTALL,
)
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
_SHOWN = 200  # characters of what a wheel says itself
_WHOSE = re.compile(r"^error: Failed to (?:download `([^`]+)`|install: \S+ \(([^)]+)\))", re.MULTILINE)
# Words of uv 0.13, and their meaning. uv's own words would show paths of the step's cache and settings of uv.
_CAUSES = (
    (r"failed to open file `[^`]*\.dist-info/RECORD`: No such file", "it has no RECORD (the list of its files)"),
    (r"CSV deserialize error", "its RECORD (the list of its files) can't be read"),
    (r"Wheel \w+ does not match filename \((.+) != (.+?)\)", "its METADATA says {0}, and its file name says {1}"),
    (
        r"ZIP file contains multiple entries with different contents for: (.+)",
        "it holds {0} twice, with different contents",
    ),
    (r"Archive contains unacceptable filename: (.+)", "it holds {0}, which is no file name"),
    (r"failed to create (?:file|directory) `[^`]*`: File exists", "two of its members have one path"),
    (r"Bad (?:un)?compressed size|Bad CRC32", "its ZIP contradicts itself"),
    (r"unable to locate the end of central directory record", "its ZIP has no end"),
    (r"The wheel is invalid: (.+)", "{0}"),
)


def direct_url_problem(
    output: str, requirements: Sequence[ParsedRequirement]
) -> tuple[Reason, Problem, ParsedRequirement] | None:
    """Return reason, problem and requirement when uv's error is about the URL of one; None otherwise."""
    error = output.partition("error: ")[2].splitlines()[0] if "error: " in output else ""
    asked = next((r for r in requirements if r.requirement.url and f"`{r.name} @ {r.requirement.url}`" in error), None)
    if asked is None:
        return None
    if _NO_BUILD.search(output):
        reason, why = Reason.NO_WHEEL, f"{asked.name} is given as source code, and building it is not allowed."
        hint = "Set spec.sourceDistributions to Allow, which runs its build code, or give the URL of a wheel."
    elif match := _STATUS.search(output):
        reason = Reason.PACKAGE_NOT_FOUND
        why = f"There is no file for {asked.name} at {asked.requirement.url} (HTTP {match[1]})."
        hint = "Correct that URL."
    elif any(words in output for words in _UNREADABLE):
        reason = Reason.RESOLUTION_FAILED
        why = f"The file for {asked.name} at {asked.requirement.url} can't be read."
        hint = "Give the URL of a whole wheel."
    else:
        return None
    return reason, Problem.of(why, hint, requirement=asked.text), asked


def url_dependency_problem(output: str) -> Problem | None:
    """Return the problem with a package that wants a dependency from a URL, if uv's output is about one.

    The URL is not repeated: uv has expanded variables of the environment in it.
    """
    match = _URL_DEPENDENCY.search(output)
    if match is None:
        return None
    message = f"{match[1]} wants {match[2]} from a URL of its own, which is not followed."
    hint = f"Add {match[2]} @ https://... as a dependency of this package if you trust it, or leave {match[1]} out."
    return Problem.of(message, hint, wanted=match[2])


def environment_failure(output: str) -> StepError | None:
    """Return the failure in uv's output that is about anything but the requirements; None otherwise."""
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
    """uv's error in one line: the failure and the innermost cause."""
    errors = re.findall(r"^error: (.+)", output, re.MULTILINE)
    what = errors[-1].strip().rstrip(".") if errors else "uv gave no reason"
    cause = _last_cause(output)
    return f"{what[:300]} ({cause})." if "cause:" in output else f"{what[:300]}."


def _last_cause(output: str) -> str:
    causes = re.findall(r"cause: (.+)", output)
    return causes[-1].strip().rstrip(".")[:200] if causes else "no reason given"


def malformed_wheel(output: str) -> StepError | None:
    """Return the failure in uv's output about a wheel that can't be unpacked or installed; None otherwise."""
    whose = _WHOSE.search(output)
    if whose is None:
        return None
    for pattern, words in _CAUSES:
        if found := re.search(f"cause: .*?{pattern}", output):
            why = words.format(*(one_line(text, _SHOWN) for text in found.groups())).rstrip(".")
            message = f"The wheel of {whose[1] or whose[2]} is malformed: {why}. {ANOTHER_FILE}."
            return StepError(Reason.INSTALL_FAILED, message, raw=output)
    return None
