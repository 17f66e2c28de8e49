"""/dep-packages:parse and the requests :validate, :build, :refresh, :cancel."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from packaging.utils import canonicalize_name

from dagy.core import requirements
from dagy.core.requirements import files
from dagy.core.requirements.files.report import report
from dagy.core.rest import view as rest_view
from dagy.core.rest.reasons import ApiReason
from dagy.model import constants as names
from dagy.model.rest.base import ProblemDetail
from dagy.model.rest.packages import ParseRequest, ParseResponse, RequestResponse, Resolution
from dagy.web.serving.parameters import NamePath, NamespacePath, problems
from dagy.web.serving.problems import MAX_ERRORS, ProblemError
from dagy.web.serving.resources import PACKAGES
from dagy.web.serving.services import Caller, Provided, caller_of

router = APIRouter(tags=["packages"])

_REQUESTS = {
    "validate": (names.REQUEST_VALIDATE, "Resolve the requirements again."),
    "build": (names.REQUEST_BUILD, "Build, or build again from the same lock; what changed is validated first."),
    "refresh": (names.REQUEST_REFRESH, "Resolve anew, with what the indexes have now, and build that."),
    "cancel": (names.REQUEST_CANCEL, "Stop what runs for the package; nothing when nothing does."),
}
Token = Annotated[
    str | None,
    Query(
        pattern="^[A-Za-z0-9._:-]{1,64}$",
        description="Repeating a request with one token asks once; made up when absent.",
    ),
]


@router.post("/dep-packages:parse", responses=problems(), dependencies=[Depends(caller_of)])
async def parse_requirements(services: Provided, body: ParseRequest) -> ParseResponse:
    """Read a requirements.txt and merge it into a list. Nothing is saved."""
    return await services.parsing.run(lambda: _parsed(body))


def _parsed(body: ParseRequest) -> ParseResponse:
    target = requirements.Target(body.python_version, body.architecture)
    existing = _existing(body)
    merged = files.merge(existing, files.read_requirements(body.text, target))
    resolutions = body.resolutions
    if not isinstance(resolutions, Resolution):
        resolutions = {canonicalize_name(name): chosen for name, chosen in resolutions.items()}
    return report(merged, body.python_version, resolutions)


def _existing(body: ParseRequest) -> list[requirements.Dependency]:
    parsed: list[requirements.Dependency] = []
    wrong: list[ProblemDetail] = []
    for index, text in enumerate(body.existing):
        try:
            parsed.append(requirements.parse_dependency(text))
        except requirements.RequirementError as error:
            place = f"existing[{index}]"
            wrong.append(ProblemDetail(message=error.message, field=place, requirement=error.text, hint=error.hint))
    if wrong:
        first = wrong[0]
        detail = f'{first.field} ("{first.requirement}"): {first.message} {first.hint}'
        raise ProblemError(ApiReason.INVALID_REQUEST, detail, wrong[:MAX_ERRORS])
    return parsed


def _route(verb: str, annotation: str, summary: str) -> None:
    async def ask(caller: Caller, namespace: NamespacePath, name: NamePath, token: Token = None) -> RequestResponse:
        given = token or secrets.token_hex(8)
        PACKAGES.refuse_while_deleting(await PACKAGES.get(caller, namespace, name))
        package = await PACKAGES.annotate(caller, namespace, name, {annotation: given})
        return rest_view.request_response(package, given)

    endpoint: Callable[..., Awaitable[RequestResponse]] = ask
    router.add_api_route(
        f"/dep-packages/{{namespace}}/{{name}}:{verb}",
        endpoint,
        methods=["POST"],
        status_code=202,
        name=f"{verb}_package",
        description=summary,
        responses=problems(ApiReason.FORBIDDEN, ApiReason.BEING_DELETED),
    )


for _verb, (_annotation, _summary) in _REQUESTS.items():
    _route(_verb, _annotation, _summary)
