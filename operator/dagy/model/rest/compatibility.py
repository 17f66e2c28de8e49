"""REST body about packages that are to be attached together."""

from dagy.model.rest.base import RestModel
from dagy.model.rest.deployments import RestPinnedPackage


class Compatibility(RestModel):
    """Whether packages can be attached to one pod of the first one's namespace."""

    compatible: bool
    """Whether they can."""
    reason: str | None = None
    """Why they can't, in one word (docs/attach.md)."""
    message: str = ""
    """The same in a sentence, with what to do."""
    packages: list[RestPinnedPackage] = []
    """The artifacts that a pod would get, in the order of precedence; empty when they are not compatible."""
    warnings: list[str] = []
    """What such a pod's creator would be told."""
