"""The log of a process on standard error: lines for people, or JSON for collectors, each with what it is about."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

from typing_extensions import override

from dagy.core.common.timestamp import timestamp

FIELDS = ("package", "flowDeployment", "job", "request")
"""What a line can be about: objects as namespace/name, a Job's name, and the identifier of a request."""
_MESSAGE_CHARACTERS = 16_000

_about: ContextVar[dict[str, str] | None] = ContextVar("about", default=None)


@contextmanager
def about(**fields: str) -> Iterator[None]:
    """Let every line be about this while the block runs, in the tasks and threads that it starts, too."""
    token = _about.set({**(_about.get() or {}), **fields})
    try:
        yield
    finally:
        _about.reset(token)


def configure(level: str, form: Literal["text", "json"]) -> None:
    """Write the log of this process so from now on."""
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if form == "json":
        for handler in logging.getLogger().handlers:
            handler.setFormatter(JsonLines())


class JsonLines(logging.Formatter):
    """One JSON object a line, whatever a message holds: time (RFC 3339), level, logger, message, what it is about."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": timestamp(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage()[:_MESSAGE_CHARACTERS],
        }
        known = _about.get() or {}
        line.update((name, known[name]) for name in FIELDS if name in known)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)[-_MESSAGE_CHARACTERS:]
        return json.dumps(line)
