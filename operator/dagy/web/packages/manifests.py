"""/dep-packages/{namespace}/{name}/manifest: the package as YAML for Git."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from dagy.core.common.yaml_text import yaml_text
from dagy.core.rest.manifest import manifest_of
from dagy.web.serving.parameters import NamePath, NamespacePath, problems
from dagy.web.serving.resources import PACKAGES
from dagy.web.serving.services import Caller

router = APIRouter(tags=["packages"])
_TYPE = "application/yaml"  # RFC 9512


@router.get(
    "/dep-packages/{namespace}/{name}/manifest",
    responses={**problems(), 200: {"content": {_TYPE: {"schema": {"type": "string"}}}, "description": "A DepPackage"}},
    response_class=Response,
)
async def package_manifest(caller: Caller, namespace: NamespacePath, name: NamePath) -> Response:
    """The package as a manifest to keep in Git: what users decided, without status and what the cluster adds."""
    return Response(yaml_text(manifest_of(await PACKAGES.get(caller, namespace, name))), media_type=_TYPE)
