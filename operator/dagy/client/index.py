"""The package index that the administrator has configured: `Client.index`."""

from __future__ import annotations

from dagy.client.http.requests import Call, answer, path, query
from dagy.client.http.session import Session
from dagy.model.rest.index import IndexProject, IndexSearch

ROOT = "index"


class Index:
    """Names and releases, as the cluster's API sees them. All methods raise `DagyError`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def search(self, words: str, *, limit: int | None = None, namespace: str | None = None) -> IndexSearch:
        """Find projects by name: at most 20, the likeliest first.

        Names that packages use come before others: those of a namespace, or of all that the caller may list.
        """
        parameters = query(q=words, limit=limit, namespace=namespace)
        return self._session.send(Call("GET", path(ROOT, "search"), answer(IndexSearch), parameters, central=True))

    def project(
        self,
        name: str,
        *,
        python_version: str | None = None,
        architecture: str | None = None,
        glibc: str | None = None,
        source_distributions: str | None = None,
        prereleases: bool = False,
    ) -> IndexProject:
        """Return the releases of a project, and which of them fit; NotFoundError when the index doesn't know it."""
        parameters = query(
            python_version=python_version,
            architecture=architecture,
            glibc=glibc,
            source_distributions=source_distributions,
            prereleases="true" if prereleases else None,
        )
        where = path(ROOT, "projects", name)
        return self._session.send(Call("GET", where, answer(IndexProject), parameters, central=True))
