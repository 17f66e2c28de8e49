"""/dep-packages:compatibility: whether packages can be attached to one pod, before there is one."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query

from dagy.core.attach.pin import AttachRequest, PackageRef, Refusal
from dagy.core.flows.states import pinned_packages
from dagy.core.rest.reasons import ApiReason
from dagy.model.constants import MAX_ATTACHED_PACKAGES
from dagy.model.flowdeployment import PACKAGE_REFERENCE_PATTERN
from dagy.model.rest.compatibility import Compatibility
from dagy.model.rest.deployments import RestPinnedPackage
from dagy.web.packages.routes import find_by_slug
from dagy.web.serving.parameters import problems
from dagy.web.serving.services import Caller, Provided

router = APIRouter(tags=["packages"])
_R = ApiReason
_Reference = Annotated[str, Query(pattern=PACKAGE_REFERENCE_PATTERN)]
_References = Annotated[
    list[_Reference],
    Query(
        min_length=1,
        max_length=MAX_ATTACHED_PACKAGES,
        description="A slug, or SLUG@sha256; repeated for each package, in the order of precedence.",
    ),
]


@router.get("/dep-packages:compatibility", responses=problems(_R.STORAGE_NOT_CONFIGURED, _R.STORAGE_UNAVAILABLE))
async def compatibility(services: Provided, caller: Caller, package: _References) -> Compatibility:
    """Whether packages can be attached together: one Python, one CPU, no two versions or files in one place."""
    services.storage()  # without it nothing could be compared
    wanted = {one.partition("@")[0]: one.partition("@")[2] or None for one in package}
    # Nothing is told of a package that the caller may not see, not even that it doesn't fit.
    seen = await asyncio.gather(*(find_by_slug(services, caller, slug) for slug in wanted))
    refs = tuple(PackageRef(slug, sha256) for slug, sha256 in wanted.items())
    planned = await services.lookup.plan(AttachRequest(seen[0]["metadata"]["namespace"], refs))
    if isinstance(planned, Refusal):
        return Compatibility(compatible=False, reason=planned.reason, message=planned.message)
    pinned = [RestPinnedPackage.model_validate(one.model_dump()) for one in pinned_packages(planned)]
    return Compatibility(compatible=True, packages=pinned, warnings=list(planned.warnings))
