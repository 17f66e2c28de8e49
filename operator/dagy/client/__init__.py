"""DAGY's API for Python: `Client`, and the errors that it raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagy.client.http.errors import (
    ApiError,
    ArtifactError,
    ChangedError,
    ConflictError,
    DagyError,
    DeploymentRefusedError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    NotSettledError,
    SetupError,
    StoreError,
    UnauthorizedError,
    UnreachableError,
)

if TYPE_CHECKING:
    from dagy.client.client import Client

__all__ = [
    "ApiError",
    "ArtifactError",
    "ChangedError",
    "Client",
    "ConflictError",
    "DagyError",
    "DeploymentRefusedError",
    "ForbiddenError",
    "InvalidError",
    "NotFoundError",
    "NotSettledError",
    "SetupError",
    "StoreError",
    "UnauthorizedError",
    "UnreachableError",
]


def __getattr__(name: str) -> Any:
    """The client, with httpx and the models, when it is first asked for: importing this package costs little."""
    if name == "Client":
        from dagy.client.client import Client

        return Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
