"""Answers and failures: what they stand for, and whether another attempt follows. No I/O."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
from pydantic import ValidationError

from dagy.client.http import retry
from dagy.client.http.errors import ApiError, DagyError, StoreError, UnreachableError, api_error
from dagy.client.http.requests import Call

T = TypeVar("T")


_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_PERMANENT = (ssl.SSLCertVerificationError, socket.gaierror)
"""Errors that another attempt would meet again: a certificate that isn't trusted, a name that nobody knows."""


@dataclass
class Attempts:
    """Attempts of one call so far: it is sent until they say what came of it."""

    call: Call[Any]
    base_url: str
    number: int = 1
    perhaps_done: bool = False
    """True when an attempt may have been carried out although no answer said so."""

    def after_failure(self, error: httpx.TransportError) -> float:
        """Seconds until the next attempt. Raises UnreachableError when there is none."""
        sent = not isinstance(error, _NOT_SENT)
        delay = retry.after_failure(self.number, repeatable=self.call.repeatable, sent=sent)
        self.perhaps_done |= sent
        if delay is None or any(isinstance(cause, _PERMANENT) for cause in _causes(error)):
            raise self._unreachable(error) from error
        self.number += 1
        return delay

    def after_answer(self, response: httpx.Response) -> float:
        """The same after an answer that is no success. Raises ApiError when it is the last."""
        delay = retry.after_answer(
            self.number,
            response.status_code,
            response.headers,
            repeatable=self.call.repeatable,
            problem=_is_problem(response),
        )
        self.perhaps_done |= response.status_code in retry.BROKEN
        if delay is None:
            raise refusal(response, response.content)
        self.number += 1
        return delay

    def is_done(self, response: httpx.Response) -> bool:
        """Return True for a success, and for a 404 to a DELETE after an attempt that may have been carried out."""
        gone = self.call.method == "DELETE" and response.status_code == 404 and self.perhaps_done
        return response.is_success or gone

    def _unreachable(self, error: httpx.TransportError) -> DagyError:
        tried = f", {self.number} times" if self.number > 1 else ""
        told = failure(error, self.base_url, tried)
        if self.perhaps_done and self.call.method != "GET":
            return UnreachableError(f"{told} Whether it was done is not known: look before you repeat it.")
        return told


def read(call: Call[T], response: httpx.Response, content: bytes) -> T:
    """The value of a successful answer. Raises ApiError for one that isn't the API's."""
    try:
        return call.read(content)
    except ValidationError as error:
        raise ApiError(
            response.status_code,
            f"{_origin(response.request)} answered {call.method} {call.path} with something that is not DAGY's API's "
            f"({error.error_count()} fields are wrong). Check the URL, and that client and server are of one release.",
        ) from error


def refusal(response: httpx.Response, content: bytes) -> ApiError:
    """The error that an unsuccessful answer stands for."""
    return api_error(response.status_code, content, _origin(response.request))


def failure(error: httpx.TransportError, base_url: str, tried: str = "") -> DagyError:
    """No answer, as an exception. `tried`: how often, as a part of the sentence."""
    what = "took too long" if isinstance(error, httpx.TimeoutException) else "cannot be reached"
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
        what = "broke off"
    why = f": {error}" if str(error) else ""
    return UnreachableError(
        f"The API at {base_url} {what}{tried}{why}. Check the URL, your network, and whether dagy-api runs in the "
        "cluster."
    )


def store_refusal(response: httpx.Response) -> StoreError:
    """Return the error of a refusal by the object store. Its signed URL is a secret, and stays out of the message."""
    return StoreError(
        f"The object store at {_origin(response.request)} answered {response.status_code} to a URL that the API signed."
        " Try again; if it stays so, the API's S3 settings are wrong, or this machine's clock is."
    )


def store_failure(error: httpx.TransportError, signed_url: str) -> StoreError:
    """No answer from the object store."""
    url = httpx.URL(signed_url)
    return StoreError(
        f"The object store at {url.scheme}://{url.netloc.decode()} cannot be reached from here "
        f"({type(error).__name__}). Check the network, and that its certificate is trusted (DAGY_CA_FILE)."
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _is_problem(response: httpx.Response) -> bool:
    content_type: str = response.headers.get("content-type", "")
    return content_type.startswith("application/problem+json")


def _origin(request: httpx.Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc.decode()}"
