"""/index: searching the index that the administrator has configured, and the releases of its projects."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from packaging.utils import canonicalize_name

from dagy.core.rest.reasons import ApiReason
from dagy.model.rest.index import IndexProject, IndexSearch, IndexState
from dagy.model.spec import Platform, SourceDistributions
from dagy.web.serving.credentials import Rights
from dagy.web.serving.parameters import NamespaceQuery, problems
from dagy.web.serving.problems import ProblemError
from dagy.web.serving.services import Caller, Provided
from dagy_builder.platforms import Architecture, PythonVersion

router = APIRouter(prefix="/index", tags=["index"])

_R = ApiReason
_MOST = 20


@router.get("/search", responses=problems())
async def search_index(
    *,
    services: Provided,
    caller: Caller,
    rights: Rights,
    q: Annotated[str, Query(min_length=1, max_length=256, description="What was typed: a name, or how it begins.")],
    limit: Annotated[int, Query(ge=1, le=_MOST, description="How many names at most.")] = _MOST,
    namespace: NamespaceQuery = None,
) -> IndexSearch:
    """Find projects by name. Names that packages use which you may list come first, those of `namespace` when given."""
    # Here, because most commands never search, and this imports a package index's client.
    from dagy.core.index.known_names import KnownNames
    from dagy.core.index.search import normalized_query, search
    from dagy.core.rest.index_view import search_response

    query = normalized_query(q)
    used = services.used_names.of(rights, caller, namespace)
    if services.index is None:
        known = KnownNames(await used)
        return search_response(search(query, None, known, most=limit), known, IndexState.OFF)
    found = await services.index.search(query, used, limit)
    at = found.listing
    count = len(at.names) if at.names else 0
    return search_response(found.hits, found.known, at.state, names=count, as_of=at.as_of, message=at.message)


@router.get("/projects/{name}", responses=problems(_R.SEARCH_OFF, _R.INDEX_UNAVAILABLE))
async def project_of_index(
    *,
    services: Provided,
    _caller: Caller,
    name: Annotated[
        str,
        Path(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$", max_length=128, description="Name of the project."),
    ],
    python_version: Annotated[PythonVersion, Query(description="Python version of the flows.")] = "3.12",
    architecture: Annotated[Architecture, Query(description="CPU of the nodes that run them.")] = "amd64",
    glibc: Annotated[
        str, Query(pattern=r"^2\.[0-9]{1,2}$", max_length=5, description="Oldest glibc among their images.")
    ] = Platform().glibc,
    source_distributions: Annotated[
        SourceDistributions, Query(description="Whether releases that have no wheel may be built.")
    ] = SourceDistributions.FORBID,
    prereleases: Annotated[bool, Query(description="Whether pre-releases are listed, too.")] = False,
) -> IndexProject:
    """The releases of a project, with ready specifiers, and which of them fit."""
    from dagy.adapters.index.source import IndexAwayError
    from dagy.core.rest.index_view import project_response
    from dagy_builder.target import Target

    if services.index is None:
        raise ProblemError(
            _R.SEARCH_OFF,
            "This API asks no package index: its administrator has switched that off (DAGY_SEARCH). Write the version "
            "yourself; the validation of the package tells whether it can be had.",
        )
    normalized, target = canonicalize_name(name), Target(python_version, architecture, glibc)
    sources = source_distributions is SourceDistributions.ALLOW
    try:
        project = await services.index.project(normalized, target, sources=sources, prereleases=prereleases)
    except IndexAwayError as error:
        detail = f"{error} Try again in a moment, or write the version yourself."
        raise ProblemError(_R.INDEX_UNAVAILABLE, detail, headers={"Retry-After": "10"}) from error
    if project is None:
        raise ProblemError(
            _R.NOT_FOUND, f"The package index has no project {normalized}. Search for it: `dagy packages search`."
        )
    return project_response(normalized, target, project.status, project.releases)
