"""What `dagy validate` and `dagy build` answer, as JSON-ready values and as text. Pure.

The words are those of status: phase, message, errors, lockHash, artifact.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagy.commands.findings import headline, numbered
from dagy.commands.local.plan import Given
from dagy.commands.local.steps import LocalResult
from dagy.core.common.failure import Failure
from dagy.core.package.plan import BuildPlan, malformed_failure
from dagy.core.requirements.files.merge import LIST_IS_FULL
from dagy.model.rest.parse import ParseResponse
from dagy.model.status import Phase
from dagy_builder.contract import Reason
from dagy_builder.redact import one_line
from dagy_builder.sizes import human_size

_WARNING_CHARACTERS = 1000


@dataclass(frozen=True)
class Report:
    """Plan and result: the result is None when the plan itself was refused. `output` is the ZIP of a build."""

    given: Given
    result: LocalResult | None
    output: Path | None = None

    @property
    def plan(self) -> BuildPlan:
        """What was to be built."""
        return self.given.plan

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the steps remark, in their order: what status.validation and status.artifact have as warnings."""
        outcomes = self.result.outcomes if self.result else ()
        told = [warning for outcome in outcomes for warning in (outcome.result or {}).get("warnings", ())]
        return tuple(one_line(warning, _WARNING_CHARACTERS) for warning in told)

    @property
    def failure(self) -> Failure | None:
        """Why it failed, in the words in which the operator would put it."""
        if self.result is None:
            return malformed_failure(self.plan)
        if self.result.last.ok:
            return None
        from dagy.core.outcomes.diagnosis import failure_of

        return failure_of(self.result.last)

    @property
    def phase(self) -> Phase:
        """The phase that a package would have now."""
        failure = self.failure
        if failure is None:
            return Phase.VALID if self.output is None else Phase.COMPLETED
        resolved = self.result is not None and self.result.lock is not None
        return Phase.INVALID if failure.blames_requirements and not resolved else Phase.FAILED


def as_json(report: Report) -> dict[str, Any]:
    """Return everything that is known, in the names of the API."""
    plan, result, failure = report.plan, report.result, report.failure
    values: dict[str, Any] = {
        "phase": report.phase,
        "python_version": plan.spec.python_version,
        "platform": plan.platform.to_json(),
        "dependencies": list(plan.normalized.dependencies),
        "dropped": [{"text": one.text, "why": one.why} for one in plan.normalized.dropped],
        "warnings": list(report.warnings),
    }
    if (parsed := report.given.parsed) is not None:
        values |= parsed.model_dump(mode="json", include={"summary", "lines"})
    if result is not None:
        values["seconds"] = {outcome.step: outcome.seconds for outcome in result.outcomes}
    if result is not None and result.lock is not None:
        values["lock_hash"] = _lock_hash(result.lock)
        values["packages"] = result.resolution.get("packages", [])
        values["lock"] = result.lock
    if failure is not None:
        values |= {
            "reason": failure.reason,
            "message": failure.message,
            "errors": [problem.to_json() for problem in failure.problems],
        }
        if failure.raw:
            values["raw"] = failure.raw
    elif report.output is not None:
        values["artifact"] = {"path": str(report.output), **_artifact(report)}
    return values


def findings_json(parsed: ParseResponse, filename: str) -> dict[str, Any]:
    """The same for a requirements.txt with lines that are wrong: nothing was run."""
    errors = [
        {"message": f"{filename}:{one.line}: {one.message}", "requirement": one.text, "hint": one.hint}
        for one in parsed.lines
        if one.outcome == "error"
    ]
    if not errors:
        errors = [{"message": f"{filename}: {LIST_IS_FULL}"}]
    return {
        "phase": Phase.INVALID,
        "reason": Reason.MALFORMED_REQUIREMENT,
        "message": errors[0]["message"],
        "errors": errors,
    }


def failure_text(report: Report) -> Iterator[str]:
    """Lines for standard error: the sentence of status, each further problem with its hint, and uv's own words."""
    failure = report.failure
    if failure is None:
        return
    first, further = headline(failure.message, failure.problems)
    yield f"{report.phase} ({failure.reason}): {first}"
    yield from (f"  {line}" for line in (numbered(further) if len(further) > 1 else further))
    if failure.retryable:
        yield "  Nothing is tried again by itself here: run the command again."
    if failure.raw:
        yield "uv said:"
        yield from (f"  {line}" for line in failure.raw.strip().splitlines())


def success_text(report: Report) -> Iterator[str]:
    """Lines for standard output: the packages and the lock, or the ZIP."""
    assert report.result is not None
    assert report.result.lock is not None
    packages = report.result.resolution.get("packages", [])
    platform = report.plan.platform
    target = f"Python {report.plan.spec.python_version} on linux/{platform.architecture}, glibc {platform.glibc}"
    count = f"{len(packages)} package{'s' * (len(packages) != 1)}"
    if report.output is None:
        yield from (f"{one['name']}=={one['version']}" if one["version"] else one["name"] for one in packages)
        yield f"{report.phase}: {count} for {target}; lock sha256 {_lock_hash(report.result.lock)}"
        return
    artifact = _artifact(report)
    yield (
        f"{report.phase}: {report.output}: {count}, {human_size(artifact['size_bytes'])}, for {target}; "
        f"sha256 {artifact['sha256']}"
    )


def _artifact(report: Report) -> dict[str, Any]:
    """Return the ZIP in the names of the API's artifact."""
    assert report.result is not None
    found = report.result.last.result or {}
    return {
        "sha256": found["sha256"],
        "content_sha256": found["content_sha256"],
        "size_bytes": found["size_bytes"],
        "uncompressed_bytes": found["uncompressed_bytes"],
        "file_count": found["file_count"],
        "package_count": found["package_count"],
        "zip_importable": found["zip_importable"],
    }


def _lock_hash(lock: str) -> str:
    return hashlib.sha256(lock.encode()).hexdigest()
