"""Running uv: its binary, its environment, its CPython, and its text, which is passed on line by line.

Environment by allow-list: nothing that happens to be set here (credentials, UV_* settings) reaches uv or its children.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dagy_builder.contract import BuildRequest, Fault, Reason
from dagy_builder.failure import StepError
from dagy_builder.redact import redact
from dagy_builder.target import Target

if TYPE_CHECKING:
    from dagy_builder.indexes.route import Route

_DEFAULT_ROOT = "/opt/python"
Log = Callable[[str], None]

_CACHE = "cache"

_PROXIES = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
)
_PASSED_ON = (
    "PATH",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "UV_CACHE_DIR",
    "UV_HTTP_TIMEOUT",
    "UV_HTTP_RETRIES",
)


@dataclass(frozen=True)
class UvResult:
    """The end of a run of uv, with everything it wrote, redacted."""

    code: int
    output: str


class Uv:
    """uv in an environment of its own. Use `open_uv`."""

    def __init__(self, binary: str, environment: Mapping[str, str], route: Route | None = None) -> None:
        self._binary, self._environment, self.route = binary, dict(environment), route

    def local(self, url: str) -> str:
        """Return the URL by which uv fetches `url`: the index gateway's, if there is one.

        Raises ValueError when `url` can be read in two ways.
        """
        return self.route.local_text(url) if self.route else url

    def public(self, text: str) -> str:
        """Return uv's text with the indexes' own URLs in place of the gateway's."""
        return self.route.public(text) if self.route else text

    def run(
        self,
        arguments: Sequence[str],
        log: Log,
        cwd: Path | None = None,
        *,
        with_stdout: bool = True,
        seconds: float | None = None,
        lock_seconds: int | None = None,
    ) -> UvResult:
        """Run uv to its end; each line goes to `log` as it comes. The process ends with this call, whatever happens.

        uv tells on stderr how it goes, and writes results to stdout as well, which `with_stdout` leaves out. After
        `seconds` it is killed, which makes its code negative; for other processes' locks it waits `lock_seconds` at
        most. Raises StepError when somebody else kills it.
        """
        waits = {} if lock_seconds is None else {"UV_LOCK_TIMEOUT": str(lock_seconds)}
        command = [self._binary, *arguments]
        lines: list[str] = []
        with subprocess.Popen(
            command,
            env={**self._environment, **waits},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if with_stdout else subprocess.DEVNULL,
            stderr=subprocess.STDOUT if with_stdout else subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        ) as process:
            stream = process.stdout or process.stderr
            assert stream is not None
            with _killed_after(process, seconds) as overdue:
                for line in stream:
                    lines.append(redact(self.public(line.rstrip("\n"))))
                    log(lines[-1])
        if process.returncode == -signal.SIGKILL and not overdue.is_set():
            raise _killed(lines)
        if process.returncode > 0:
            for told in self._failed_requests():
                lines.append(told)
                log(told)
        return UvResult(process.returncode, "\n".join(lines))

    def _failed_requests(self) -> list[str]:
        """Return the failed requests of the index gateway, a line each: uv itself sees no more than a status."""
        return [redact(f"index: {line}") for line in self.route.failures()] if self.route else []

    def version(self) -> str:
        """For example "uv 0.13.8 (x86_64-unknown-linux-gnu)"."""
        return self.run(["--version"], lambda _: None).output.strip()


@contextmanager
def _killed_after(process: subprocess.Popen[str], seconds: float | None) -> Iterator[threading.Event]:
    """Kill the process after some seconds, which sets the event; and when the block ends with an exception."""
    overdue = threading.Event()

    def stop() -> None:
        overdue.set()
        process.kill()

    alarm = threading.Timer(seconds, stop) if seconds is not None else None
    try:
        if alarm:
            alarm.start()
        yield overdue
    except BaseException:
        process.kill()
        raise
    finally:
        if alarm:
            alarm.cancel()


def _killed(lines: Sequence[str]) -> StepError:
    return StepError(
        Reason.OUT_OF_MEMORY,
        "uv was killed while it ran, most likely because there was no memory left. Give the build more "
        "(spec.build.resources.limits.memory), or split the package.",
        raw="\n".join(lines),
    )


