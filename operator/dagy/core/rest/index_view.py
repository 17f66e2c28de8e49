"""From what is known of the package index to REST answers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dagy.core.index.known_names import KnownNames
from dagy.core.index.releases import ProjectRelease, ProjectReleases
from dagy.core.index.search import Hit
from dagy.model.rest.index import IndexHit, IndexProject, IndexRelease, IndexSearch, IndexState, ReleaseSpecs
from dagy_builder.target import Target


def search_response(
    hits: Sequence[Hit],
    known: KnownNames,
    state: IndexState,
    *,
    names: int = 0,
    as_of: datetime | None = None,
    message: str | None = None,
) -> IndexSearch:
    """The answer to a search in `names` names that the index told at `as_of`."""
    items = [
        IndexHit(
            name=hit.name,
            match=hit.match,
            alias=hit.alias,
            popular=known.is_popular(hit.name),
            used_here=known.is_used(hit.name),
        )
        for hit in hits
    ]
    return IndexSearch(items=items, state=state, message=message, as_of=_moment(as_of), names=names)


def project_response(name: str, target: Target, status: str | None, found: ProjectReleases) -> IndexProject:
    """What the index has of a project (normalized name), measured against a target."""
    return IndexProject.model_validate(
        {
            "name": name,
            "python_version": target.python_version,
            "architecture": target.architecture,
            "glibc": target.glibc,
            "status": status,
            "newest": str(found.newest) if found.newest else None,
            "newest_fitting": str(found.newest_fitting) if found.newest_fitting else None,
            "releases": [_release(one) for one in found.releases],
            "left_out": found.left_out,
        }
    )


def _release(one: ProjectRelease) -> IndexRelease:
    parts = one.parts
    return IndexRelease(
        version=str(one.version),
        major=parts.major,
        minor=parts.minor,
        build=parts.build,
        prerelease=one.version.is_prerelease,
        uploaded=_moment(one.uploaded),
        yanked=one.yanked is not None,
        yanked_reason=one.yanked or None,
        requires_python=one.requires_python,
        fits=one.fit,
        size=one.size,
        specs=ReleaseSpecs(**one.specs),
        caution=one.caution,
    )


def _moment(time: datetime | None) -> str | None:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z") if time else None
