"""Finding all problems of requirements, not only the one that uv meets first.

uv stops at the first contradiction. So the requirements that it names are left out and uv is asked again, until the
rest can be resolved or the time is up. A list with two problems often has many, so requirements that can't be had even
alone are then looked for at once. Decisions are in `diagnosis`, words in `sentences`; here is the loop.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

from dagy_builder.contract import Problem, Reason
from dagy_builder.explain.availability import match_files
from dagy_builder.explain.build_failure import failed_build, problem_with_build
from dagy_builder.explain.derivation import is_derivation, read_derivation
from dagy_builder.explain.diagnosis import Diagnosis, diagnoses
from dagy_builder.explain.fetch_failures import (
    direct_url_problem,
    environment_failure,
    first_sentence,
    url_dependency_problem,
)
from dagy_builder.explain.hints import ALLOW_SOURCES, is_final, near_names
from dagy_builder.explain.sentences import problem_of, summary_of, with_tested_alternative
from dagy_builder.explain.unavailable import sources_would_help
from dagy_builder.failure import StepError
from dagy_builder.indexes.page import IndexFile
from dagy_builder.requirement import ParsedRequirement
from dagy_builder.target import Target

_MAX_ROUNDS = 40
_AT_ONCE = 4
_DEFAULT_SECONDS = 30.0


class Resolver(Protocol):
    """Asking uv and the index again. `deadline` is always a time of `time.monotonic`."""

    @property
    def builds_sources(self) -> bool:
        """True when source distributions may be built."""

    def failure_without(self, requirements: Sequence[ParsedRequirement], deadline: float) -> str | None:
        """Return uv's output for these requirements; None when they can be resolved, or nothing came out in time."""

    def newest(self, name: str, deadline: float) -> str | None:
        """Return the newest version of a package that fits the target."""

    def version_within(
        self, asked: ParsedRequirement, others: Sequence[ParsedRequirement], deadline: float
    ) -> str | None:
        """Return the version that `asked` gets when it is resolved with the others; None when it can't be."""

    def files(self, name: str, deadline: float) -> Sequence[IndexFile] | None:
        """Return the index's files of a package: none when it doesn't know the package, None when it doesn't tell."""

    def index_before_others(self, name: str) -> str:
        """URL of the index whose files `files` gave, where further ones were not asked for that; else ""."""


@dataclass(frozen=True)
class _Found:
    reason: Reason
    problem: Problem
    culprits: Sequence[ParsedRequirement] = ()
    relaxable: bool = False
    """True when another version of a culprit may help that nothing was said of yet."""
    besides: str = ""
    """Another way out, as an imperative."""


def seconds_to_explain(environment: Mapping[str, str] = os.environ) -> float:
    """Return the seconds for looking into a failure: DAGY_EXPLAIN_SECONDS. Raises StepError when that is no time."""
    given = environment.get("DAGY_EXPLAIN_SECONDS") or _DEFAULT_SECONDS
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1.0
    if 0 <= seconds <= 3600:
        return seconds
    raise StepError(Reason.INTERNAL_ERROR, "DAGY_EXPLAIN_SECONDS is no number of seconds from 0 to 3600. Correct it.")


def explain_failure(
    requirements: Sequence[ParsedRequirement], output: str, resolver: Resolver, target: Target
) -> StepError:
    """The failure with every problem that is found in bounded time; `output` is uv's text on all requirements."""
    return Search(requirements, resolver, target, time.monotonic() + seconds_to_explain()).failure(output)


