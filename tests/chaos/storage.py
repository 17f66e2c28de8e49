"""Faults of S3, put in where botocore hands a request to HTTP: everything above is the product's own."""

from __future__ import annotations

import io
from contextvars import ContextVar
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from dagy_builder.storage.store import ObjectStore
from tests.chaos.faults import How
from tests.chaos.process import Process

CURRENT: ContextVar[Process | None] = ContextVar("CURRENT", default=None)
"""The operator on whose behalf the present task or thread works; None for the played parts."""

_CODES = {
    How.E503: (503, "SlowDown"),
    How.E403: (403, "ExpiredToken"),
    How.E401: (401, "InvalidAccessKeyId"),
    How.E429: (429, "SlowDown"),
}
_REFUSALS = (How.REFUSED, *_CODES)


class _Body(io.BytesIO):
    """An answer's bytes as urllib3 hands them out."""

    def stream(self, amount: int = 65536, decode_content: bool | None = None) -> Any:
        while chunk := super().read(amount):
            yield chunk

    def read(self, amt: int | None = None, **_: Any) -> bytes:  # type: ignore[override]
        return super().read(-1 if amt is None else amt)


class FaultySession:
    """botocore's HTTP session, with faults for requests of operators."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def send(self, request: Any) -> Any:
        process = CURRENT.get()
        if process is None:
            return self._inner.send(request)
        gate = process.gate
        path = request.url.split("?")[0].split("/", 3)[3]
        write = f"S3 {request.method} {path}" if request.method not in ("GET", "HEAD") else ""
        number, outage = gate.s3(process, write)
        if outage and outage.how in _REFUSALS:
            gate.s3_meets(outage)
            if outage.how is How.REFUSED:
                raise EndpointConnectionError(endpoint_url=request.url, error="Connection refused")
            return _refusal(request, *_CODES[outage.how])
        answer = self._inner.send(request)
        if outage and outage.how is How.LOST:
            gate.s3_meets(outage)
            raise ReadTimeoutError(endpoint_url=request.url, error="injected")
        if outage and outage.how in (How.CUT, How.CHECKSUM) and answer.status_code < 300:
            spoiled = _spoiled(request, answer, outage.how)
            if spoiled is not answer:
                gate.s3_meets(outage)
                answer = spoiled
        gate.s3_done(process, number)
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _refusal(request: Any, status: int, code: str) -> AWSResponse:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>injected</Message></Error>".encode()
    return AWSResponse(request.url, status, {"Content-Type": "application/xml"}, _Body(body))


def _spoiled(request: Any, answer: Any, how: How) -> Any:
    """Return the answer cut off, or with another byte; as it was when there is nothing to spoil."""
    if request.method not in ("GET", "POST") or (how is How.CHECKSUM and not request.stream_output):
        return answer
    data = b"".join(answer.raw.stream()) if request.stream_output else answer.content
    middle = len(data) // 2
    rest = b"" if how is How.CUT else bytes(byte ^ 1 for byte in data[middle : middle + 1]) + data[middle + 1 :]
    spoiled = AWSResponse(answer.url, answer.status_code, answer.headers, _Body(data[:middle] + rest))
    if not request.stream_output:
        spoiled.content  # noqa: B018 read now, as botocore does
    return spoiled


def faulty(store: ObjectStore) -> ObjectStore:
    """Put faults into the store's way to S3, and take boto3's own repetition away, whose pauses are real."""
    client = store._s3
    endpoint = client._endpoint  # type: ignore[attr-defined]
    endpoint.http_session = FaultySession(endpoint.http_session)
    client.meta.events.unregister("needs-retry.s3", unique_id="retry-config-s3")
    return store
