"""The operator's process: `python -m dagy.controller`. Settings come from the environment (docs/settings.md)."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import tempfile
from pathlib import Path

import pydantic

from dagy.adapters import logs
from dagy.adapters.settings.environment import wrong_settings
from dagy.adapters.settings.operator import Settings
from dagy.controller.operator import Operator
from dagy_builder.trust import trust_added_authorities


def main() -> int:
    """Run until SIGTERM. Return the exit code: 0 then, 2 when a setting is wrong."""
    try:
        settings = Settings.from_environment()
    except pydantic.ValidationError as error:
        print(*wrong_settings(Settings, error), sep="\n", file=sys.stderr)
        return 2
    logs.configure(settings.log_level, settings.log_format)
    logging.getLogger("kopf").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="dagy-trust-") as scratch:
        trust_added_authorities(Path(scratch))  # before boto3 makes its client
        asyncio.run(_serve(settings))
    return 0


async def _serve(settings: Settings) -> None:
    task = asyncio.current_task()
    assert task
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await Operator(settings).run()
    except asyncio.CancelledError:
        logging.getLogger(__name__).info("Stopped by a signal")


if __name__ == "__main__":
    sys.exit(main())
