"""What all REST bodies share: snake_case on the wire, unknown fields refused in requests. No I/O."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field

from dagy.model.base import ApiModel


def _as_it_is(name: str) -> str:
    return name


class RestModel(ApiModel):
    """A REST body. `class X(SomeApiModel, RestModel)` is that model with its fields in snake_case.

    A server refuses fields that it does not know, so that a misspelled one is no silent default. Clients read with
    `read`, which ignores them, so that an older client lives with a newer server.
    """

    # FastAPI builds these at once, with a warning of pydantic silenced that would be heard later.
    model_config = ConfigDict(alias_generator=_as_it_is, extra="forbid", defer_build=False)

    @classmethod
    def read(cls, data: Any) -> Self:
        """An answer of the API, for clients. Raises pydantic.ValidationError."""
        return cls.model_validate(data, extra="ignore")


class ProblemDetail(RestModel):
    """One of several things that are wrong."""

    message: str
    """What is wrong, and what to do."""
    field: str | None = None
    """The field of the request at fault, e.g. `dependencies[3]`."""
    requirement: str | None = None
    """The requirement at fault."""
    hint: str | None = None
    """What to try."""


class Problem(RestModel):
    """Every error of the API (RFC 9457, `application/problem+json`)."""

    type: str = "about:blank"
    """URI of the kind of problem: `urn:dagy:problem:<code>`."""
    title: str
    """The kind of problem in a few words; the same for each problem with this code."""
    status: Annotated[int, Field(ge=400, le=599)]
    """The HTTP status."""
    detail: str
    """What happened, to what, why, and what to do next."""
    code: str
    """The kind of problem in one CamelCase word; stable, for programs (docs/api.md lists them)."""
    errors: list[ProblemDetail] = []
    """Each thing that is wrong, where there may be several."""


class Health(RestModel):
    """The process itself."""

    status: Literal["ok"] = "ok"
    """Always ok: a process that isn't does not answer."""
