"""/dep-packages/{namespace}/{name}/download: a short-lived URL of the ZIP."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.responses import Response

from dagy.core.common.timestamp import timestamp
from dagy.core.package.trusted_status import trusted_status
from dagy.core.rest import view as rest_view
from dagy.core.rest.reasons import ApiReason
from dagy.model.rest.packages import DownloadResponse
from dagy.web.serving.parameters import NamePath, NamespacePath, problems
from dagy.web.serving.problems import ProblemError
from dagy.web.serving.resources import PACKAGES
from dagy.web.serving.services import Caller, Provided

router = APIRouter(tags=["packages"])
_R = ApiReason


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
    services: Provided,
    caller: Caller,
    namespace: NamespacePath,
    name: NamePath,
    redirect: Annotated[bool, Query(description="False gives the URL instead of going there.")] = True,
) -> Response:
    """The usable ZIP, from S3 directly."""
    found, files = await PACKAGES.get(caller, namespace, name), services.storage()
    package, home = rest_view.package_response(found), await services.home_of(found)
    artifact = trusted_status(found, home).artifact if home else None
    key = home.artifact_of(artifact.uri) if home and artifact else None
    if artifact is None or key is None:
        raise ProblemError(
            _R.NO_ARTIFACT,
            f"Package {namespace}/{name} has no ZIP yet; it is {package.build_status}. {package.message}".rstrip(),
        )
    seconds = services.settings.api_download_seconds
    filename = f"{name}-{package.slug}-py{artifact.python_version}.zip"
    url = await asyncio.to_thread(files.download_url, key, seconds, filename=filename, public=True)
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
