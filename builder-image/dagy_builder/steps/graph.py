"""Which package brings which: uv's own account of a resolution. No lock is made of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from dagy_builder.contract import BuildRequest
from dagy_builder.requirement import parse_requirements, requirements_file
from dagy_builder.steps.resolve import Compiler, check_sources
from dagy_builder.target import Target
from dagy_builder.uv.runner import Log, Uv

_REQUIREMENT = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?:\[[^\]]*\])?(?: @ \S+|==\S+)")
_VIA = re.compile(r" {4}# {1,3}(?:via(?: |$))?(\S*)")


@dataclass(frozen=True)
class Node:
    """One package of a resolution."""

    name: str
    """Normalized (PEP 503)."""
    requirement: str
    """Exactly this one: "six==1.16.0", or "name @ https://..."."""
    brought_by: tuple[str, ...]
    """Normalized names of the packages that need it."""


def graph(request: BuildRequest, uv: Uv, log: Log) -> tuple[Node, ...]:
    """Resolve the request's requirements; what comes of it, sorted by name. Raises StepError."""
    target = Target.of(request)
    check_sources(request)
    requirements = parse_requirements(request.requirements)
    compiler = Compiler.of(request, target, uv)
    answer, text = compiler.run(
        requirements_file(requirements), log, output="requirements.txt", extra=("--annotation-style=split",)
    )
    if answer.code != 0:
        from dagy_builder.explain.search import explain_failure  # 20 ms, for failures alone

        raise explain_failure(requirements, answer.output, compiler, target)
    return read_graph(text)


def read_graph(text: str) -> tuple[Node, ...]:
    """What uv wrote as a requirements.txt with annotations of the style "split"."""
    found: dict[str, tuple[str, list[str]]] = {}
    brought_by: list[str] = []
    for line in text.splitlines():
        if match := _REQUIREMENT.match(line):
            brought_by = []
            found[canonicalize_name(match[1])] = (match[0], brought_by)
        elif (match := _VIA.match(line)) and match[1] and not match[1].startswith("-"):
            brought_by.append(canonicalize_name(match[1]))
    return tuple(Node(name, text, tuple(parents)) for name, (text, parents) in sorted(found.items()))