def find_uv() -> str:
    """Path of the uv that belongs to this installation. Raises StepError when there is none."""
    try:
        from uv import find_uv_bin

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv")
    if found:
        return found
    raise StepError(
        Reason.UV_MISSING,
        "uv is not installed in the builder image: the build environment requires uv to be available. "
        "Use an image made from builder-image/Dockerfile, or install uv beside dagy_builder.",
        Fault.ADMINISTRATOR,
    )


@contextmanager
def open_uv(
    environment: Mapping[str, str] | None = None,
    *,
    cache: Path | None = None,
    shared_cache: bool = True,
    route: Route | None = None,
) -> Iterator[Uv]:
    """A `Uv` with an empty home folder, so that no configuration, netrc or keyring of this machine counts.

    With a `route`, it reaches nothing but the index gateway.

    Its cache is `cache`; or else UV_CACHE_DIR's, unless `shared_cache` is false; or else one that is thrown away.
    """
    given = os.environ if environment is None else environment
    binary = find_uv()
    with tempfile.TemporaryDirectory(prefix="dagy-home-") as home:
        chosen = _environment(given, home, _PASSED_ON if route else _PASSED_ON + _PROXIES)
        if cache is not None or not shared_cache:
            chosen["UV_CACHE_DIR"] = str(cache or Path(home, _CACHE))
        # uv runs in folders of its own, so a relative path would be another one there.
        chosen["UV_CACHE_DIR"] = str(Path(chosen["UV_CACHE_DIR"]).absolute())
        yield Uv(binary, chosen, route)


def _environment(given: Mapping[str, str], home: str, passed_on: Sequence[str]) -> dict[str, str]:
    """uv's whole environment: the variables that are passed on of the given one, and those that are always the same."""
    passed = {name: given[name] for name in passed_on if given.get(name)}
    fixed = {
        "HOME": home,
        "NETRC": os.devnull,
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_CONFIG": "1",
        "UV_NO_PROGRESS": "1",
        "NO_COLOR": "1",
        "LANG": "C.UTF-8",
    }
    return {"PATH": os.defpath, "UV_CACHE_DIR": str(Path(home, _CACHE)), **passed, **fixed}


def index_arguments(request: BuildRequest, uv: Uv) -> list[str]:
    """uv's options for the request's indexes: the first one that knows a name wins (no dependency confusion)."""
    arguments = ["--default-index", uv.local(request.default_index), "--index-strategy", "first-index"]
    for url in request.extra_index_urls:
        arguments += ["--index", uv.local(url)]
    return [*arguments, "--keyring-provider", "disabled"]


def build_arguments(request: BuildRequest) -> list[str]:
    """uv's option against running package code, unless the request allows it."""
    return [] if request.runs_package_code else ["--no-build"]


def python_for(target: Target, uv: Uv, *, builds_sources: bool) -> Path:
    """The CPython that uv works with: the image's own for the target (below DAGY_PYTHON_ROOT), where there is one.

    Elsewhere any will do for wheels, which are chosen by tags; source distributions are built with the target's own.
    Raises StepError when that is not on this machine.
    """
    version = target.python_version
    if not builds_sources and not _bundled(version).exists():
        return Path(sys.executable)
    if found := find_python(version, lambda: nullcontext(uv)):
        return found
    raise StepError(
        Reason.PYTHON_MISSING,
        f"CPython {version} is not on this machine, and source distributions are built with it. "
        f"Install it (uv python install {version}) or allow wheels only.",
        Fault.ADMINISTRATOR,
    )


def find_python(version: str, opened: Callable[[], AbstractContextManager[Uv]]) -> Path | None:
    """Return a CPython of that minor version: the image's own, this one, or one that uv finds; None when there is none.

    `opened` opens uv, where it has to be asked.
    """
    bundled = _bundled(version)
    if bundled.exists():
        return bundled
    if "{}.{}".format(*sys.version_info) == version:
        return Path(sys.executable)
    with opened() as uv:
        found = uv.run(["python", "find", "--no-project", "--no-config", version], lambda _: None)
    path = Path(found.output.strip())
    return path if found.code == 0 and path.exists() else None


def _bundled(version: str) -> Path:
    return Path(os.environ.get("DAGY_PYTHON_ROOT", _DEFAULT_ROOT), version, "bin", f"python{version}")
