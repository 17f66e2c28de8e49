"""The registry's place as a setting: the same for the operator, which pushes, and the webhook, which hands out."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from dagy_builder.image import repository

_LONGEST_NAMESPACE, _SLUG = "n" * 63, "AAAAAAAA"


def _has_room(base: str) -> str:
    if base:
        repository.Repository.of(base, _LONGEST_NAMESPACE, _SLUG)
    return base


Repository = Annotated[str, AfterValidator(_has_room)]
"""HOST[:PORT]/PATH below which every package can have a repository, or nothing; Docker Hub's short names are none."""
