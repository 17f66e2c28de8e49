"""The init container: `python -m dagy.attach`, told by DAGY_ATTACH (an `AttachSpec`) and DAGY_API_CA.

Exit codes after BSD's sysexits.h: 65 when it can't be done, 75 when something was away for too long. The last line of
the log and the termination message name the failure and the next step.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from dagy.attach.failure import AttachError
from dagy.attach.fetch import DEADLINE_SECONDS, Fetcher
from dagy.attach.http import Client
from dagy.attach.spec import AUTHORITY_VARIABLE, ROOT, SPEC_VARIABLE, TOKEN_FILE, TOKEN_FOLDER, AttachSpec

_TERMINATION_LOG = Path("/dev/termination-log")
_FAULT = 70  # EX_SOFTWARE


def main() -> int:
    """Attach the packages. Return the exit code."""
    started = time.monotonic()
    os.umask(0o022)  # the workload can read the files, no matter which user it runs as
    try:
        spec = AttachSpec.from_text(os.environ[SPEC_VARIABLE])
        client = Client(os.environ.get(AUTHORITY_VARIABLE, ""))
        Fetcher(spec, client, _token, _log, DEADLINE_SECONDS).fetch(Path(ROOT))
    except AttachError as error:
        return _fail(str(error), error.exit_code)
    except Exception as error:
        return _fail(f"Attaching failed unexpectedly: {type(error).__name__}: {error}", _FAULT)
    # The CPU time counts Python's start, too. Far less than the time: the node is busy, or the container is throttled.
    _log(f"{len(spec.items)} attached in {time.monotonic() - started:.2f} s ({time.process_time():.2f} s of CPU)")
    return 0


def _token() -> str:
    try:
        return Path(TOKEN_FOLDER, TOKEN_FILE).read_text().strip()
    except OSError as error:
        raise AttachError(f"The pod's token can't be read: {error}.") from error


def _fail(message: str, code: int) -> int:
    with suppress(OSError):  # outside of a cluster there is none
        _TERMINATION_LOG.write_text(message[:4000])
    _log(message)
    return code


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
