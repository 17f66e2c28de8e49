"""The app: routes, errors, and the OpenAPI document. `create_app` is what servers, commands and tests run."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from dagy.adapters.version import version
from dagy.model.rest.base import Health
from dagy.web import openapi
from dagy.web.access import namespaces, whoami
from dagy.web.attach import signing as artifacts
from dagy.web.console import site as console
from dagy.web.console.guard import SameOrigin
from dagy.web.flows import routes as deployments
from dagy.web.flows import run_logs, uploads
from dagy.web.flows import summaries as deployment_summaries
from dagy.web.index import routes as index
from dagy.web.packages import artifacts as package_artifacts
from dagy.web.packages import compatibility as package_compatibility
from dagy.web.packages import download as package_download
from dagy.web.packages import logs as package_logs
from dagy.web.packages import manifests as package_manifests
from dagy.web.packages import requests as package_requests
from dagy.web.packages import routes as packages
from dagy.web.packages import summaries as package_summaries
from dagy.web.readiness import Readiness
from dagy.web.serving import api_gate, problems
from dagy.web.serving.callers import Callers
from dagy.web.serving.gate import Gate, Uncached
from dagy.web.serving.observed import Observed
from dagy.web.serving.parameters import problems as problem_answers
from dagy.web.serving.services import Services

_MODULES = (
    whoami,
    namespaces,
    artifacts,
    package_requests,
    package_summaries,
    package_compatibility,
    packages,
    package_logs,
    package_download,
    package_artifacts,
    package_manifests,
    uploads,
    deployment_summaries,
    deployments,
    run_logs,
    index,
    console,
)


_REQUESTS_EACH = 32
"""Of one caller at the same time; the CLI uploads with as many connections as it has parts in flight, and not to us."""


def create_app(services: Services) -> FastAPI:
    """The API over these services, which the caller closes."""
    app = FastAPI(
        title="DAGY",
        version=version(),
        summary="Python dependency packages for flows on Kubernetes.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        # One path is one resource: a redirect from another spelling would lose a PUT's body with many clients.
        redirect_slashes=False,
    )
    app.state.services = services
    problems.install(app)
    for module in _MODULES:
        app.include_router(module.router)
    ready = Readiness(lambda: services.reader.request("GET", "/version"))

    @app.get("/healthz", tags=["process"])
    async def healthz() -> Health:
        """Whether the process answers."""
        return Health()

    @app.get("/readyz", tags=["process"], responses=problem_answers())
    async def readyz() -> Health:
        """Whether the cluster answers, too."""
        await ready.check()
        return Health()

    app.state.callers = Callers(services)
    app.add_middleware(
        Gate,
        allowance=api_gate.RouteAllowances(app.routes),
        admit=app.state.callers.admit,
        refused=api_gate.refused,
        bytes_in_flight=api_gate.BYTES_IN_FLIGHT,
        requests_each=_REQUESTS_EACH,
    )
    app.add_middleware(SameOrigin)
    app.add_middleware(Uncached)
    app.add_middleware(Observed, record=services.record)
    app.openapi = lambda: openapi.document(app)  # type: ignore[method-assign]
    return app


def document() -> dict[str, Any]:
    """The OpenAPI document, without any connection."""
    from dagy.adapters.settings.api import ApiSettings

    return create_app(Services(ApiSettings(), None, None)).openapi()  # type: ignore[arg-type]
