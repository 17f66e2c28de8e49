"""Failures of requirements that name a file by its URL, and of packages that do. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dagy_builder.contract import Problem, Reason
from dagy_builder.requirement import Asked

_NO_BUILD = re.compile(r"Building source distributions for `([^`]+)` is disabled")
_STATUS = re.compile(r"HTTP status client error \((4\d\d[^)]*)\)")
_UNREADABLE = ("Failed to extract archive", "Invalid zip file structure", "not a valid zip", "Failed to read metadata")
_URL_DEPENDENCY = re.compile(
    r"Failed to resolve dependencies for package `([^`]+)`.*?Package `([^`]+)` was included as a URL dependency",
    re.DOTALL,
)


def direct_problem(output: str, requirements: Sequence[Asked]) -> tuple[Reason, Problem, Asked] | None:
    """What is wrong with the one requirement whose URL uv's error names, if it names one."""
    error = output.partition("error: ")[2].splitlines()[0] if "error: " in output else ""
    asked = next((r for r in requirements if r.requirement.url and f"`{r.name} @ {r.requirement.url}`" in error), None)
    if asked is None:
        return None
    if _NO_BUILD.search(output):
        message = f"{asked.name} is given as source code, and building it is not allowed."
        hint = "Set spec.sourceDistributions to Allow, which runs its build code, or give the URL of a wheel."
        return Reason.NO_WHEEL, _problem(asked, message, hint), asked
    if match := _STATUS.search(output):
        message = f"There is no file for {asked.name} at {asked.requirement.url} (HTTP {match[1]})."
        return Reason.PACKAGE_NOT_FOUND, _problem(asked, message, "Correct that URL."), asked
    if any(words in output for words in _UNREADABLE):
        message = f"The file for {asked.name} at {asked.requirement.url} can't be read."
        return Reason.RESOLUTION_FAILED, _problem(asked, message, "Give the URL of a whole wheel."), asked
    return None


def url_dependency(output: str) -> Problem | None:
    """The problem with a package that wants a dependency from a URL, if uv's output is about one.

    The URL is not repeated: uv has expanded variables of the environment in it.
    """
    match = _URL_DEPENDENCY.search(output)
    if match is None:
        return None
    message = f"{match[1]} wants {match[2]} from a URL of its own, which is not followed."
    hint = f"Add {match[2]} @ https://... as a dependency of this package if you trust it, or leave {match[1]} out."
    return Problem(message=f"{message} {hint}", why=message, hint=hint, wanted=match[2])


def _problem(asked: Asked, message: str, hint: str) -> Problem:
    return Problem(message=f"{message} {hint}", requirement=asked.text, why=message, hint=hint)
