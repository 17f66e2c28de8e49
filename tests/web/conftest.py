"""The webhook over a real API server and a real S3 server; the API's app is in tests/conftest.py."""

from __future__ import annotations

from tests.fakes.webhook_world import world

__all__ = ["world"]
