"""/dep-packages/{namespace}/{name}/download: a short-lived URL of the ZIP."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.responses import Response

from dagy.core.common.timestamp import timestamp
from dagy.core.rest import view as rest_view
from dagy.core.rest.reasons import ApiReason
from dagy.model.flowdeployment import SHA256_PATTERN
from dagy.model.rest.packages import DownloadResponse
from dagy.web.packages.opened import ZIP_GONE, opened
from dagy.web.serving.parameters import NamePath, NamespacePath, problems
from dagy.web.serving.problems import ProblemError
from dagy.web.serving.services import Caller, Provided

router = APIRouter(tags=["packages"])
_R = ApiReason
_SHOWN = 12


@router.get(
    "/dep-packages/{namespace}/{name}/download",
    responses={
        **problems(_R.NO_ARTIFACT, _R.STORAGE_NOT_CONFIGURED, _R.STORAGE_UNAVAILABLE),
        200: {"model": DownloadResponse, "description": "With `redirect=false`: the URL"},
        307: {"description": "To the ZIP", "headers": {"Location": {"schema": {"type": "string"}}}},
    },
    status_code=307,
    response_class=RedirectResponse,
)
async def download_package(
    *,
    services: Provided,
    caller: Caller,
    namespace: NamespacePath,
    name: NamePath,
    redirect: Annotated[bool, Query(description="False gives the URL instead of going there.")] = True,
    sha256: Annotated[
        str | None,
        Query(pattern=SHA256_PATTERN, description="SHA-256 of an earlier ZIP of history; the usable one when absent."),
    ] = None,
) -> Response:
    """The usable ZIP, or an earlier one, from S3 directly."""
    found = await opened(services, caller, namespace, name)
    package = rest_view.package_response(found.package)
    artifact = found.artifact(sha256) if sha256 else found.present
    key = found.zip_key(artifact) if artifact else None
    if artifact is None or key is None:
        raise ProblemError(
            _R.NO_ARTIFACT,
            f"Package {namespace}/{name} has no ZIP yet; it is {package.build_status}. {package.message}".rstrip(),
        )
    if await asyncio.to_thread(found.files.size, key) is None:
        raise found.gone(ZIP_GONE)
    seconds = services.settings.api_download_seconds
    filename = filename_of(name, package.slug, artifact.python_version, sha256)
    url = await asyncio.to_thread(found.files.download_url, key, seconds, filename=filename, public=True)
    if redirect:
        return RedirectResponse(url, 307)
    answer = DownloadResponse(
        url=url,
        expires_at=timestamp(datetime.now(UTC) + timedelta(seconds=seconds), micro=False),
        sha256=artifact.sha256,
        size_bytes=artifact.size_bytes,
        filename=filename,
    )
    return JSONResponse(answer.model_dump(mode="json"))


def filename_of(name: str, slug: str | None, python_version: str, sha256: str | None) -> str:
    """Return a name for the file; of an artifact that was asked for by its SHA-256 it tells which one it is."""
    which = f"-{sha256[:_SHOWN]}" if sha256 else ""
    return f"{name}-{slug}-py{python_version}{which}.zip"
