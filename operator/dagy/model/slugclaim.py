"""SlugClaim: one object for each slug ever given out, whose creation is what makes the slug unique."""

from typing import Annotated

from pydantic import Field

from dagy.model.base import ApiModel
from dagy.model.spec import SLUG_PATTERN


class SlugClaimSpec(ApiModel):
    """Who the slug belongs to, for ever: claims are not deleted with their packages."""

    slug: Annotated[str, Field(pattern=SLUG_PATTERN, max_length=8)]
    """The slug; the claim's own name is the same in lower case."""
    namespace: Annotated[str, Field(max_length=63)]
    """Namespace of the DepPackage."""
    name: Annotated[str, Field(max_length=253)]
    """Name of the DepPackage."""
