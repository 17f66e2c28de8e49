"""What all API types share: camelCase on the wire, snake_case in Python, immutable, tolerant of unknown fields."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from typing_extensions import override

Text = Annotated[str, Field(max_length=4096)]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"}, max_length=40)]


@dataclass(frozen=True, slots=True)
class NamespacedName:
    """Where an object is: its namespace and name (as `types.NamespacedName` of Kubernetes)."""

    namespace: str
    name: str

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Self:
        """Of an object with this metadata."""
        return cls(metadata["namespace"], metadata["name"])

    @override
    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class ApiModel(BaseModel):
    """A value of the API.

    Unknown fields are ignored on reading, so that an older operator lives with a newer CRD (and the other way round).
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        # A model is built when it is first used: building all of them takes a fifth of a command's start.
        defer_build=True,
        use_attribute_docstrings=True,  # the docstrings become the CRD's descriptions
    )

    def to_json(self) -> dict[str, Any]:
        """The object as JSON-ready values in camelCase, without the fields that are None."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def cel(rule: str, message: str) -> dict[str, Any]:
    """One CEL rule of the schema (`x-kubernetes-validations`) with the sentence that a user reads when it is broken."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message}]}
