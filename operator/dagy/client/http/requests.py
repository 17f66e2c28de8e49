"""Requests as values: what is sent, how its answer is read, and whether it may be sent again. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from dagy.model.rest.base import RestModel

T = TypeVar("T")
M = TypeVar("M", bound=RestModel)


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request and how to read its answer."""

    method: str
    path: str
    read: Callable[[bytes], T]
    query: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    body: Any = None
    """A JSON-ready value."""
    headers: Mapping[str, str] = field(default_factory=dict)
    idempotent: bool = True
    """True when carrying it out twice does no more than carrying it out once."""

    central: bool = False
    """True when it needs what only the cluster's own API has: object store, pods of builds, everybody's slugs."""

    @property
    def repeatable(self) -> bool:
        """True when it may be sent again although it may have been carried out.

        What depends on a state (If-Match) may not: if it was carried out, that state is gone.
        """
        return self.idempotent and "If-Match" not in self.headers


def answer(model: type[M]) -> Callable[[bytes], M]:
    """A reader of answers that are a model. Raises pydantic.ValidationError."""

    def read(content: bytes) -> M:
        return model.model_validate_json(content, extra="ignore")

    return read


def nothing(_content: bytes) -> None:
    """A reader of answers that have no content."""


def path(*parts: str, verb: str = "") -> str:
    """A path of the API, e.g. `/dep-packages/team-a/ml:build`."""
    quoted = "/" + "/".join(quote(part, safe="") for part in parts)
    return f"{quoted}:{verb}" if verb else quoted


def query(**values: object) -> dict[str, str]:
    """The query's parameters that are given."""
    return {name: str(value) for name, value in values.items() if value is not None}
