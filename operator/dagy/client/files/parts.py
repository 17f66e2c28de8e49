"""Sending parts of a file to signed URLs, several at a time, each again where that helps."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock

import httpx

from dagy.client.files.verified import Progress
from dagy.client.http import responses as answers
from dagy.client.http import retry
from dagy.client.http.errors import ArtifactError, StoreError

_AT_ONCE = 4
"""Parts on their way at the same time: enough to fill a line, and at most that many in memory."""
_EXPIRED = 403


@dataclass(frozen=True)
class Slice:
    """One part of the file."""

    number: int
    offset: int
    size: int


def slices(size_bytes: int, part_size: int) -> tuple[Slice, ...]:
    """A file cut into parts; all but the last are `part_size` bytes."""
    starts = range(0, size_bytes, part_size)
    return tuple(Slice(i, start, min(part_size, size_bytes - start)) for i, start in enumerate(starts, start=1))


def content_md5(content: bytes) -> str:
    """The header Content-MD5 (RFC 1864): the store refuses what arrives damaged, or cut.

    Some stores keep a part whose connection broke in the middle, and list it with its full size; this prevents it.
    """
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


class PartSender:
    """Sends slices of one file. `fresh_url` makes another URL for a part whose URL has expired."""

    def __init__(
        self, store: httpx.Client, file: Path, fresh_url: Callable[[int], str], progress: Callable[[int], None]
    ) -> None:
        self._store, self._file, self._fresh_url, self._progress = store, file, fresh_url, progress
        self._stop = Event()

    def send(self, parts: Iterable[Slice], urls: Mapping[int, str]) -> dict[int, str]:
        """ETag of each part that was sent. Raises StoreError, ArtifactError, ApiError: the first that happened."""
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="dagy-part") as pool:
            futures = {pool.submit(self._one, part, urls[part.number]): part.number for part in parts}
            try:
                done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            except BaseException:  # Ctrl-C: what has not begun need not
                self._abandon(pool)
                raise
            failed = next((future for future in done if future.exception()), None)
            if failed is not None:
                self._abandon(pool)
                failed.result()
            return {number: future.result() for future, number in futures.items()}

    def _abandon(self, pool: ThreadPoolExecutor) -> None:
        self._stop.set()
        pool.shutdown(wait=False, cancel_futures=True)

    def _one(self, part: Slice, url: str) -> str:
        content = self._read(part)
        headers = {"Content-MD5": content_md5(content)}
        for attempt in range(1, retry.ATTEMPTS + 1):
            delay: float | None
            try:
                response = self._store.put(url, content=content, headers=headers)
            except httpx.TransportError as error:
                delay = None if self._stop.is_set() else retry.after_failure(attempt, repeatable=True, sent=True)
                if delay is None:
                    raise answers.store_failure(error, url) from error
            else:
                if response.is_success:
                    self._progress(part.size)
                    etag: str = response.headers.get("etag", "")
                    return etag.strip('"')
                if response.status_code == _EXPIRED and attempt == 1:
                    url, delay = self._fresh_url(part.number), 0.0
                else:
                    delay = retry.after_answer(
                        attempt, response.status_code, response.headers, repeatable=True, problem=False
                    )
                if delay is None or self._stop.is_set():
                    raise answers.store_refusal(response)
            self._stop.wait(delay)
        raise StoreError(f"Part {part.number} could not be sent.")

    def _read(self, part: Slice) -> bytes:
        try:
            with self._file.open("rb") as file:
                content = os.pread(file.fileno(), part.size, part.offset)
        except OSError as error:
            raise ArtifactError(f"The artifact {self._file} cannot be read: {error.strerror}.") from error
        if len(content) != part.size:
            raise ArtifactError(f"The artifact {self._file} became shorter while it was sent. Run this again.")
        return content


class Meter:
    """Adds up what the threads have sent, and tells it in order."""

    def __init__(self, total: int, done: int, progress: Progress | None) -> None:
        self._total, self._done, self._progress, self._lock = total, done, progress, Lock()
        self.add(0)

    def add(self, size: int) -> None:
        """Count bytes."""
        with self._lock:
            self._done += size
            if self._progress:
                self._progress(self._done, self._total)
