"""The last validation, in DepPackage's status: what is wrong with the requirements, and what would solve it."""

from typing import Annotated

from pydantic import Field

from dagy.model.base import ApiModel, Text, Time

MOST_FIXES = 10


class Fix(ApiModel):
    """A change of one requirement that solves what is wrong."""

    requirement: Text
    """The requirement that is changed, normalized."""
    replacement: Text
    """What to ask for in its place."""
    version: Annotated[str | None, Field(max_length=128)] = None
    """The version that it gets then, where that is known."""
    tried: bool = False
    """Whether it was resolved together with all that is right in the list."""
    index: int | None = None
    """Position of the requirement in spec.dependencies, from 0; absent when it can't be told."""


class ValidationError(ApiModel):
    """One thing that is wrong with the requirements."""

    message: Text
    """What is wrong, with which requirement, and why."""
    requirement: Text | None = None
    """The requirement at fault."""
    wanted: Text | None = None
    """What was asked for."""
    exists: Text | None = None
    """What there is instead."""
    why: Text | None = None
    """The resolver's reason."""
    hint: Text | None = None
    """What to try."""
    index: int | None = None
    """Position in spec.dependencies of the requirement at fault, from 0; absent when it can't be told."""
    fixes: Annotated[list[Fix], Field(max_length=MOST_FIXES)] = []
    """Changes of which each solves it, the smallest first."""


class Validation(ApiModel):
    """The last validation."""

    spec_hash: Text
    """status.specHash that was validated."""
    time: Time
    """When it ended."""
    reason: Annotated[str | None, Field(max_length=128)] = None
    """Why the requirements were rejected, in one CamelCase word; absent when they resolve."""
    message: Annotated[str | None, Field(max_length=8192)] = None
    """The same in a sentence, with what to do next."""
    errors: Annotated[list[ValidationError], Field(max_length=200)] = []
    """Everything that is wrong; empty when the requirements resolve."""
    raw: Annotated[str | None, Field(max_length=16384)] = None
    """The resolver's own words."""
    log_uri: Text | None = None
    """The validation's log in S3."""
    warnings: Annotated[list[Text], Field(max_length=50)] = []
    """What the resolver remarks on requirements that do resolve, e.g. that a release was withdrawn."""