@dataclass(frozen=True)
class Search:
    """The search for the problems of `requirements`, until `deadline`."""

    requirements: Sequence[ParsedRequirement]
    resolver: Resolver
    target: Target
    deadline: float

    def first(self, output: str) -> tuple[Reason, Problem]:
        """Return the first problem alone, which `output` of uv is about."""
        found = self._diagnose(output, self.requirements)
        return found.reason, found.problem

    def failure(self, output: str) -> StepError:
        """Return the failure with all problems."""
        left, answer, raw = list(self.requirements), output, [output]
        found: list[_Found] = []
        for round_ in range(_MAX_ROUNDS):
            if failure := _not_about_requirements(answer, left, any_found=bool(found)):
                return failure
            found.append(self._diagnose(answer, left))
            culprits = found[-1].culprits
            left = [requirement for requirement in left if requirement not in culprits]
            if round_ == 1:
                for one, words in self._alone(left):
                    found.append(one)
                    raw.append(words)
                    left = [requirement for requirement in left if requirement not in one.culprits]
            again = self.resolver.failure_without(left, self.deadline) if left and culprits else None
            if again is None:
                break
            answer = again
            raw.append(again)
        hidden = self._hidden(found, left, raw)
        all_found = time.monotonic() < self.deadline and round_ < _MAX_ROUNDS - 1  # what helps is looked for afterwards
        # What can't be had by itself excludes nothing else.
        found = [one for one in found if not any(set(cause.culprits) < set(one.culprits) for cause in hidden)] + hidden
        problems = [self._with_tested_alternative(one, left) for one in found]
        summary = summary_of(problems, all_found=all_found)
        return StepError(found[0].reason, summary, problems=problems, raw="\n\n".join(raw))

    def _alone(self, left: Sequence[ParsedRequirement]) -> list[tuple[_Found, str]]:
        """Return the problems of single requirements of which the index has nothing that fits, each with uv's words."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return [one for one in pool.map(self._wrong_alone, left) if one is not None]

    def _wrong_alone(self, asked: ParsedRequirement) -> tuple[_Found, str] | None:
        files = None if asked.requirement.url else self.resolver.files(asked.name, self.deadline)
        if files is None:
            return None
        sources = self.resolver.builds_sources
        if match_files(files, asked.requirement.specifier, self.target, sources=sources).unavailable is None:
            return None
        answer = self.resolver.failure_without([asked], self.deadline)
        if answer is None or _not_about_requirements(answer, [asked], any_found=True):
            return None
        return self._diagnose(answer, [asked]), answer

    def _hidden(self, found: Sequence[_Found], left: Sequence[ParsedRequirement], raw: list[str]) -> list[_Found]:
        """Return further problems of requirements that were left out together, because they exclude each other.

        `left` can be resolved. It is grown by one of them after the other, and the obstacles to those that can't be
        added are problems of their own.
        """
        hidden: list[_Found] = []
        known = {frozenset(asked.text for asked in one.culprits) for one in found}
        kept = list(left)
        for culprit in (asked for one in found if len(one.culprits) > 1 for asked in one.culprits):
            rest = list(kept)
            answer = self.resolver.failure_without([*rest, culprit], self.deadline)
            if answer is None:
                kept.append(culprit)
            while answer and not _not_about_requirements(answer, rest, any_found=False):
                other = self._diagnose(answer, [*rest, culprit])
                names = frozenset(asked.text for asked in other.culprits)
                if names and names not in known:
                    known.add(names)
                    hidden.append(other)
                    raw.append(answer)
                fewer = [asked for asked in rest if asked not in other.culprits]
                if len(fewer) == len(rest) or len(hidden) >= _MAX_ROUNDS:
                    break
                rest = fewer
                answer = self.resolver.failure_without([*rest, culprit], self.deadline)
        return hidden

    def _diagnose(self, answer: str, left: Sequence[ParsedRequirement]) -> _Found:
        """Return the problem in uv's answer, with the requirements to leave out of the next round."""
        if direct := direct_url_problem(answer, left):
            reason, problem, culprit = direct
            return _Found(reason, problem, [culprit])
        if build := failed_build(answer, left):
            files = self.resolver.files(build.name, self.deadline) or ()
            reason, problem = problem_with_build(build, answer, files, self.target)
            return _Found(reason, problem, build.roots)
        possible = diagnoses(read_derivation(answer), left) if is_derivation(answer) else []
        if not possible:
            return _Found(Reason.RESOLUTION_FAILED, _unexplained(answer))
        diagnosis = self._confirmed_by_index(possible)
        listed: list[str] = []
        if diagnosis.reason is Reason.PACKAGE_NOT_FOUND and diagnosis.is_direct:
            listed = near_names(diagnosis.subject, dict.fromkeys(one.name for one in self.requirements))
        problem = problem_of(diagnosis, self.target, listed=listed)
        relaxable = diagnosis.reason is Reason.UNSATISFIABLE_REQUIREMENTS or not diagnosis.is_direct
        sources = diagnosis.index_match is not None and sources_would_help(diagnosis.index_match)
        return _Found(diagnosis.reason, problem, diagnosis.roots, relaxable, ALLOW_SOURCES if sources else "")

    def _confirmed_by_index(self, possible: Sequence[Diagnosis]) -> Diagnosis:
        """Return the first diagnosis that the index confirms, with its answer; else the one that needs no index."""
        for diagnosis in possible:
            in_uvs_words = diagnosis.index_match
            if in_uvs_words is None:
                return diagnosis
            files = self.resolver.files(diagnosis.subject, self.deadline)
            if not files:
                newest = self.resolver.newest(diagnosis.subject, self.deadline)
                return replace(diagnosis, index_match=replace(in_uvs_words, newest=newest))
            sources = self.resolver.builds_sources
            index_match = match_files(files, diagnosis.wanted(), self.target, sources=sources)
            if index_match.unavailable is not None:
                index = self.resolver.index_before_others(diagnosis.subject)
                return diagnosis.confirmed_by(replace(index_match, index=index))
        return possible[0]

    def _with_tested_alternative(self, found: _Found, others: Sequence[ParsedRequirement]) -> Problem:
        """The problem, with the changes of one requirement that solve it; each was tried with all that is right."""
        if not found.relaxable:
            return found.problem
        helping: list[tuple[ParsedRequirement, str]] = []
        for culprit in found.culprits:
            if not culprit.requirement.specifier:
                continue
            rest = [other for other in (*found.culprits, *others) if other != culprit]
            version = self.resolver.version_within(culprit.without_version(), rest, self.deadline)
            if version is not None and (is_final(version) or culprit.requirement.specifier.prereleases):
                helping.append((culprit, version))
        return with_tested_alternative(found.problem, helping, found.besides)


def _not_about_requirements(answer: str, left: Sequence[ParsedRequirement], *, any_found: bool) -> StepError | None:
    """Return the failure of an index that is away or shut: all else is a guess then; later it only ends the search."""
    if direct_url_problem(answer, left) or failed_build(answer, left):
        return None
    failure = environment_failure(answer)
    return failure if failure and (not any_found or failure.reason is Reason.INDEX_UNREACHABLE) else None


def _unexplained(output: str) -> Problem:
    if problem := url_dependency_problem(output):
        return problem
    message = f"uv can't resolve the requirements: {first_sentence(output)}"
    return Problem(message=message, why=message)
