"""/dep-packages: list, create, read, replace, patch, delete, find by slug."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from dagy.adapters.kube.api import Json, KubeApi, KubeError
from dagy.adapters.packages.claims import Claims
from dagy.core.common.json_text import read_json
from dagy.core.rest import edit as rest_edit
from dagy.core.rest import view as rest_view
from dagy.core.rest.edit import Filter
from dagy.core.rest.idempotency import mark
from dagy.core.rest.reasons import ApiReason
from dagy.model.rest.packages import DepPackageBody, DepPackageCreate, DepPackagePage, DepPackageResponse
from dagy.model.spec import SLUG_PATTERN, DepPackageSpec
from dagy.model.status import Phase
from dagy.web.packages.scanning import scan
from dagy.web.serving.parameters import (
    CursorQuery,
    IdempotencyKey,
    IfMatch,
    IfNoneMatch,
    Limit,
    NamePath,
    NamespacePath,
    NamespaceQuery,
    problems,
)
from dagy.web.serving.problems import ProblemError
from dagy.web.serving.resources import PACKAGES
from dagy.web.serving.services import Caller, CallerName, Provided, Services
from dagy_builder.platforms import PythonVersion

router = APIRouter(tags=["packages"])

_PATCH_TYPES = {"application/merge-patch+json", "application/json"}
_R = ApiReason


@router.get("/dep-packages", responses=problems(_R.NAMESPACE_REQUIRED, _R.CURSOR_EXPIRED))
async def list_packages(
    caller: Caller,
    *,
    namespace: NamespaceQuery = None,
    search: Annotated[str, Query(max_length=200, description="Words that name, description, slug or list hold.")] = "",
    phase: Annotated[Phase | None, Query(description="Only packages in this phase.")] = None,
    python_version: Annotated[PythonVersion | None, Query(description="Only packages for this Python.")] = None,
    limit: Limit = 100,
    cursor: CursorQuery = "",
) -> DepPackagePage:
    """Packages, sorted by namespace and name."""
    wanted = Filter(search, phase, python_version)
    shows = wanted.shows if wanted != Filter() else None
    items, following, _ = await scan(PACKAGES, caller, namespace, limit=limit, cursor=cursor, shows=shows)
    return DepPackagePage(items=[rest_view.package_response(one) for one in items], next_cursor=following)


@router.post(
    "/dep-packages",
    status_code=201,
    responses=problems(_R.FORBIDDEN, _R.ALREADY_EXISTS),
)
async def create_package(
    *,
    caller: Caller,
    who: CallerName,
    body: DepPackageCreate,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> DepPackageResponse:
    """Create a package. It is validated and built at once, unless `build_policy` is Manual."""
    name = body.name or rest_edit.name_from(body.display_name)
    if name is None:
        raise ProblemError(
            _R.NAME_REQUIRED, "The package needs a name: set `name`, or a `display_name` with letters or digits in it."
        )
    made = mark(who, idempotency_key) if idempotency_key else None
    package = await PACKAGES.create_once(caller, body.namespace, name, _spec(body), made)
    return _answer(package, response, created=True)


@router.get("/dep-packages/by-slug/{slug}", responses=problems())
async def package_by_slug(
    services: Provided,
    caller: Caller,
    slug: Annotated[str, Path(pattern=SLUG_PATTERN, description="Slug of the package.")],
    response: Response,
) -> DepPackageResponse:
    """The package with this slug, whatever its namespace."""
    return _answer(await find_by_slug(services, caller, slug), response)


@router.get("/dep-packages/{namespace}/{name}", responses=problems())
async def get_package(
    caller: Caller, namespace: NamespacePath, name: NamePath, response: Response
) -> DepPackageResponse:
    """One package."""
    return _answer(await PACKAGES.get(caller, namespace, name), response)


@router.put(
    "/dep-packages/{namespace}/{name}",
    responses={
        **problems(_R.FORBIDDEN, _R.CONFLICT, _R.PRECONDITION_FAILED),
        201: {"model": DepPackageResponse, "description": "It is new"},
    },
)
async def put_package(
    *,
    caller: Caller,
    who: CallerName,
    namespace: NamespacePath,
    name: NamePath,
    body: DepPackageBody,
    response: Response,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
    idempotency_key: IdempotencyKey = None,
) -> DepPackageResponse:
    """Create the package or replace what was decided about it. Repeating it changes nothing."""
    spec = _spec(body)
    if if_none_match:
        if if_match:
            raise ProblemError(_R.PRECONDITION_FAILED, "If-Match asks for a state, If-None-Match for none: send one.")
        made = mark(who, idempotency_key) if idempotency_key else None
        return _answer(await PACKAGES.create_only(caller, namespace, name, spec, made), response, created=True)
    package, new = await PACKAGES.save(caller, namespace, name, lambda _: spec, if_match=if_match)
    return _answer(package, response, created=new)


@router.patch(
    "/dep-packages/{namespace}/{name}",
    responses=problems(_R.FORBIDDEN, _R.CONFLICT, _R.PRECONDITION_FAILED, _R.UNSUPPORTED_MEDIA_TYPE),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {t: {"schema": {"$ref": "#/components/schemas/DepPackagePatch"}} for t in sorted(_PATCH_TYPES)},
        }
    },
)
async def patch_package(
    *,
    request: Request,
    caller: Caller,
    namespace: NamespacePath,
    name: NamePath,
    response: Response,
    if_match: IfMatch = None,
) -> DepPackageResponse:
    """Change some fields (JSON merge patch, RFC 7396): null takes a field away, lists are replaced as a whole."""
    patch = await _patch(request)
    await PACKAGES.get(caller, namespace, name)

    def patched(present: Json | None) -> Json:
        if present is None:
            raise PACKAGES.missing(namespace, name)
        known = DepPackageSpec.model_validate(present["spec"])
        now = known.model_dump(mode="json", exclude_unset=True)
        try:
            return _spec(DepPackageBody.model_validate(rest_edit.merge_patch(now, patch)))
        except ValidationError as error:
            raise RequestValidationError([{**e, "loc": ("body", *e["loc"])} for e in error.errors()]) from None

    package, _ = await PACKAGES.save(caller, namespace, name, patched, if_match=if_match)
    return _answer(package, response)


async def _patch(request: Request) -> Any:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _PATCH_TYPES:
        raise ProblemError(_R.UNSUPPORTED_MEDIA_TYPE, "A patch is JSON: send it as application/merge-patch+json.")
    try:
        patch = read_json(await request.body())
    except ValueError:
        patch = None
    if not isinstance(patch, dict):
        raise ProblemError(_R.INVALID_REQUEST, "The body is not a JSON object. Send the fields that are to change.")
    return patch


@router.delete(
    "/dep-packages/{namespace}/{name}",
    status_code=202,
    responses=problems(_R.FORBIDDEN, _R.PRECONDITION_FAILED),
)
async def delete_package(
    caller: Caller, namespace: NamespacePath, name: NamePath, if_match: IfMatch = None
) -> DepPackageResponse:
    """Delete the package and its objects in S3; it is gone when a GET answers 404."""
    package = await PACKAGES.get(caller, namespace, name)
    await PACKAGES.delete(caller, namespace, name, if_match)
    deleting = {**package, "metadata": {**package["metadata"], "deletionTimestamp": ""}}
    return rest_view.package_response(deleting)


async def find_by_slug(services: Services, caller: KubeApi, slug: str) -> Json:
    """The package, read with the caller's rights. Raises ProblemError (404)."""
    unknown = ProblemError(_R.NOT_FOUND, f"No package that you may see has the slug {slug}. `dagy packages list` shows "
                           "those that there are.")  # fmt: skip
    try:
        owned = await Claims(services.reader).owner(slug)
    except KubeError as error:
        if error.status != 403:
            raise
        found = (await PACKAGES.page(caller, None, 1, "", fieldSelector=f"status.slug={slug}")).items
        if not found:
            raise unknown from None
        return found[0]
    if owned is None:
        raise unknown
    package = await PACKAGES.find(caller, owned.key.namespace, owned.key.name)
    # A claim outlives its package, and another slug may be the present one's.
    if package is None or (package.get("status") or {}).get("slug") != slug:
        raise unknown
    return package


def _spec(body: DepPackageBody) -> Json:
    return {**body.to_spec(), "dependencies": rest_edit.deduplicated(body.dependencies)}


def _answer(package: Json, response: Response, *, created: bool = False) -> DepPackageResponse:
    response.headers["ETag"] = rest_view.etag(package)
    if created:
        metadata = package["metadata"]
        response.status_code = 201
        response.headers["Location"] = PACKAGES.location(metadata["namespace"], metadata["name"])
    return rest_view.package_response(package)
