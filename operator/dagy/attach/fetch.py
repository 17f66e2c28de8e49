"""All packages of a pod: URLs from the API, artifacts from the store, files into the volume."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from dagy.attach.download import downloading
from dagy.attach.extract import extract
from dagy.attach.failure import AttachError, UnavailableError
from dagy.attach.http import Client, ExpiredError, GoneError
from dagy.attach.spec import SIGN_PATH, AttachItem, AttachSpec, package_folder

T = TypeVar("T")
_AT_ONCE = 2
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0
DEADLINE_SECONDS = 120.0
"""Seconds that the infrastructure may be away before the container fails; the kubelet then restarts it, if it may."""

Log = Callable[[str], None]


class Fetcher:
    """Fetcher of one pod's items. `token`: reads the service account token, which the kubelet replaces now and then."""

    def __init__(
        self, spec: AttachSpec, client: Client, token: Callable[[], str], log: Log, deadline_seconds: float
    ) -> None:
        self._spec, self._client, self._token, self._log = spec, client, token, log
        self._deadline = time.monotonic() + deadline_seconds
        self._lock = threading.Lock()
        self._urls: Mapping[str, str] = {}

    def fetch(self, root: Path) -> None:
        """Bring the items that aren't there yet. Raises AttachError; UnavailableError where another start may do."""
        for slug in self._spec.mount_points:
            package_folder(root, slug).mkdir(parents=True, exist_ok=True)
        missing = [item for item in self._spec.items if not item.folder(root).exists()]
        if not missing:
            return
        self._sign(used="")
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            running = [pool.submit(self._bring, item, root) for item in missing]
            try:
                for future in running:
                    future.result()
            except BaseException:
                self._deadline = 0.0
                pool.shutdown(cancel_futures=True)
                raise

    def _bring(self, item: AttachItem, root: Path) -> None:
        started, ends = time.monotonic(), [0.0]

        def read_range(into: memoryview, start: int) -> None:
            self._with_retries(lambda: self._read(item, into, start))
            ends.append(time.monotonic())

        with downloading(item, read_range, root) as arriving:
            count = extract(arriving, item.folder(root), item.uncompressed_bytes)
        self._log(
            f"{item.label}: {item.size_bytes / 1e6:.1f} MB fetched in {max(ends) - started:.2f} s, "
            f"{count} files extracted and verified after {time.monotonic() - started:.2f} s"
        )

    def _read(self, item: AttachItem, into: memoryview, start: int) -> None:
        url = self._urls[item.sha256]
        try:
            self._client.read_range(url, into, start, item.size_bytes)
        except ExpiredError:
            self._sign(used=url)
            raise
        except GoneError as error:
            raise AttachError(f"The ZIP of {item.label} is gone: {error}. {item.when_gone}") from error

    def _sign(self, used: str) -> None:
        """Get URLs, unless another thread has replaced the `used` one already."""
        with self._lock:
            if used and used not in self._urls.values():
                return
            url = self._spec.api_url.rstrip("/") + SIGN_PATH
            answer = self._with_retries(lambda: self._client.ask_api(url, self._token(), self._spec.sign_request()))
            try:
                self._urls = {str(one["sha256"]): str(one["url"]) for one in answer["artifacts"]}
                self._client.added_authorities = str(answer.get("certificate_authorities") or "")
            except (KeyError, TypeError, AttributeError) as error:
                raise AttachError("The API's answer has no URLs; it is of another release than this image.") from error
            for item in self._spec.items:
                if item.sha256 not in self._urls:
                    raise AttachError(f"The API's answer has no URL for {item.label}.")

    def _with_retries(self, call: Callable[[], T]) -> T:
        """Repeat the call with growing pauses while the infrastructure is away, until the deadline."""
        pause = _FIRST_PAUSE
        while True:
            try:
                return call()
            except UnavailableError as error:
                if time.monotonic() + pause > self._deadline:
                    raise
                self._log(f"{error} Trying again in {pause:.1f} s.")
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
