"""DAGY's API for Python: `Client` and `AsyncClient`, and the errors that they raise."""

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
    from dagy.client.asynchronous import AsyncClient
    from dagy.client.sync import Client

__all__ = [
    "ApiError",
    "ArtifactError",
    "AsyncClient",
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
    """The clients, with httpx and the models, when they are first asked for: importing this package costs little."""
    if name == "Client":
        from dagy.client.sync import Client

        return Client
    if name == "AsyncClient":
        from dagy.client.asynchronous import AsyncClient

        return AsyncClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
