"""The webhook's process: `python -m dagy.web.attach.webhook`. Settings come from the environment (docs/attach.md).

Nothing but admission runs in it, so that whatever users do to the API keeps no pod from starting.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pydantic
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Scope

from dagy.adapters import logs
from dagy.adapters.kube.api import KubeApi
from dagy.adapters.kube.cluster import ClusterFacts
from dagy.adapters.metrics.registry import Metrics
from dagy.adapters.metrics.server import serving
from dagy.adapters.packages.attach_lookup import AttachLookup
from dagy.adapters.settings.attach import AttachSettings
from dagy.adapters.settings.environment import wrong_settings
from dagy.adapters.version import version
from dagy.core.common.json_text import TooMuchJsonError
from dagy.core.metrics.metric import Process
from dagy.core.metrics.requests import certificate_samples, storage_samples
from dagy.web.attach.admission import Admission
from dagy.web.serving import connections
from dagy.web.serving.gate import Allowance, BodyTooLargeError, BodyTooSlowError, BusyError, Gate
from dagy.web.tls.authorities import ApiAuthority, WebhookBundle
from dagy.web.tls.certificate_keeper import CertificateKeeper, published_by_others
from dagy.web.tls.webhook_clients import Clients, NotTheApiServerError
from dagy_builder.storage.store import ObjectStore
from dagy_builder.trust import trust_added_authorities

_MANAGER = "dagy-webhook"
_REVIEW = Allowance(body_bytes=7 << 20, values=250_000)
"""An object has at most 3 MB on its way to the API server, and an update brings the one before along."""
_BYTES_IN_FLIGHT = 21 << 20


def main() -> int:
    """Serve until SIGTERM; the exit code is 0 then, 2 when a setting is wrong."""
    try:
        settings = AttachSettings.from_environment()
    except pydantic.ValidationError as error:
        print(*wrong_settings(AttachSettings, error), sep="\n", file=sys.stderr)
        return 2
    logs.configure(settings.log_level, settings.log_format)
    with tempfile.TemporaryDirectory() as scratch:
        trust_added_authorities(Path(scratch))
        asyncio.run(_serve(settings))
    return 0


def review_app(admission: Admission, clients: Clients) -> ASGIApp:
    """Return the two webhooks, for the API server only."""

    def route(path: str, review: Callable[[bytes], Awaitable[Response]]) -> Route:
        async def endpoint(request: Request) -> Response:
            return await review(await request.body())

        return Route(path, endpoint, methods=["POST"])

    app = Starlette(
        routes=[route("/admission/pods", admission.pods), route("/admission/workloads", admission.workloads)]
    )
    return Gate(app, allowance=_allowance, admit=clients.admit, refused=_refused, bytes_in_flight=_BYTES_IN_FLIGHT)


def _allowance(_: Scope) -> Allowance:
    return _REVIEW


def _refused(error: Exception) -> Response:
    match error:
        case NotTheApiServerError():
            return PlainTextResponse(f"This webhook answers the API server only. {error}", 403)
        case BodyTooLargeError() | TooMuchJsonError():
            return PlainTextResponse(f"The AdmissionReview is larger than any of an API server. {error}", 413)
        case BodyTooSlowError():
            return PlainTextResponse("The AdmissionReview did not come in time.", 408)
        case BusyError():
            return PlainTextResponse("Too many reviews at once. Try again in a moment.", 503)
        case _:
            raise error


def health_app(ready: Callable[[], bool]) -> ASGIApp:
    """Return the app that the kubelet asks, on a port of its own."""

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok")

    async def readyz(_: Request) -> Response:
        if ready():
            return PlainTextResponse("ok")
        return PlainTextResponse("ConfigMap dagy-api-authority is empty: no replica of dagy-api has started yet", 503)

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz)])


async def _serve(settings: AttachSettings) -> None:
    metrics = Metrics(Process.WEBHOOK, version())
    async with AsyncExitStack() as held:
        api = await KubeApi.connect(_MANAGER)
        held.push_async_callback(api.close)
        publish = published_by_others if settings.tls_directory else WebhookBundle(api).publish
        keeper = CertificateKeeper(api, settings, publish, client_authority=settings.webhook_client_ca)
        await keeper.look()
        metrics.watch(lambda: certificate_samples(keeper.ends))
        authority = ApiAuthority(api, settings.api_namespace)
        objects = None
        if settings.s3_bucket:
            objects = ObjectStore(settings.s3_bucket, lambda error: metrics.record(storage_samples(error.reason)))
        clients = Clients.of(settings)
        lookup = AttachLookup(api, settings.location, objects)
        cluster = ClusterFacts(api, settings.attach_node_selector)
        admission = Admission(
            lookup,
            lambda: settings.init_container(authority.pem),
            settings.image_volumes,
            lambda: cluster.present,
            tell=clients.known,
            record=metrics.record,
        )
        reviews = connections.server(
            review_app(admission, clients), settings.webhook_host, settings.webhook_port, lambda: keeper.context
        )
        health = connections.server(
            health_app(lambda: bool(authority.pem)), settings.webhook_host, settings.webhook_health_port
        )
        seconds = settings.tls_check_seconds
        works = [keeper.run(), authority.run(seconds), health.serve()]
        if settings.oci_repository:
            works.append(cluster.run())
        background = [asyncio.create_task(one) for one in works]
        for task in background:
            held.callback(task.cancel)
        await held.enter_async_context(serving(metrics, settings.metrics_port, settings.webhook_host))
        await reviews.serve()
        health.should_exit = True


if __name__ == "__main__":
    sys.exit(main())
