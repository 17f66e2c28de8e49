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
    namespace_uid: Annotated[str | None, Field(max_length=64)] = None
    """UID of that namespace, so that a later one of the same name inherits nothing. Without it the next package of that namespace and name takes the claim over, once: an administrator removes it after a restore into another cluster."""  # noqa: E501


CLAIM_RULE = (
    "self.slug == oldSelf.slug && self.__namespace__ == oldSelf.__namespace__ && self.name == oldSelf.name && "
    "(!has(self.namespaceUid) || !has(oldSelf.namespaceUid) || self.namespaceUid == oldSelf.namespaceUid)"
)
