"""Whether the cluster's CustomResourceDefinitions are those of this release. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dagy.core.doctor.facts import Json
from dagy.core.doctor.finding import Check, Finding, Verdict, some


def judge_crds(crds: Mapping[str, Json | None], wanted: Mapping[str, Json]) -> Iterator[Finding]:
    """Present, and of this release: the cluster drops every field that they don't have."""
    well = True
    for name, ours in wanted.items():
        theirs = crds.get(name)
        if theirs is None:
            well = False
            yield Finding(
                Check.CRDS,
                Verdict.PROBLEM,
                f"There is no CustomResourceDefinition {name}.",
                "Apply the manifests of this release.",
            )
        elif lacking := missing_fields(ours, theirs):
            well = False
            yield Finding(
                Check.CRDS,
                Verdict.PROBLEM,
                f"CustomResourceDefinition {name} is of an earlier release: it lacks {some(lacking)}.",
                "Apply the manifests of this release; Helm does not upgrade CRDs by itself.",
            )
    if well:
        yield Finding(
            Check.CRDS,
            Verdict.OK,
            f"{len(wanted)} CustomResourceDefinitions are there, of this release or a later one.",
        )


def missing_fields(ours: Json, theirs: Json) -> list[str]:
    """Return the fields that our CRD has and theirs lacks, as paths; of what is missing whole, the first alone."""
    found: list[str] = []
    for version in ours["spec"]["versions"]:
        others = [v for v in (theirs.get("spec") or {}).get("versions") or () if v.get("name") == version["name"]]
        if others:
            found += _missing(_schema(version), _schema(others[0]), "")
        else:
            found.append(f"version {version['name']}")
    return found


def _schema(version: Json) -> Json:
    schema: Json = (version.get("schema") or {}).get("openAPIV3Schema") or {}
    return schema


def _missing(ours: Json, theirs: Json, path: str) -> Iterator[str]:
    known = theirs.get("properties") or {}
    for name, child in (ours.get("properties") or {}).items():
        where = f"{path}.{name}" if path else name
        if name in known:
            yield from _missing(child, known[name], where)
        else:
            yield where
    if "items" in ours and "items" in theirs:
        yield from _missing(ours["items"], theirs["items"], f"{path}[]")
