"""/dep-packages/{namespace}/{name}/artifacts: what lies in the ZIPs of a package that are still in S3."""

from __future__ import annotations

import asyncio
import gzip
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from dagy.core.rest import artifact_files
from dagy.core.rest.artifact_files import SpoiledError
from dagy.core.rest.reasons import ApiReason
from dagy.model.flowdeployment import SHA256_PATTERN
from dagy.model.rest.artifacts import ArtifactContents, ArtifactDiff, ArtifactLock, BuildRecord
from dagy.web.packages.opened import opened
from dagy.web.serving.parameters import NamePath, NamespacePath, problems
from dagy.web.serving.services import Caller, Provided

router = APIRouter(tags=["packages"])
_R = ApiReason
_SBOM_BYTES, _RECORD_BYTES = 16 << 20, 1 << 20
_ROOT = "/dep-packages/{namespace}/{name}/artifacts"
_PROBLEMS = problems(_R.STORAGE_NOT_CONFIGURED, _R.STORAGE_UNAVAILABLE)
_SBOM_TYPE = "application/vnd.cyclonedx+json"
_LOCK_TYPE = "application/toml"
Sha256Path = Annotated[
    str, Path(pattern=SHA256_PATTERN, description="SHA-256 of the ZIP, of the present one or of history.")
]
Sha256Query = Annotated[str, Query(pattern=SHA256_PATTERN, description="SHA-256 of a ZIP of the package.")]


@router.get(f"{_ROOT}/{{sha256}}/lock", responses=_PROBLEMS)
async def artifact_lock(
    services: Provided, caller: Caller, namespace: NamespacePath, name: NamePath, sha256: Sha256Path
) -> ArtifactLock:
    """The packages that it was installed from."""
    return await (await opened(services, caller, namespace, name)).lock(sha256)


@router.get(
    f"{_ROOT}/{{sha256}}/pylock.toml",
    responses={**_PROBLEMS, 200: {"content": {_LOCK_TYPE: {"schema": {"type": "string"}}}, "description": "PEP 751"}},
    response_class=Response,
)
async def artifact_pylock(
    services: Provided, caller: Caller, namespace: NamespacePath, name: NamePath, sha256: Sha256Path
) -> Response:
    """The lock itself, which other installers read as well (pylock.toml, PEP 751)."""
    found = await opened(services, caller, namespace, name)
    return Response(await found.lock_text(sha256), media_type=_LOCK_TYPE)


@router.get(
    f"{_ROOT}/{{sha256}}/contents",
    responses={**_PROBLEMS, 200: {"model": ArtifactContents, "description": "Its files and packages"}},
    response_class=Response,
)
async def artifact_contents(
    *,
    request: Request,
    services: Provided,
    caller: Caller,
    namespace: NamespacePath,
    name: NamePath,
    sha256: Sha256Path,
) -> Response:
    """Its files with their sizes, and what each package takes. The ZIP itself is not read for that."""
    found = await (await opened(services, caller, namespace, name)).contents(sha256)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.body, media_type="application/json", headers={"Content-Encoding": "gzip"})
    return Response(await asyncio.to_thread(gzip.decompress, found.body), media_type="application/json")


@router.get(
    f"{_ROOT}/{{sha256}}/sbom",
    responses={
        **_PROBLEMS,
        200: {"content": {_SBOM_TYPE: {"schema": {"type": "object"}}}, "description": "CycloneDX 1.6 in JSON"},
    },
    response_class=Response,
)
async def artifact_sbom(
    services: Provided, caller: Caller, namespace: NamespacePath, name: NamePath, sha256: Sha256Path
) -> Response:
    """Its bill of materials."""
    found = await opened(services, caller, namespace, name)
    return Response(await found.data(found.artifact(sha256).sbom_uri, _SBOM_BYTES), media_type=_SBOM_TYPE)


@router.get(f"{_ROOT}/{{sha256}}/record", responses=_PROBLEMS)
async def artifact_record(
    services: Provided, caller: Caller, namespace: NamespacePath, name: NamePath, sha256: Sha256Path
) -> BuildRecord:
    """How it was built."""
    found = await opened(services, caller, namespace, name)
    data = await found.data(found.artifact(sha256).record_uri, _RECORD_BYTES)
    try:
        return artifact_files.record_of(data)
    except SpoiledError as error:
        raise found.gone(str(error)) from error


@router.get(f"{_ROOT}:diff", responses=_PROBLEMS)
async def artifact_diff(
    *,
    services: Provided,
    caller: Caller,
    namespace: NamespacePath,
    name: NamePath,
    before: Annotated[Sha256Query, Query(alias="from")],
    after: Annotated[Sha256Query, Query(alias="to")],
) -> ArtifactDiff:
    """The packages in which two of its ZIPs differ."""
    found = await opened(services, caller, namespace, name)
    old, new = [await found.lock(one) for one in (before, after)]
    sizes = [await found.sizes(one) for one in (before, after)]
    return artifact_files.diff(old, new, *sizes)
